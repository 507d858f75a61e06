"""The event loop of a daemon. Parts of the daemon are closed after the last turn of the loop, so that no callback meets a closed part.

Threads and timers queue callbacks at any moment. Those still queued when a daemon was told to exit would be called between the close of its
parts and the end of the loop: asyncio makes some more turns to end tasks and generators. Here the tasks end first, while everything is
open; then the loop stops; then the parts are closed, and with the loop what is still queued is dropped.

A closed loop handles no signals: from then on, they would end the process by their default action.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...broker.own_process.closing import Closing
from . import stalls
from .early_signals import hold_signals_back

_Result = TypeVar("_Result")


def run(serve: Callable[[Closing], Coroutine[Any, Any, _Result]]) -> _Result:
    """Return the result of `serve` on a new loop, or raise what it raises; what it has put into its argument is closed afterwards.

    Signals that end a daemon are blocked when this returns or raises.
    """
    loop = stalls.new_loop()
    # The method of asyncio calls it, twice in each turn.
    loop.time = time.monotonic  # type: ignore[method-assign]
    closing = Closing()
    try:
        return loop.run_until_complete(_with_all_tasks(serve(closing)))
    finally:
        # The parts remove their descriptors from the loop.
        closing.close()
        # It was told to exit, or could not start. Somebody impatient says it again, and has to find its status.
        hold_signals_back()
        loop.close()


async def _with_all_tasks(serving: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine when all other tasks have ended too; they are cancelled."""
    try:
        return await serving
    finally:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

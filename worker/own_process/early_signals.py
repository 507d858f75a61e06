"""The signals that a daemon handles: blocked from its first step until it has handlers, and while it executes itself.

A signal that ends a daemon also does so while it starts, because it may be waiting for something that never happens.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TypeVar

from ...broker.own_process.handled_signals import SIGNALS

_Told = TypeVar("_Told")

_ENDINGS = (signal.SIGTERM, signal.SIGINT)


def _every(told: object) -> bool:
    del told
    return True


def hold_signals_back() -> None:
    """Block signals until `let_signals_in`, even across an exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def let_signals_in() -> None:
    """Unblock signals; pending ones are delivered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def let_endings_in() -> None:
    """Unblock the signals that end a daemon before it is ready; the others make sense only once it is."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)


async def completes(start: asyncio.Task[object], told: asyncio.Queue[_Told], ends: Callable[[_Told], bool] = _every) -> bool:
    """Wait until a start is done; or cancel it, and return False, if a message that `ends` the daemon arrives before.

    The message stays in the queue. Raises what the start raises.
    """
    heard: list[_Told] = []

    async def hear() -> None:
        while not heard or not ends(heard[-1]):
            heard.append(await told.get())

    hearing = asyncio.create_task(hear())
    try:
        await asyncio.wait((start, hearing), return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            await start
            return True
        return False
    finally:
        for task in (start, hearing):
            task.cancel()
        await asyncio.wait((start, hearing))
        for one in heard:
            told.put_nowait(one)

"""The signals that a daemon answers: held back from its first step until it has handlers, and while it executes itself.

One that ends it does so also while it starts, which may wait for something that never comes.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TypeVar

_Told = TypeVar("_Told")

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
_ENDINGS = (signal.SIGTERM, signal.SIGINT)


def _every(told: object) -> bool:
    del told
    return True


def hold_signals_back() -> None:
    """Block signals until `let_signals_in`, also across an exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def let_signals_in() -> None:
    """Unblock signals; pending ones are delivered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def let_endings_in() -> None:
    """Unblock those that end a daemon before it is ready; the others mean something only to one that is."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)


async def completes(start: asyncio.Task[object], told: asyncio.Queue[_Told], ends: Callable[[_Told], bool] = _every) -> bool:
    """Wait until a start is done; or cancel it, and return False, if something that `ends` the daemon is told before.

    What is told stays in the queue. Raises what the start raises.
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

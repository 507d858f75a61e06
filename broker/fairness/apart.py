"""Work of one request that takes long and needs nothing of the loop: on a thread, while further requests of its sender wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ...schemas.refusal import Refused
from ..own_process.threads import on_thread
from .cpu_shares import Shares


class Apart:
    """What is done on threads for an identity: one thing at a time, because its further requests wait."""

    def __init__(self) -> None:
        # What hands requests out, to handlers that may ask for this: so it comes last.
        self._shares: Shares | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, shares: Shares) -> None:
        """Let the further requests wait in these shares."""
        self._shares = shares

    def close(self) -> None:
        """Call nothing any more."""
        for task in self._tasks:
            task.cancel()

    def run(self, public: bytes, work: Callable[[], None], then: Callable[[Exception | None], None]) -> None:
        """Do `work` for an identity, to which its time is charged; then call `then`, on the loop, with what it raised."""
        if self._shares is None:
            then(_attempt(work))
            return
        self._shares.hold(public)
        task = asyncio.get_running_loop().create_task(self._run(self._shares, public, work, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, shares: Shares, public: bytes, work: Callable[[], None], then: Callable[[Exception | None], None]) -> None:
        begun = time.monotonic()
        try:
            try:
                raised = await on_thread(_attempt, work)
            except RuntimeError:
                # The system lets this process make no more threads.
                raised = _attempt(work)
            then(raised)
        finally:
            shares.let_go(public, time.monotonic() - begun)


def _attempt(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Refused as refused:
        # Its traceback would keep the request.
        return refused.anew()
    except Exception as error:  # noqa: BLE001 -- whoever asked for the work gets it
        return error
    return None

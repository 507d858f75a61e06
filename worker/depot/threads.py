"""The threads that read and write files of jobs, so that the loop never waits for a disk.

Each piece of an upload or a fetch occupies one thread for a moment, the unpacking of a job's files one for its whole duration.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ...broker.own_process.threads import Pool
from ...schemas.refusal import Code, Refused

_log = logging.getLogger(__name__)

# Unpacking and moving bytes have threads of their own, so that neither waits for the other.
_MOST_THREADS = 4
_FAULT = "the worker failed to handle the files of a job; its log says why"
_Result = TypeVar("_Result")


def nothing(_: Refused) -> None:
    """Do nothing: no caller needs the result."""


class Threads:
    """Runs functions on threads; all but the first start on demand. Created and used on a running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._pool = Pool(_MOST_THREADS, name)
        self.is_closed = False

    def run(self, work: Callable[[], _Result], then: Callable[[_Result], None], failed: Callable[[Refused], None] = nothing) -> None:
        """Call `work` on a thread, then `then` with its result on the loop, unless closed meanwhile.

        An exception in `work` is a bug: it is logged, and `failed` is called instead of `then`, so that no caller waits for ever.
        """

        def done(future: Future[_Result]) -> None:
            if not self.is_closed and not future.cancelled():
                self._loop.call_soon_threadsafe(finish, future)

        def finish(future: Future[_Result]) -> None:
            if self.is_closed:
                return
            error = future.exception()
            if error is not None:
                _log.error("work on the files of jobs failed", exc_info=error)
                failed(Refused(Code.INTERNAL, _FAULT))
            else:
                then(future.result())

        self._pool.submit(work).add_done_callback(done)

    def close(self) -> None:
        """Start nothing more; running work ends soon, because it checks `is_closed`."""
        self.is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

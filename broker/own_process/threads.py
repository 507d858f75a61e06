"""Threads of a daemon that exist before they are needed: it keeps working when no more can be created (RLIMIT_NPROC, pids.max).

A `ThreadPoolExecutor` creates its threads when there is work, and if it cannot, the work is neither done nor refused: it stays in its
queue. Here the first thread is created with the pool, so that everything in the queue is carried out once.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ...keys import more_processes
from ...schemas.refusal import Code, Refused
from .handled_signals import SIGNALS

_Result = TypeVar("_Result")


class Pool(ThreadPoolExecutor):
    """Threads that work on one queue. `most`: how many are created while work waits, as far as the system permits.

    Raises Refused if the first cannot be created.
    """

    def __init__(self, most: int, name: str) -> None:
        super().__init__(most, name)
        self._is_over = False
        try:
            super().submit(_begin)
        except RuntimeError as error:
            raise no_thread(error) from error

    def submit(self, work: Callable[..., _Result], /, *arguments: Any, **named: Any) -> Future[_Result]:
        """Return a future of the result of `work`.

        Raises RuntimeError after `shutdown`.
        """
        promised: Future[_Result] = Future()
        try:
            super().submit(_carry_out, promised, lambda: work(*arguments, **named))
        except RuntimeError:
            # Otherwise it is in the queue, which at least one thread works on.
            if self._is_over:
                raise
        return promised

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- of the library
        """End the threads when they have finished their present work, and the queued work unless it is cancelled."""
        self._is_over = True
        super().shutdown(wait, cancel_futures=cancel_futures)


async def on_thread(work: Callable[..., _Result], /, *arguments: Any, **named: Any) -> _Result:
    """Return the result of `work`, run on a thread of its own. If the caller is cancelled, the thread goes on, and nobody waits for it.

    If no thread can be created, `work` is not done, and RuntimeError is raised. `asyncio.to_thread` would leave it in its queue, and carry
    it out later; and a process that exits would wait for its end, such as that of a command that does not answer.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_Result] = loop.create_future()

    def run() -> None:
        # It may outlive the loop, whose handlers are gone then: a signal that it received would kill the daemon while it exits or reloads.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        promised: Future[_Result] = Future()
        promised.set_running_or_notify_cancel()
        try:
            promised.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 -- the caller gets it
            promised.set_exception(error)
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_pass_on, promised, result)

    thread = threading.Thread(target=run, name="on_thread", daemon=True)
    thread.start()
    try:
        return await result
    finally:
        if not result.cancelled():
            # It has nothing left to do.
            thread.join()


def no_thread(error: RuntimeError) -> Refused:
    """Return the refusal to start of a daemon that cannot create a thread."""
    return Refused(Code.UNAVAILABLE, f"this daemon cannot create a thread: {error}", more_processes.next_step())


def _pass_on(promised: Future[_Result], result: asyncio.Future[_Result]) -> None:
    if result.cancelled():
        return
    if (error := promised.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(promised.result())


def _begin() -> None:
    """Do nothing, on the first thread."""


def _carry_out(promised: Future[_Result], work: Callable[[], _Result]) -> None:
    if not promised.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 -- whoever waits for the result gets it, as of any executor
        promised.set_exception(error)
    else:
        promised.set_result(result)

"""Jobs as futures of `concurrent.futures`, for any thread: `JobExecutor`."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from ....schemas.naming import format_id
from ....schemas.refusal import Refused
from ...library.attached import Attached
from ...library.options.arguments import Duration, Text, deadline_in, once
from ...library.options.specs import JobOptions
from ...library.streams.text_mode import TextMode, text_mode
from ...library.values.completed_job import CompletedJob, CompletedTextJob
from ..client import AsyncClient
from ..loop.limit import Deadline
from ..verbs.call_options import result_of, spec_and_id, takes_job_options
from .loop_thread import LoopThread
from .submissions import Submission, check_most

if TYPE_CHECKING:
    from ...config.contexts import Context


class JobFuture(Future[Any]):
    """The result of a job of a `JobExecutor`: a `CompletedJob`, or a `CompletedTextJob`. `job_id` is the id of the job as text.

    It is pending while the job is queued, and running while the job runs. `cancel` asks the worker, and returns True only if the job had
    not started; it never stops a running job.
    """

    def __init__(self, executor: JobExecutor, job_id: bytes) -> None:
        super().__init__()
        self.job_id = format_id(job_id)
        # As long as a result is awaited its executor is needed.
        self._executor: JobExecutor | None = executor
        self._submission: Submission | None = None
        self._notified = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the job if it is queued, and return whether it was cancelled."""
        executor, submission = self._executor, self._submission
        if self.done() or executor is None or submission is None:
            return self.cancelled()
        if not executor._cancel(submission):  # noqa: SLF001 -- our own
            return self.cancelled()
        self._mark_cancelled()
        return True

    def _mark_cancelled(self) -> None:
        # From the loop and from `cancel`, whichever is first. Waiters are notified only by the second call.
        with self._notified:
            if not self.done() and super().cancel():
                self.set_running_or_notify_cancel()
        self._executor = None

    def _mark_running(self) -> None:
        with self._notified:
            if not self.running() and not self.done():
                self.set_running_or_notify_cancel()

    def _mark_done(self, result: CompletedJob | CompletedTextJob | None, error: BaseException | None) -> None:
        self._mark_running()
        self._executor = None
        if error is not None:
            self.set_exception(error)
        else:
            self.set_result(result)


class _Delivery:
    """A sink that settles a `JobFuture`, in other threads than the loop's: callbacks of futures may use the executor, and block."""

    def __init__(self, future: JobFuture, check: bool, mode: TextMode | None) -> None:  # noqa: FBT001 -- as in `run`
        self._future = future
        self._check = check
        self._mode = mode

    def started(self) -> None:
        """See `Sink`."""
        self._in_thread(self._future._mark_running)  # noqa: SLF001 -- our own

    def completed(self, job: CompletedJob) -> None:
        """See `Sink`."""
        try:
            self._settle(result_of(job, self._mode, check=self._check), None)
        except Exception as error:  # noqa: BLE001 -- JobFailed, or output that is not text
            self._settle(None, error)

    def failed(self, why: BaseException) -> None:
        """See `Sink`."""
        self._settle(None, why)

    def cancelled(self) -> None:
        """See `Sink`."""
        self._in_thread(self._future._mark_cancelled)  # noqa: SLF001 -- our own

    def _settle(self, result: CompletedJob | CompletedTextJob | None, error: BaseException | None) -> None:
        self._in_thread(lambda: self._future._mark_done(result, error))  # noqa: SLF001 -- our own

    def _in_thread(self, mark: Callable[[], None]) -> asyncio.Future[None] | None:
        try:
            return asyncio.get_running_loop().run_in_executor(None, mark)
        except RuntimeError:
            # The interpreter exits, and starts no threads any more.
            mark()
            return None


class JobExecutor(Attached, Executor):
    """Runs jobs, and returns futures as `concurrent.futures` does. Any thread may use it. A context manager, which waits for all jobs.

    `context`, `connect_timeout`, `notice`: as of `Client`. `max_workers`: how many of its jobs run at once; None: as many as the worker
    runs. All jobs are sent to the worker at once, and wait in its queue. A program that exits without `shutdown` leaves its jobs running.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        max_workers: int | None = None,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        check_most(max_workers)
        self._make_client: Callable[[], AsyncClient] = lambda: AsyncClient(context, connect_timeout=connect_timeout, notice=notice)
        self._most = max_workers
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._loop: LoopThread | None = None
        self._is_shut = False

    @overload  # type: ignore[override] # reason: a program and its arguments, instead of a function and its arguments
    def submit(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
        id: bytes | str | None = None,
        **options: Unpack[JobOptions],
    ) -> Future[CompletedJob]: ...
    @overload
    def submit(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,
        **options: Unpack[JobOptions],
    ) -> Future[CompletedTextJob]: ...
    @takes_job_options
    def submit(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        **options: Unpack[JobOptions],
    ) -> Future[CompletedJob] | Future[CompletedTextJob]:
        """Submit a job and return the future of its result, at once. All options are those of `Client.run`.

        `check`: the future raises `JobFailed` if the job does not return 0. A refusal of the worker is an exception of the future, and what
        is wrong with the options is raised here.
        """
        mode = text_mode(text, encoding, errors)
        argv = once(argv)
        spec, job_id = spec_and_id(argv, mode, id, options)
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot submit a job after shutdown")
            if self._process != os.getpid():
                raise RuntimeError("this executor was made before a fork; the child needs its own")
            if self._loop is None:
                self._loop = LoopThread(self._make_client, self._most)
                # When nobody holds it or one of its futures any more.
                weakref.finalize(self, self._loop.finish).atexit = False
                self._loop.start()
            future = JobFuture(self, job_id)
            future._submission = submission = Submission(spec, tuple(argv), job_id, _Delivery(future, check, mode))  # noqa: SLF001 -- our own
            self._loop.call(lambda submissions: submissions.begin(submission))
        return future

    def map(  # type: ignore[override] # reason: as above
        self, argvs: Iterable[Sequence[Text]], *, timeout: Duration | None = None, **options: Unpack[JobOptions]
    ) -> Iterator[CompletedJob]:
        """Submit a job for each argv, and iterate over the results in the same order.

        Jobs that are still queued are cancelled when the iteration ends early. Raises TimeoutError.
        """
        deadline = Deadline(deadline_in(timeout))
        futures = [self.submit(argv, **options) for argv in argvs]
        return _results(futures, deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as concurrent.futures calls it
        """Take no more jobs; with `wait` return when all have ended. `cancel_futures`: cancel those that are queued."""
        with self._lock:
            self._is_shut = True
            loop = self._loop
        if loop is None or self._process != os.getpid():
            return
        if cancel_futures and loop.thread.is_alive():
            loop.ask(lambda submissions: submissions.cancel_all())
        loop.finish()
        if wait:
            loop.thread.join()

    def _cancel(self, submission: Submission) -> bool:
        loop = self._loop
        if loop is None or not loop.thread.is_alive() or self._process != os.getpid() or threading.current_thread() is loop.thread:
            return False
        try:
            return bool(loop.ask(lambda submissions: submissions.cancel(submission)))
        except (Refused, RuntimeError, CancelledError):
            # The worker cannot be reached or is too old, or the executor ends.
            return False


def _results(futures: list[Future[CompletedJob]], deadline: Deadline) -> Iterator[CompletedJob]:
    try:
        for future in futures:
            # If this process was stopped, the thread of the loop was, too: it has yet to hear what came in time.
            while left := deadline.left(time.monotonic()):
                if wait([future], left).done:
                    break
            yield future.result(left)
    finally:
        for future in futures:
            future.cancel()

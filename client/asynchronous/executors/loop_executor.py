"""Jobs as futures of an event loop: `AsyncJobExecutor`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack, overload

from ....schemas.refusal import Refused
from ...library.attached import Attached
from ...library.options.arguments import Duration, Text, deadline_in, once
from ...library.options.specs import JobOptions
from ...library.streams.text_mode import TextMode, text_mode
from ...library.values.completed_job import CompletedJob, CompletedTextJob
from ..client import AsyncClient
from ..loop.limit import Deadline, Limit
from ..verbs.call_options import result_of, spec_and_id, takes_job_options
from .submissions import Submission, Submissions, check_most


class _Settling:
    """A sink that settles the future of an event loop."""

    def __init__(self, future: asyncio.Future[Any], check: bool, mode: TextMode | None) -> None:  # noqa: FBT001 -- as in `run`
        self._future = future
        self._check = check
        self._mode = mode

    def started(self) -> None:
        """See `Sink`."""

    def completed(self, job: CompletedJob) -> None:
        """See `Sink`."""
        if self._future.done():
            return
        try:
            self._future.set_result(result_of(job, self._mode, check=self._check))
        except Exception as error:  # noqa: BLE001 -- JobFailed, or output that is not text
            self._future.set_exception(error)

    def failed(self, why: BaseException) -> None:
        """See `Sink`."""
        if not self._future.done():
            self._future.set_exception(why)

    def cancelled(self) -> None:
        """See `Sink`."""
        self._future.cancel()


async def _results(futures: Sequence[asyncio.Future[CompletedJob]], deadline: Deadline) -> AsyncIterator[CompletedJob]:
    try:
        for future in futures:
            async with Limit(deadline):
                result = await future
            yield result
    finally:
        for future in futures:
            if not future.cancel() and not future.cancelled():
                # Nobody asks for it any more, which is no mistake.
                future.exception()


class AsyncJobExecutor(Attached):
    """Runs jobs of an `AsyncClient` and returns futures to await. Used in `async with`, it waits for all jobs.

    `max_workers`: how many of its jobs run at once; None: as many as the worker runs. Cancelling a future, or a task that awaits it,
    cancels the job if it is queued. A job that runs continues, as with `run_in_executor`; `AsyncClient.run` stops it.
    """

    def __init__(self, client: AsyncClient, *, max_workers: int | None = None) -> None:
        check_most(max_workers)
        self._client = client
        self._submissions = Submissions(client, max_workers)
        self._is_shut = False

    @overload
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
    ) -> asyncio.Future[CompletedJob]: ...
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
    ) -> asyncio.Future[CompletedTextJob]: ...
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
    ) -> asyncio.Future[CompletedJob] | asyncio.Future[CompletedTextJob]:
        """Submit a job and return the future of its result, at once. All options are those of `Client.run`; see `JobExecutor.submit`."""
        mode = text_mode(text, encoding, errors)
        argv = once(argv)
        spec, job_id = spec_and_id(argv, mode, id, options)
        if self._is_shut:
            raise RuntimeError("cannot submit a job after shutdown")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        submission = Submission(spec, tuple(argv), job_id, _Settling(future, check, mode))
        self._submissions.begin(submission)
        future.add_done_callback(lambda done: self._withdraw(submission) if done.cancelled() else None)
        return future

    def map(
        self, argvs: Iterable[Sequence[Text]], *, timeout: Duration | None = None, **options: Unpack[JobOptions]
    ) -> AsyncIterator[CompletedJob]:
        """Submit a job for each argv, at once, and iterate over the results in the same order.

        Jobs that are still queued are cancelled when the iteration ends early. Raises TimeoutError.
        """
        deadline = Deadline(deadline_in(timeout))
        return _results([self.submit(argv, **options) for argv in argvs], deadline)

    async def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as concurrent.futures calls it
        """Take no more jobs; with `wait` return when all have ended. `cancel_futures`: cancel those that are queued."""
        self._is_shut = True
        if cancel_futures:
            await self._submissions.cancel_all()
        if wait:
            await self._submissions.drained()

    async def __aenter__(self) -> Self:
        """Return itself; at the end of the block it waits for all jobs."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for all jobs; if the block was left by an exception, cancel those that are queued."""
        await self.shutdown(cancel_futures=error is not None)

    def _withdraw(self, submission: Submission) -> None:
        if not self._client.connection.closed:
            self._client._session.go_on_with(self._cancel(submission))  # noqa: SLF001 -- our own

    async def _cancel(self, submission: Submission) -> None:
        with contextlib.suppress(Refused, RuntimeError):
            await self._submissions.cancel(submission)

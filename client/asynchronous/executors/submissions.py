"""The jobs of an executor: each is submitted, followed to its end, and its result passed to a future of some kind.

Knows no future: a `Sink` receives the result. If there is a limit, the jobs form a run of a batch, so that the worker applies it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import OutcomeKind, State
from ....schemas.naming import JobKey, new_id
from ...library.known_jobs import Record
from ...library.options.arguments import Text
from ...library.values.completed_job import CompletedJob
from ...library.values.results import BatchInfo
from ...library.verbs import actions
from ...protocol.exchange import Exchange
from ..client import AsyncClient
from ..files import send_files
from ..job import AsyncJob
from ..loop.ends import Waiting


class Sink(Protocol):
    """Receives the result of a job. At most one of the last three methods is called, and each only once."""

    def started(self) -> None:
        """Note that the job runs, and cannot be cancelled any more."""

    def completed(self, job: CompletedJob) -> None:
        """Note that the job has ended."""

    def failed(self, why: BaseException) -> None:
        """Note that the job was refused, or that its end or output cannot be read."""

    def cancelled(self) -> None:
        """Note that the job was cancelled before it started."""


class Submission:
    """One job of an executor."""

    def __init__(self, spec: JobSpec, args: tuple[Text, ...], job_id: bytes, sink: Sink) -> None:
        self.spec = spec
        self.args = args
        self.job_id = job_id
        self.sink = sink
        self.job: AsyncJob | None = None
        self.start: Exchange | None = None
        self.task: asyncio.Task[None] | None = None
        self.acknowledged = asyncio.Event()
        self.cancelling = False
        self.told_start = False


class Submissions:
    """All jobs of one executor that have not ended. `most`: how many run at once; None: as many as the worker runs."""

    def __init__(self, client: AsyncClient, most: int | None) -> None:
        self._client = client
        self._batch = None if most is None else BatchInfo(new_id(), parallel=most)
        self._open: dict[Submission, None] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, submission: Submission) -> None:
        """Submit a job and follow it to its end."""
        self._open[submission] = None
        self._idle.clear()
        submission.task = asyncio.get_running_loop().create_task(self._carry(submission))

    async def cancel(self, submission: Submission) -> bool:
        """Cancel a job that has not started, and return whether it was. Never stops one that runs."""
        if submission not in self._open or submission.task is None:
            return False
        submission.cancelling = True
        if submission.start is None or not submission.start.number:
            # Nothing was sent yet.
            submission.task.cancel()
            await asyncio.wait([submission.task])
            return submission.task.cancelled()
        await submission.acknowledged.wait()
        return submission.job is not None and submission.told_start is False and await submission.job.cancel()

    async def cancel_all(self) -> None:
        """Cancel all jobs that have not started."""
        await asyncio.gather(*(self.cancel(submission) for submission in [*self._open]), return_exceptions=True)

    async def drained(self) -> None:
        """Wait until all have ended."""
        await self._idle.wait()

    async def abandon(self) -> None:
        """Stop following jobs; the jobs continue."""
        tasks = [submission.task for submission in self._open if submission.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _carry(self, submission: Submission) -> None:
        sink = submission.sink
        try:
            completed = await self._completed(submission)
        except asyncio.CancelledError:
            if submission.cancelling:
                sink.cancelled()
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, it belongs to the future
            sink.failed(error)
        else:
            never_ran = completed.outcome.kind is OutcomeKind.CANCELLED and completed.pid is None
            if submission.cancelling and never_ran:
                sink.cancelled()
            else:
                sink.completed(completed)
        finally:
            submission.acknowledged.set()
            del self._open[submission]
            if not self._open:
                self._idle.set()

    async def _completed(self, submission: Submission) -> CompletedJob:
        session, connection = self._client._session, self._client.connection  # noqa: SLF001 -- our own
        await connection.open()
        job = AsyncJob(session, JobKey(connection.owner, submission.job_id), submission.args)
        await send_files(connection, [submission.spec])
        watch = session.may_watch
        wanted = actions.start_request([submission.spec], [submission.job_id], batch=self._batch, watch=watch, tail_lines=0)
        start = submission.start = connection.ask(wanted)
        try:
            await session.acknowledged(start, [job.record])
        except BaseException:
            connection.forget(start)
            raise
        submission.job = job
        submission.acknowledged.set()

        def changed(record: Record) -> None:
            if record.state in (State.RUNNING, State.STOPPING) and not submission.told_start:
                submission.told_start = True
                submission.sink.started()

        with Waiting(session.ends, [job.record], changed) as waiting:
            changed(job.record)
            await waiting.all()
        output = job.collect()
        try:
            # Thousands may end at once: their logs are read some at a time.
            async with session.live_logs:
                await output.finish()
        finally:
            output.close()
        return job.completed(output.stdout, output.stderr)


def check_most(max_workers: int | None) -> None:
    """Raise ValueError if this is not a valid number of concurrent jobs; None: as many as the worker runs."""
    if max_workers is not None and max_workers <= 0:
        raise ValueError(f"max_workers must be at least 1, not {max_workers}")

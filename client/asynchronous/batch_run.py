"""One run of a batch on a worker, for event loops. An action on it is one request about all its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from ...schemas.generated import request_pb2
from ..library.attached import Attached
from ..library.options.arguments import Duration, deadline_in
from ..library.values.results import Forgotten
from ..library.values.run_info import (
    RunInfo,
    change_request,
    forget_request,
    query,
    read_acknowledged,
    read_run,
    run_info,
    selection,
    stop_request,
    tell_stuck_jobs,
)
from ..library.verbs.actions import forgotten
from ..protocol.exchange import Exchange
from .job import AsyncJob
from .loop.completion import completed
from .loop.limit import Deadline, Limit, limit_of
from .loop.session import AsyncSession


class AsyncStopping(Attached):
    """A stop of a run that the worker has accepted. `jobs`: how many jobs it ends."""

    def __init__(self, session: AsyncSession, exchange: Exchange, jobs: int) -> None:
        self.jobs = jobs
        self._session = session
        self._exchange = exchange

    async def wait(self, timeout: Duration | None = None) -> None:
        """Wait until none of their processes is left.

        Raises TimeoutError.
        """
        async with limit_of(timeout):
            while (item := await self._session.connection.next(self._exchange)) is not None:
                tell_stuck_jobs(item, self._session.connection.notice)


class AsyncBatchRun(Attached):
    """One run of a batch. `info` is what is known about it; every call that returns a `RunInfo` updates it."""

    def __init__(self, session: AsyncSession, info: RunInfo) -> None:
        self.info = info
        # Its jobs, if this client has submitted them.
        self.started: Sequence[AsyncJob] = ()
        self._session = session

    def __repr__(self) -> str:
        """Return a text with id and name."""
        return f"<AsyncBatchRun {self.info.id} {self.info.batch.name}>"

    @property
    def id(self) -> str:
        """The id of the run as text."""
        return self.info.id

    async def refresh(self, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> RunInfo:
        """Return the run as it is now, with some of its jobs; see `AsyncClient.batch_run`."""
        wanted = query(self.id, owner=self.info.owner, longest=longest, failures=failures, tail_lines=tail_lines)
        self.info = run_info((await self._session.reply(wanted, "query_run")).query_run)
        return self.info

    async def wait(self, timeout: Duration | None = None, *, failures: int = 0) -> RunInfo:
        """Wait until no job of the run waits or runs, and return the run, with its first failed jobs.

        Raises TimeoutError.
        """
        wanted = query(self.id, owner=self.info.owner, failures=failures, until_ended=True)
        connection = self._session.connection
        await connection.open()
        async with limit_of(timeout):
            exchange = connection.ask(wanted)
            try:
                item = await connection.next(exchange)
            finally:
                connection.forget(exchange)
        self.info = read_run(item)
        return self.info

    async def jobs(self) -> list[AsyncJob]:
        """Return the jobs of the run that were not forgotten, oldest first, without its `on_finish`."""
        if self.started:
            return [*self.started]
        wanted = request_pb2.List(all=True, batch=self.info.batch.id, owner=self.info.owner)
        return [AsyncJob(self._session, info.key) async for info in self._session.list_jobs(wanted) if not info.is_on_finish]

    async def as_completed(self, *, timeout: Duration | None = None) -> AsyncIterator[AsyncJob]:
        """Iterate over the jobs of the run with `async for` in the order in which they end, after those that ended earlier; each once.

        Raises TimeoutError if not all have ended within `timeout` from the first iteration.
        """
        deadline = Deadline(deadline_in(timeout))
        async with Limit(deadline):
            jobs = await self.jobs()
        async for job in completed(self._session, jobs, deadline):
            yield job

    async def stop(
        self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None, *, every_run: bool = False
    ) -> int:
        """Stop the jobs of the run that have not ended, and return how many; returns when none of their processes is left.

        `every_run`: those of all runs of this batch. Raises TimeoutError if `timeout` passes before.
        """
        async with limit_of(timeout):
            stopping = await self.stop_soon(signal, grace, every_run=every_run)
            await stopping.wait()
        return stopping.jobs

    async def stop_soon(self, signal: int | None = None, grace: Duration | None = None, *, every_run: bool = False) -> AsyncStopping:
        """Start to stop the jobs of the run; returns once the worker has accepted that."""
        await self._session.connection.open()
        exchange = self._session.connection.ask(stop_request(self.info, signal, grace, every_run=every_run))
        try:
            item = await self._session.connection.next(exchange)
        except BaseException:
            self._session.connection.forget(exchange)
            raise
        return AsyncStopping(self._session, exchange, read_acknowledged(item))

    async def send_signal(self, signal: int) -> int:
        """Send a signal to all processes of the jobs of the run, and return how many jobs have received it."""
        return await self._done(request_pb2.Request(signal=request_pb2.Signal(selection=selection(self.info), signal=signal)))

    async def pause(self, *, every_run: bool = False) -> int:
        """Suspend the jobs of the run that run now, and return how many; returns when they are suspended."""
        return await self._done(request_pb2.Request(pause=request_pb2.Pause(selection=selection(self.info, every_run=every_run))))

    async def resume(self, *, every_run: bool = False) -> int:
        """Continue the paused jobs of the run, and return how many of its jobs run."""
        return await self._done(request_pb2.Request(resume=request_pb2.Resume(selection=selection(self.info, every_run=every_run))))

    async def hold(self, *, every_run: bool = False) -> int:
        """Hold the jobs of the run that wait, until they are released, and return how many."""
        return await self.change(held=True, every_run=every_run)

    async def release(self, *, every_run: bool = False) -> int:
        """Release the held jobs of the run, and return how many of its jobs wait."""
        return await self.change(held=False, every_run=every_run)

    async def change(
        self,
        *,
        held: bool | None = None,
        priority: int | None = None,
        time_limit: Duration | None = None,
        parallel: int | None = None,
        every_run: bool = False,
    ) -> int:
        """Change the waiting jobs of the run, or how many of its jobs may run at once (0: as many as there are slots).

        A time limit (0: none) is also set for running jobs. Returns how many jobs were selected. `every_run`: those of all runs of this
        batch.
        """
        return await self._done(change_request(self.info, held, priority, time_limit, parallel, every_run=every_run))

    async def forget(self, *, older_than: Duration | None = None, dry_run: bool = False) -> Forgotten:
        """Remove the jobs of the run, with their logs, and return how many. Their ids are never run again.

        `older_than`: only jobs that ended at least this long ago. `dry_run`: only count them.

        Raises `Refused(FAILED_PRECONDITION)` if a job has not ended, unless one of the two is given.
        """
        request = forget_request(selection(self.info), older_than, dry_run=dry_run)
        return forgotten([(await self._session.reply(request, "forget")).forget])

    async def _done(self, request: request_pb2.Request) -> int:
        return (await self._session.reply(request, "done")).done.jobs

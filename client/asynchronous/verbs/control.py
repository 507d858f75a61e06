"""What an asynchronous client does with submitted or found jobs: it waits for them, changes and ends them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from ....schemas.generated import request_pb2
from ...files.fetch_result import Fetched
from ...files.options import Files, Paths
from ...library.attached import Attached
from ...library.options.arguments import Duration, deadline_in
from ...library.values.results import Forgotten
from ...library.values.run_info import forget_request
from ...library.verbs import actions
from ..job import AsyncJob
from ..loop.completion import completed
from ..loop.connection import AsyncConnection
from ..loop.ends import Waiting
from ..loop.limit import Deadline, limit_of
from ..loop.session import AsyncSession
from .actions import forget, request_stop


class Control(Attached):
    """Waits for jobs, stops, suspends, changes and forgets them."""

    connection: AsyncConnection
    _session: AsyncSession

    async def wait(
        self,
        jobs: Iterable[AsyncJob],
        *,
        any: bool = False,  # noqa: A002 -- reads as what it means: wait(jobs, any=True)
        timeout: Duration | None = None,
    ) -> list[AsyncJob]:
        """Wait until all jobs have ended, or with `any` one of them, and return those that have ended.

        Raises TimeoutError.
        """
        wanted = [*jobs]
        async with limit_of(timeout):
            await self.connection.open()
            with Waiting(self._session.ends, [job.record for job in wanted]) as waiting:
                while await waiting.next() is not None and not any:
                    pass
        return [job for job in wanted if job.outcome is not None]

    async def as_completed(self, jobs: Iterable[AsyncJob], *, timeout: Duration | None = None) -> AsyncIterator[AsyncJob]:
        """Iterate over jobs with `async for` in the order in which they end, after those that ended earlier; each job once.

        Raises TimeoutError if not all have ended within `timeout` from the first iteration.
        """
        async for job in completed(self._session, jobs, Deadline(deadline_in(timeout))):
            yield job

    async def stop(
        self,
        jobs: Iterable[AsyncJob],
        *,
        signal: int | None = None,
        grace: Duration | None = None,
        timeout: Duration | None = None,
    ) -> None:
        """Stop jobs and all processes that they started; returns when none of these is left; see `Client.stop`."""
        records = [job.record for job in jobs]
        async with limit_of(timeout):
            await request_stop(self._session, records, signal, grace)
            with Waiting(self._session.ends, records) as waiting:
                await waiting.all()

    async def forget(self, jobs: Iterable[AsyncJob]) -> Forgotten:
        """Remove jobs that have ended, with their logs, and return how many. Their ids are never run again; see `Client.forget`."""
        return await forget(self._session, [job.key for job in jobs])

    async def forget_ended(self, *, older_than: Duration | None = None, dry_run: bool = False) -> Forgotten:
        """Remove all ended jobs of this client's owner, with their logs, and return how many; see `Client.forget_ended`."""
        request = forget_request(request_pb2.Selection(everything=True), older_than, dry_run=dry_run)
        return actions.forgotten([(await self._session.reply(request, "forget")).forget])

    async def put(self, job: AsyncJob, files: Files) -> None:
        """Put files and folders of this machine into the folder of a job, which may wait, run, or have ended; see `Job.put`."""
        await job.put(files)

    async def get(self, job: AsyncJob, paths: Paths | None = None) -> list[Fetched]:
        """Fetch files and folders from the folder of a job; see `Job.get`."""
        return await job.get(paths)

    async def pause(self, jobs: Iterable[AsyncJob]) -> None:
        """Suspend jobs, all or none of each 250; returns when they are suspended."""
        await self._session.all_done(actions.pause_requests([job.key for job in jobs]))

    async def resume(self, jobs: Iterable[AsyncJob]) -> None:
        """Continue paused jobs, all or none of each 250."""
        await self._session.all_done(actions.resume_requests([job.key for job in jobs]))

    async def change(
        self,
        jobs: Iterable[AsyncJob],
        *,
        held: bool | None = None,
        priority: int | None = None,
        time_limit: Duration | None = None,
    ) -> None:
        """Hold or release jobs that wait, set their priority or a time limit; see `Client.change`."""
        await self._session.all_done(actions.change_requests([job.key for job in jobs], held, priority, time_limit))

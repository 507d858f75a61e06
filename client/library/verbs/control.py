"""What a client does with submitted or found jobs: it waits for them, changes and ends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ....schemas.generated import request_pb2
from ...sockets.connection import Connection
from ..attached import Attached
from ..job import Job
from ..options.arguments import Duration, deadline_in
from ..session import Session
from . import actions

if TYPE_CHECKING:
    from ...files.fetch_result import Fetched
    from ...files.options import Files, Paths
    from ..values.results import Forgotten


class Control(Attached):
    """Waits for jobs, stops, suspends, changes and forgets them."""

    connection: Connection
    _session: Session

    def wait(self, jobs: Iterable[Job], *, any: bool = False, timeout: Duration | None = None) -> list[Job]:  # noqa: A002 -- reads as what it means: wait(jobs, any=True)
        """Wait until all jobs have ended, or with `any` one of them, and return those that have ended.

        Raises TimeoutError.
        """
        wanted = list(jobs)
        self._session.wait([job.record for job in wanted], first=any, deadline=deadline_in(timeout))
        return [job for job in wanted if job.outcome is not None]

    def as_completed(self, jobs: Iterable[Job], *, timeout: Duration | None = None) -> Iterator[Job]:
        """Iterate over jobs in the order in which they end, after those that ended earlier; each job once.

        Other calls may be made meanwhile. Raises TimeoutError if not all have ended within `timeout` from now.
        """
        wanted = list(jobs)
        deadline = deadline_in(timeout)
        return self._as_completed(wanted, deadline)

    def _as_completed(self, wanted: Sequence[Job], deadline: float | None) -> Iterator[Job]:
        jobs = {job.record: job for job in wanted}
        with closing(self._session.ends(jobs, deadline)) as ends:
            for record in ends:
                yield jobs[record]

    def stop(
        self, jobs: Iterable[Job], *, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None
    ) -> None:
        """Stop jobs and all processes that they started; returns when none of these is left.

        Of each 250 jobs all are stopped, or none if this client may not stop one of them. Raises TimeoutError and `Refused`.
        """
        records = [job.record for job in jobs]
        deadline = deadline_in(timeout)
        actions.stop(self._session, records, signal, grace, deadline)
        self._session.wait(records, deadline=deadline)

    def forget(self, jobs: Iterable[Job]) -> Forgotten:
        """Remove jobs that have ended, with their logs, and return how many. Their ids are never run again.

        Raises `Refused(FAILED_PRECONDITION)` if one has not ended; of each 250 jobs all are removed or none.
        """
        return actions.forget(self._session, [job.key for job in jobs])

    def forget_ended(self, *, older_than: Duration | None = None, dry_run: bool = False) -> Forgotten:
        """Remove all ended jobs of this client's owner, with their logs, and return how many. Their ids are never run again.

        `older_than`: only jobs that ended at least this long ago. `dry_run`: only count them.
        """
        from ..values.run_info import forget_request  # noqa: PLC0415 -- as above

        request = forget_request(request_pb2.Selection(everything=True), older_than, dry_run=dry_run)
        return actions.forgotten([self._session.reply(request, "forget").forget])

    def put(self, job: Job, files: Files) -> None:
        """Put files and folders of this machine into the folder of a job, which may wait, run, or have ended; see `Job.put`."""
        job.put(files)

    def get(self, job: Job, paths: Paths | None = None) -> list[Fetched]:
        """Fetch files and folders from the folder of a job; see `Job.get`."""
        return job.get(paths)

    def pause(self, jobs: Iterable[Job]) -> None:
        """Suspend jobs, all or none of each 250; returns when they are suspended."""
        self._session.all_done(actions.pause_requests([job.key for job in jobs]))

    def resume(self, jobs: Iterable[Job]) -> None:
        """Continue paused jobs, all or none of each 250."""
        self._session.all_done(actions.resume_requests([job.key for job in jobs]))

    def change(
        self,
        jobs: Iterable[Job],
        *,
        held: bool | None = None,
        priority: int | None = None,
        time_limit: Duration | None = None,
    ) -> None:
        """Hold waiting jobs, or (`held=False`) release them; set their priority, -1000 to 1000, or a time limit (0: none) of any jobs.

        Of each 250 jobs all are changed or none.

        Raises `Refused(FAILED_PRECONDITION)` if one has started already.
        """
        self._session.all_done(actions.change_requests([job.key for job in jobs], held, priority, time_limit))

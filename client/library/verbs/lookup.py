"""Queries of a client: jobs, runs of batches, and events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ....schemas.generated import job_pb2
from ....schemas.jobs.states import JobTime, Pick, State
from ....schemas.naming import JobKey
from ...sockets.connection import Connection
from ..attached import Attached
from ..job import Job
from ..options.arguments import Duration, deadline_in
from ..requests import filters
from ..requests.queries import query_by_name, query_proof
from ..session import Session

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ..batch_run import BatchRun
    from ..events import EventStream
    from ..values.event import EventCursor
    from ..values.job_info import JobInfo
    from ..values.run_info import RunInfo


class Lookup(Attached):
    """Finds jobs and runs, and subscribes to events."""

    connection: Connection
    _session: Session

    def job(self, name: str, *, pick: Pick = Pick.ONLY) -> Job:
        """Return the job that a name refers to: a full id, PID@START, `last`, the name of a job, or a unique prefix of an id.

        `OWNER/` before it names a job of another member. `pick`: which job an ambiguous name refers to: NEWEST, or ALIVE for the only one
        that has not ended. Raises `Refused`: NOT_FOUND, or INVALID_ARGUMENT if several jobs match.
        """
        found = self._named(name, pick)
        job = Job(self._session, JobKey(found.key.owner, found.key.id))
        self._session.known_jobs.learn_job(found)
        return job

    def info(self, name: str, *, pick: Pick = Pick.ONLY) -> JobInfo:
        """Return everything that the worker knows about the job that a name refers to; see `job`."""
        from ..values.job_info import job_info  # noqa: PLC0415 -- a command that runs a job need not wait for it

        return job_info(self._named(name, pick))

    def proof(self, name: str, *, pick: Pick = Pick.ONLY) -> str:
        """Return the proof of who started and who stopped a job, as the text of a file that `jobwire verify` checks; see `job`.

        Raises `Refused`: FAILED_PRECONDITION if no signature is kept, as after a rebuild of the worker's store.
        """
        from ...proofs.text import write  # noqa: PLC0415 -- as above

        return write(self._session.reply(query_proof(self._named(name, pick).key), "proof").proof)

    def _named(self, name: str, pick: Pick) -> job_pb2.Job:
        return self._session.reply(query_by_name(name, pick), "query_one").query_one.job

    def job_by_key(self, owner: bytes, id: bytes) -> Job:  # noqa: A002 -- it is one
        """Return a handle for a job without checking whether it exists."""
        return Job(self._session, JobKey(owner, id))

    def list(  # noqa: PLR0913 -- each is one filter, all by name
        self,
        all: bool = False,  # noqa: A002, FBT001, FBT002 -- reads as what it means: list(all=True)
        batch: str | bytes | None = None,
        owner: bytes | None = None,
        *,
        states: Iterable[State] = (),
        failed: bool = False,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        user: str = "",
        since: datetime | Duration | None = None,
        until: datetime | Duration | None = None,
        sorted_by: JobTime = JobTime.QUEUED,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[JobInfo]:
        """Iterate over jobs that match all arguments, oldest first. The worker selects them.

        `all`: include jobs that have ended. `batch`: its name or a run id. `owner`, `user`: the public key of a member, or the name in the
        worker's roster. `states`: only these, whatever `all` says. `failed`: only jobs that have ended and did not exit with 0, or whose
        output is incomplete. `labels`: only jobs with all of them. `since`, `until`: only jobs that were queued in this time; a datetime,
        or how long ago by the worker's clock. `sorted_by`: sort by another time than that of queueing, to which `since` and `until` apply
        too; jobs that have no such time yet are left out. `limit`: at most so many.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old for a filter.
        """
        wanted = filters.list_request(
            all=all,
            batch=batch,
            owner=owner,
            states=states,
            failed=failed,
            name=name,
            labels=labels,
            user=user,
            since=since,
            until=until,
            sorted_by=sorted_by,
            newest_first=newest_first,
        )
        return self._session.list_jobs(wanted, limit)

    def events(
        self,
        start: str | EventCursor | datetime | timedelta = "now",
        *,
        jobs: Iterable[Job] = (),
        batch: bytes | None = None,
        owner: bytes | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
    ) -> EventStream:
        """Subscribe to events of these jobs, this run of a batch, this owner, or all jobs that this client may see.

        `start`: "now", "start" for the oldest event that is kept, the cursor to continue after, or a time: a datetime, or how long ago.

        No event after the return of this call is missed. With `timeout`, iterating raises TimeoutError when it has passed.
        """
        from ..events import EventStream, make_filter  # noqa: PLC0415 -- a command that runs a job need not wait for it

        wanted = make_filter((job.key for job in jobs), batch, owner, labels)
        return EventStream(self._session, wanted, start, deadline_in(timeout))

    def batch_run(self, name: str, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> BatchRun:
        """Return the run with this id or id prefix, or the newest run of the batch with this name.

        Your own runs take precedence; `OWNER/` before the name selects those of a member.

        `longest`, `failures`: include this many of the jobs that ran longest, and of the failed ones, the latter with this many last lines
        of stderr.

        Raises `Refused`: NOT_FOUND if there is none, UNIMPLEMENTED if the worker is too old.
        """
        from ..batch_run import BatchRun  # noqa: PLC0415 -- a command that runs a job need not wait for it
        from ..values.run_info import query, run_info  # noqa: PLC0415 -- as above

        wanted = query(name, longest=longest, failures=failures, tail_lines=tail_lines)
        return BatchRun(self._session, run_info(self._session.reply(wanted, "query_run").query_run))

    def batch_runs(self, name: str = "", *, owner: bytes | None = None, user: str = "", limit: int | None = None) -> Iterator[RunInfo]:
        """Iterate over runs of batches, newest first, with the counts of their jobs.

        `name`: only runs of this batch. `owner`, `user`: the public key of a member, or the name in the worker's roster. `limit`: at most
        this many.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old.
        """
        from ..requests.pages import read_all  # noqa: PLC0415 -- as above
        from ..values.run_info import list_runs  # noqa: PLC0415 -- as above

        return read_all(self.connection.call, list_runs(name, owner, user, limit))

"""Queries of an asynchronous client: jobs, runs of batches, and events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING

from ....schemas.generated import job_pb2
from ....schemas.jobs.states import JobTime, Pick, State
from ....schemas.naming import JobKey
from ...library.attached import Attached
from ...library.events import make_filter
from ...library.options.arguments import Duration
from ...library.requests import filters
from ...library.requests.queries import query_by_name, query_proof
from ...library.values.event import EventCursor
from ...library.values.job_info import JobInfo, job_info
from ...library.values.run_info import RunInfo, list_runs, query, run_info
from ...proofs.text import write as write_proof
from ..batch_run import AsyncBatchRun
from ..dialogue import read_all
from ..events import AsyncEventStream
from ..job import AsyncJob
from ..loop.connection import AsyncConnection
from ..loop.session import AsyncSession

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Lookup(Attached):
    """Finds jobs and runs, and subscribes to events."""

    connection: AsyncConnection
    _session: AsyncSession

    async def job(self, name: str, *, pick: Pick = Pick.ONLY) -> AsyncJob:
        """Return the job that a name refers to; see `Client.job`."""
        found = await self._named(name, pick)
        job = AsyncJob(self._session, JobKey(found.key.owner, found.key.id))
        self._session.known_jobs.learn_job(found)
        return job

    async def info(self, name: str, *, pick: Pick = Pick.ONLY) -> JobInfo:
        """Return everything that the worker knows about the job that a name refers to; see `Client.job`."""
        return job_info(await self._named(name, pick))

    async def proof(self, name: str, *, pick: Pick = Pick.ONLY) -> str:
        """Return the proof of who started and who stopped a job; see `Client.proof`."""
        named = await self._named(name, pick)
        return write_proof((await self._session.reply(query_proof(named.key), "proof")).proof)

    async def _named(self, name: str, pick: Pick) -> job_pb2.Job:
        return (await self._session.reply(query_by_name(name, pick), "query_one")).query_one.job

    def job_by_key(self, owner: bytes, id: bytes) -> AsyncJob:  # noqa: A002 -- it is one
        """Return a handle for a job without checking whether it exists."""
        return AsyncJob(self._session, JobKey(owner, id))

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
    ) -> AsyncIterator[JobInfo]:
        """Iterate over jobs that match all arguments, with `async for`; see `Client.list`."""
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
        jobs: Iterable[AsyncJob] = (),
        batch: bytes | None = None,
        owner: bytes | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
    ) -> AsyncEventStream:
        """Subscribe to events, with `async with client.events() as news`, or `await client.events()`; see `Client.events`.

        No event after that is missed.
        """
        return AsyncEventStream(self._session, make_filter((job.key for job in jobs), batch, owner, labels), start, timeout)

    async def batch_run(self, name: str, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> AsyncBatchRun:
        """Return the run with this id, or the newest run of the batch with this name; see `Client.batch_run`."""
        wanted = query(name, longest=longest, failures=failures, tail_lines=tail_lines)
        return AsyncBatchRun(self._session, run_info((await self._session.reply(wanted, "query_run")).query_run))

    def batch_runs(self, name: str = "", *, owner: bytes | None = None, user: str = "", limit: int | None = None) -> AsyncIterator[RunInfo]:
        """Iterate over runs of batches, newest first, with `async for`; see `Client.batch_runs`."""
        return read_all(self.connection, list_runs(name, owner, user, limit))

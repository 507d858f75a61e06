"""The library for an event loop: `AsyncClient`, with the verbs of `Client`.

    async with jobwire.AsyncClient() as client:
        print((await client.run(["uname", "-a"], check=True)).stdout)

Knows no screen and no file format. All that waits, waits in the loop; only finding and starting a worker happens in a thread.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack, overload

from ...keys.identity import Identity
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import JobTime, Pick, State
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Refused
from ..files.fetched import Fetched
from ..files.options import Files, Paths, wanted
from ..library.attached import Attached
from ..library.batches import Described, PlannedBatch, plan_batch
from ..library.destination import Destination, find_destination
from ..library.events import make_filter
from ..library.options.arguments import Duration, Text, make_id, seconds
from ..library.options.specs import JobOptions, args_of, as_spec
from ..library.requests import filters
from ..library.requests.queries import query_by_name, query_proof
from ..library.streams.source import Stdin, source_of
from ..library.streams.text_mode import TextMode, text_mode
from ..library.values.completed_job import CompletedJob, CompletedTextJob
from ..library.values.event import EventCursor
from ..library.values.results import BatchInfo, Forgotten, JobInfo, job_info
from ..library.values.run_info import RunInfo, forget_request, list_runs, query, run_info
from ..library.values.status import WorkerStatus, read_status, status_request
from ..library.verbs import actions
from ..proofs.text import write as write_proof
from ..sockets.connection import CONNECT_TIMEOUT_SECONDS
from .batch_run import AsyncBatchRun
from .dialogue import carry_out, read_all
from .events import AsyncEventStream
from .files import in_thread, send_files
from .job import AsyncJob, timeout_of
from .loop.completion import completed
from .loop.connection import AsyncConnection
from .loop.ends import Waiting
from .loop.session import AsyncSession
from .members import AsyncMembers
from .schedules import AsyncSchedules
from .verbs.actions import forget, request_stop, start_jobs
from .verbs.call_options import result_of, spec_and_id, takes_job_options
from .verbs.run_to_end import run_to_end
from .workers import AsyncWorkers

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ..config.contexts import Context


class AsyncClient(Attached):
    """A worker to run jobs on, for one event loop. It connects at the first verb, and any number of tasks may use it at once.

    `context`: the name of a context, or a Context; None: the current one, or the private worker of this user if there is none. `notice` is
    called with a sentence when the connection is lost, and again when it is back.

    A verb that is cancelled leaves nothing open, here and at the worker. `run` stops its job then; a job that was submitted continues.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._use(lambda: find_destination(context, connect_timeout), notice)

    def _use(self, find: Callable[[], Destination], notice: Callable[[str], None] | None) -> None:
        self.connection = AsyncConnection(find, notice)
        self._session = AsyncSession(self.connection)

    @classmethod
    def connect(
        cls,
        endpoint: str,
        server_key: bytes,
        identity: Identity,
        *,
        connect_timeout: Duration = CONNECT_TIMEOUT_SECONDS,
        revive: Callable[[], str | None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> Self:
        """Return a client for an address, `tcp://HOST:PORT`, and the worker's public key (32 bytes). `revive` is called in a thread."""
        client = cls.__new__(cls)
        found = Destination(endpoint, server_key, identity, seconds(connect_timeout), revive)
        client._use(lambda: found, notice)  # noqa: SLF001 -- our own
        return client

    @property
    def schedules(self) -> AsyncSchedules:
        """The schedules of the worker: jobs that it starts again and again."""
        return AsyncSchedules(self._session)

    @property
    def workers(self) -> AsyncWorkers:
        """The workers of a broker: which there are, and what operators do about them."""
        return AsyncWorkers(self._session)

    @property
    def members(self) -> AsyncMembers:
        """The members of the worker, for an admin: who may come in, and what they may do."""
        return AsyncMembers(self._session)

    # --- running

    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedJob: ...
    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedTextJob: ...
    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: bool | None = None,
        encoding: str,
        errors: str | None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedTextJob: ...
    @takes_job_options
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedJob | CompletedTextJob:
        """Run a job to its end and return its result, with all its output. To cancel this stops the job.

        All options are those of `Client.run`. A cancelled call returns when the worker has accepted the stop, or after five seconds; if it
        is cancelled once more it returns at once, and the stop goes on.
        """
        mode = text_mode(text, encoding, errors)
        source = source_of(stdin, has_input=options.get("input") is not None)
        fetches = wanted(options.get("get", ()))
        options["get"] = [path for path, _ in fetches]
        spec, job_id = await _spec_and_id(argv, mode, id, options)
        if source is not None:
            spec = replace(spec, feed=True)
        await self.connection.open()
        await send_files(self.connection, [spec])
        job = AsyncJob(self._session, JobKey(self.connection.owner, job_id), tuple(argv))
        watch = self._session.may_watch
        start = self.connection.ask(actions.start_request([spec], [job_id], batch=None, watch=watch, tail_lines=0))
        completed = await run_to_end(self._session, start, job, timeout, options.get("grace"), mode, source=source)
        for fetch in fetches:
            try:
                await job.fetch([fetch])
            except Refused:
                if completed.succeeded:
                    raise
        return result_of(completed, mode, check=check)

    @takes_job_options
    async def submit(
        self,
        argv: Sequence[Text],
        *,
        watch: bool = True,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        **options: Unpack[JobOptions],
    ) -> AsyncJob:
        """Submit a job. Returns when it is certain that the job will run, whatever happens here.

        All options are those of `Client.submit`. If this is cancelled, the job does not run or is stopped, unless you made its `id`:
        the same call can then be repeated.
        """
        spec, _ = await _spec_and_id(argv, None, id, options)
        job = (await self.submit_many([spec], ids=None if id is None else [make_id(id)], watch=watch))[0]
        job.args = tuple(argv)
        return job

    async def submit_many(
        self,
        specs: Iterable[JobSpec | Sequence[Text]],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
    ) -> builtins.list[AsyncJob]:
        """Submit jobs with one request, all or none, and return them; see `Client.submit_many`.

        If this is cancelled, no job runs or all are stopped, unless you made their `ids`.
        """
        given = [*specs]
        wanted = [as_spec(spec) for spec in given]
        records = await start_jobs(self._session, wanted, ids, batch=batch, watch=watch, tail_lines=tail_lines)
        return [AsyncJob(self._session, record.key, args_of(job)) for record, job in zip(records, given, strict=True)]

    async def batch(
        self,
        jobs: Described,
        *,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        name: str | None = None,
        parallel: int | None = None,
        on_failure: str | None = None,
        on_finish: JobSpec | Sequence[Text] | None = None,
        values: Mapping[str, object] | None = None,
        lines: bool = False,
        watch: bool = True,
    ) -> AsyncBatchRun:
        """Submit a batch with one request, all of its jobs or none, and return its run; see `Client.batch`.

        If this is cancelled, no job runs or all are stopped, unless you made the `id`.
        """

        def plan() -> PlannedBatch:
            return plan_batch(
                jobs, id=id, name=name, parallel=parallel, on_failure=on_failure, on_finish=on_finish, values=values, lines=lines
            )

        # A file may be large.
        planned = await in_thread(plan)
        known: builtins.list[JobInfo] = []
        # The parts of a large one are compared by the worker.
        if id is not None and not actions.is_large([*planned.specs.values()]):
            found = self.list(all=True, batch=planned.about.id, owner=self._session.connection.owner)
            known = [info async for info in found if not info.is_on_finish]
        planned = await carry_out(self.connection, planned.placed([info.spec for info in known]))
        planned.demand_same({info.key.id for info in known})
        about, specs, args, _ = planned
        records = await start_jobs(self._session, [*specs.values()], [*specs], batch=about, watch=watch, withdrawn=id is None)
        run = await self.batch_run(format_id(about.id))
        run.started = [AsyncJob(self._session, record.key, one) for record, one in zip(records, args, strict=True)]
        return run

    async def rerun(
        self,
        jobs: Iterable[AsyncJob | JobInfo],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
        feed: bool = False,
    ) -> builtins.list[AsyncJob]:
        """Run jobs again, all or none, and return the new jobs; see `Client.rerun`.

        If this is cancelled, no job runs or all are stopped, unless you made their `ids`.
        """
        given = [*jobs]
        keys, found = [job.key for job in given], {job.key: job for job in given if isinstance(job, JobInfo)}
        records = await start_jobs(self._session, keys, ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)
        return [AsyncJob(self._session, record.key) for record in records]

    # --- jobs

    async def job(self, name: str, *, pick: Pick = Pick.ONLY) -> AsyncJob:
        """Return the job of a name; see `Client.job`."""
        found = await self._named(name, pick)
        job = AsyncJob(self._session, JobKey(found.key.owner, found.key.id))
        self._session.known_jobs.learn_job(found)
        return job

    async def info(self, name: str, *, pick: Pick = Pick.ONLY) -> JobInfo:
        """Return everything that the worker knows about the job of a name; see `Client.job`."""
        return job_info(await self._named(name, pick))

    async def proof(self, name: str, *, pick: Pick = Pick.ONLY) -> str:
        """Return what proves who asked for a job and who stopped it; see `Client.proof`."""
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
        """Iterate over jobs that match everything that is given, with `async for`; see `Client.list`."""
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

    async def wait(
        self,
        jobs: Iterable[AsyncJob],
        *,
        any: bool = False,  # noqa: A002 -- reads as what it means: wait(jobs, any=True)
        timeout: Duration | None = None,
    ) -> builtins.list[AsyncJob]:
        """Wait until all jobs have ended, or with `any` one of them, and return those that have ended.

        Raises TimeoutError.
        """
        wanted = [*jobs]
        async with timeout_of(timeout):
            await self.connection.open()
            with Waiting(self._session.ends, [job.record for job in wanted]) as waiting:
                while await waiting.next() is not None and not any:
                    pass
        return [job for job in wanted if job.outcome is not None]

    async def as_completed(self, jobs: Iterable[AsyncJob], *, timeout: Duration | None = None) -> AsyncIterator[AsyncJob]:
        """Iterate over jobs with `async for` in the order in which they end, after those that ended earlier; each job once.

        Raises TimeoutError if not all have ended within `timeout` from the first iteration.
        """
        async for job in completed(self._session, jobs, timeout):
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
        async with timeout_of(timeout):
            await request_stop(self._session, records, signal, grace)
            with Waiting(self._session.ends, records) as waiting:
                await waiting.all()

    async def forget(self, jobs: Iterable[AsyncJob]) -> Forgotten:
        """Remove jobs that have ended, with their logs, and return how many. Their ids are never run again; see `Client.forget`."""
        return await forget(self._session, [job.key for job in jobs])

    async def batch_run(self, name: str, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> AsyncBatchRun:
        """Return the run of this id, or the newest run of the batch of this name; see `Client.batch_run`."""
        wanted = query(name, longest=longest, failures=failures, tail_lines=tail_lines)
        return AsyncBatchRun(self._session, run_info((await self._session.reply(wanted, "query_run")).query_run))

    def batch_runs(self, name: str = "", *, owner: bytes | None = None, user: str = "", limit: int | None = None) -> AsyncIterator[RunInfo]:
        """Iterate over runs of batches, the newest first, with `async for`; see `Client.batch_runs`."""
        return read_all(self.connection, list_runs(name, owner, user, limit))

    async def forget_ended(self, *, older_than: Duration | None = None, dry_run: bool = False) -> Forgotten:
        """Remove all one's own jobs that have ended, with their logs, and return how many; see `Client.forget_ended`."""
        request = forget_request(request_pb2.Selection(everything=True), older_than, dry_run=dry_run)
        return actions.forgotten([(await self._session.reply(request, "forget")).forget])

    async def put(self, job: AsyncJob, files: Files) -> None:
        """Put files and folders of this machine into the folder of a job, which may wait, run, or have ended; see `Job.put`."""
        await job.put(files)

    async def get(self, job: AsyncJob, paths: Paths | None = None) -> builtins.list[Fetched]:
        """Fetch files and folders from the folder of a job; see `Job.get`."""
        return await job.get(paths)

    async def pause(self, jobs: Iterable[AsyncJob]) -> None:
        """Suspend jobs, of each thousand all or none; returns when they are suspended."""
        await self._session.all_done(actions.pause_requests([job.key for job in jobs]))

    async def resume(self, jobs: Iterable[AsyncJob]) -> None:
        """Continue paused jobs, of each thousand all or none."""
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

    # --- the rest

    async def status(self) -> WorkerStatus:
        """Return how the worker is now, and who this client is there."""
        hello = await self.hello()
        request = status_request(hello)
        answer = None if request is None else await self._session.reply(request, "status")
        return read_status(self.connection.endpoint, hello, answer)

    async def set_capacity(
        self,
        *,
        slots: int | None = None,
        memory: int | str | None = None,
        gpus: Sequence[str] | None = None,
        resources: Mapping[str, int] | None = None,
        labels: Mapping[str, str | None] | None = None,
        reset: bool = False,
    ) -> WorkerStatus:
        """Set what the worker has for jobs; see `Client.set_capacity`."""
        await self._session.reply(actions.capacity_request(slots, memory, gpus, resources, labels, reset=reset), "slots")
        return await self.status()

    async def hello(self) -> request_pb2.HelloReply:
        """Return the greeting of the worker, as the protocol has it."""
        await self.connection.open()
        return await self.connection.hello()

    async def close(self) -> None:
        """Close the connection; the jobs continue. Stops that cancelled calls have begun are sent before."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        """Find the worker, and return itself; it is closed at the end of the block."""
        await self.connection.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        await self.close()


async def _spec_and_id(
    argv: Sequence[Text], mode: TextMode | None, job_id: bytes | str | None, options: JobOptions
) -> tuple[JobSpec, bytes]:
    if options.get("script") is None and not options.get("put"):
        return spec_and_id(argv, mode, job_id, options)
    # Files are read and hashed.
    return await in_thread(lambda: spec_and_id(argv, mode, job_id, options))

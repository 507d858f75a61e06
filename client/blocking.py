"""The blocking library, in the manner of `subprocess`: `Client`, and the `Job` that it gives.

    with jobwire.Client() as client:
        print(client.run(["uname", "-a"], check=True).stdout)

Knows no screen and no file format. Everything waits in the caller's thread; see connection.py for what may happen at the same time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ..keys.identity import Identity, load, load_or_make
from ..keys.places import identity_path
from ..schemas.frames import MOST_KEYS
from ..schemas.generated import request_pb2
from ..schemas.job import EventKind, Outcome, OutcomeKind, State
from ..schemas.naming import JobKey, new_id
from ..schemas.refusal import Code, Refused
from ..schemas.spec import JobSpec
from .connection import CONNECT_TIMEOUT_SECONDS, Connection
from .events import NOW, EventStream, make_filter
from .exchange import Exchange
from .forgetting import Forgotten, forget
from .gaps import CursorTooOld
from .job import Job, deadline_in, pause_request, stop_request
from .output import JobOutput
from .results import BatchInfo, CompletedJob, Event, EventCursor, JobInfo, job_info
from .running import run_to_end
from .session import Session
from .specs import Duration, Text, as_spec, encode, job_spec, make_id, seconds
from .subprocess_words import explains_options

if TYPE_CHECKING:
    from .contexts import Context

_Thing = TypeVar("_Thing")

__all__ = [
    "BatchInfo",
    "Client",
    "Code",
    "CompletedJob",
    "CursorTooOld",
    "Event",
    "EventCursor",
    "EventKind",
    "EventStream",
    "Forgotten",
    "Job",
    "JobInfo",
    "JobOutput",
    "JobSpec",
    "Outcome",
    "OutcomeKind",
    "Refused",
    "State",
    "job_spec",
]

_PRIVATE_TIMEOUT_SECONDS = 30.0
# Beyond so many open watches `submit` opens none: a daemon bounds the streams of one connection. Waits then hear events.
_MOST_WATCHES = 64


class Client:
    """A daemon to run jobs on. A context manager; used from one thread at a time; connects at the first request.

    `context` is the name of one, or a Context; None: the current one, or the private worker of this user if none is configured. `notice`
    is told one sentence when a connection is lost, and one when it is back.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        """Read context and identity; `Refused` where there is none. The user's own identity is made where there is none yet."""
        if context is None or isinstance(context, str):
            from .contexts import resolve  # noqa: PLC0415 -- who connects by address needs no files

            context = resolve(context)
        revive = _revive_embedded if context.embedded else None
        if connect_timeout is None:
            # One's own runs, that is known: if it answers late, a hundred commands have begun with this one.
            connect_timeout = _PRIVATE_TIMEOUT_SECONDS if context.embedded else CONNECT_TIMEOUT_SECONDS
        self.connection = Connection(
            context.endpoint,
            context.server_key,
            load_or_make(context.identity_path) if context.identity_path == identity_path() else load(context.identity_path),
            connect_timeout=seconds(connect_timeout),
            revive=revive,
            notice=notice,
        )
        self._session = Session(self.connection)

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
        """Make a client of an address: `tcp://HOST:PORT`, and the daemon's public key (32 bytes)."""
        client = cls.__new__(cls)
        client.connection = Connection(
            endpoint, server_key, identity, connect_timeout=seconds(connect_timeout), revive=revive, notice=notice
        )
        client._session = Session(client.connection)  # noqa: SLF001 -- our own
        return client

    # --- running

    @explains_options
    def run(  # noqa: PLR0913 -- a job has that many options, all by name
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        input: bytes | None = None,  # noqa: A002 -- as subprocess calls it
        cwd: Text | None = None,
        env: Mapping[str, Text] | Mapping[bytes, Text] | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None,
        stop_signal: int | None = None,
        grace: Duration | None = None,
        output_limit: int | str | None = None,
        linger: bool = False,
    ) -> CompletedJob:
        """Run a job to its end and return its result, with all its output. An exception here, such as Ctrl-C, stops the job.

        `check`: raise `JobFailed` (a `subprocess.CalledProcessError`) if the job does not return 0. `timeout`: stop the job after this
        time and raise `JobTimeout` (a `subprocess.TimeoutExpired`) with the output so far.

        Options of the job, which `submit` and `job_spec` have too:

        `id`: made by the caller, 16 bytes or the text of a UUID; a repeated call with the same id and options is the same job.
        `input`: its standard input; empty by default. `cwd`: an absolute path on the worker's machine; by default that of the worker.
        `env`: variables to add to a clean environment. `name`, `labels`: to find the job again. `time_limit`: stop the job after this
        time. `stop_signal`, `grace`: the signal that a stop sends first, and the time until SIGKILL. `output_limit`: stop the job if it
        writes more, in bytes or as `"1.5G"`. `linger`: when the job exits, let the processes that it leaves behind continue.
        """
        spec = job_spec(
            argv,
            input=input,
            cwd=cwd,
            env=env,
            name=name,
            labels=labels,
            time_limit=time_limit,
            stop_signal=stop_signal,
            grace=grace,
            output_limit=output_limit,
            linger=linger,
        )
        start, jobs = self._start([spec], [make_id(id)], tail_lines=0)
        jobs[0].args = tuple(argv)
        completed = run_to_end(self._session, start, jobs[0], timeout, grace)
        if check:
            completed.check_returncode()
        return completed

    @explains_options
    def submit(  # noqa: PLR0913 -- as above
        self,
        argv: Sequence[Text],
        *,
        watch: bool = True,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        input: bytes | None = None,  # noqa: A002 -- as subprocess calls it
        cwd: Text | None = None,
        env: Mapping[str, Text] | Mapping[bytes, Text] | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None,
        stop_signal: int | None = None,
        grace: Duration | None = None,
        output_limit: int | str | None = None,
        linger: bool = False,
    ) -> Job:
        """Submit a job. Returns when it is certain that the job will run, whatever happens here.

        `watch`: the worker reports the end of the job at once, so that `wait` is quick; without it, the worker keeps nothing open for it.
        The other options are those of `run`.
        """
        spec = job_spec(
            argv,
            input=input,
            cwd=cwd,
            env=env,
            name=name,
            labels=labels,
            time_limit=time_limit,
            stop_signal=stop_signal,
            grace=grace,
            output_limit=output_limit,
            linger=linger,
        )
        job = self.submit_many([spec], ids=[make_id(id)], watch=watch)[0]
        job.args = tuple(argv)
        return job

    def submit_many(
        self,
        specs: Iterable[JobSpec | Sequence[Text]],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
    ) -> builtins.list[Job]:
        """Start jobs with one request, whole or not at all; `Refused.job_index` tells which one was wrong.

        `specs`: what `jobwire.job_spec` makes, or a bare argv where there is nothing else to say. `ids`: one each, so that
        a repeated call starts nothing twice. `tail_lines`: how much of their logs comes with their ends.
        """
        wanted = [as_spec(spec) for spec in specs]
        watch = watch and self._session.watches < _MOST_WATCHES
        start, jobs = self._start(wanted, ids or [new_id() for _ in wanted], batch=batch, watch=watch, tail_lines=tail_lines)
        try:
            self._session.acknowledged(start, [job.record for job in jobs], None)
        except BaseException:
            self.connection.forget(start)
            raise
        return jobs

    # --- jobs

    def job(self, name: str) -> Job:
        """Find the job that a person means: full id, PID@START, `last`, a name, or a prefix of an id that only one job has.

        Raises `Refused(NOT_FOUND)`, or INVALID_ARGUMENT where several are meant.
        """
        found = self._session.reply(request_pb2.Request(query_one=request_pb2.QueryOne(name=name)), "query_one").query_one.job
        job = Job(self._session, JobKey(found.key.owner, found.key.id))
        self._session.tracking.learn_job(found)
        return job

    def job_by_key(self, owner: bytes, id: bytes) -> Job:  # noqa: A002 -- it is one
        """Get a handle of a job without asking whether there is one."""
        return Job(self._session, JobKey(owner, id))

    def list(self, all: bool = False, batch: str | bytes | None = None, owner: bytes | None = None) -> Iterator[JobInfo]:  # noqa: A002, FBT001, FBT002 -- reads as what it means: list(all=True)
        """Iterate over jobs, oldest first: those that have not ended, or `all`; of one batch (name or id of a run), of one owner."""
        page = b""
        while True:
            wanted = request_pb2.List(all=all, owner=owner or b"", page=page)
            if isinstance(batch, bytes):
                wanted.batch = batch
            elif batch is not None:
                wanted.batch_name = batch
            reply = self._session.reply(request_pb2.Request(list=wanted), "list").list
            yield from map(job_info, reply.jobs)
            page = reply.next_page
            if not page:
                return

    def events(
        self,
        start: str | EventCursor = NOW,
        *,
        jobs: Iterable[Job] = (),
        batch: bytes | None = None,
        owner: bytes | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
    ) -> EventStream:
        """Subscribe to events of these jobs, this batch's run, this owner, or all that may be seen.

        `start`: from "now" on, from the "start" of what is kept, or after a cursor.

        When this returns, nothing that happens from then on is missed. With `timeout`, waiting ends with TimeoutError.
        """
        wanted = make_filter((job.key for job in jobs), batch, owner, labels)
        return EventStream(self._session, wanted, start, deadline_in(timeout))

    def wait(self, jobs: Iterable[Job], *, any: bool = False, timeout: Duration | None = None) -> builtins.list[Job]:  # noqa: A002 -- reads as what it means: wait(jobs, any=True)
        """Wait until all jobs have ended, or with `any` one of them, also where that was long ago; get those that have.

        Raises TimeoutError.
        """
        wanted = builtins.list(jobs)
        self._session.wait([job.record for job in wanted], first=any, deadline=deadline_in(timeout))
        return [job for job in wanted if job.outcome is not None]

    def stop(
        self, jobs: Iterable[Job], *, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None
    ) -> None:
        """End several jobs with all that they started; returns when nothing of them is left. Raises TimeoutError.

        Of a thousand jobs either all are stopped or, where one of them may not be, none.
        """
        records = [job.record for job in jobs]
        deadline = deadline_in(timeout)
        for some in _as_many_as_can_be_named(records):
            exchange = self.connection.ask(stop_request([record.key for record in some], signal, grace))
            self._session.acknowledged(exchange, some, deadline)
        self._session.wait(records, deadline=deadline)

    def forget(self, jobs: Iterable[Job]) -> Forgotten:
        """Drop jobs that have ended, with their logs; their ids are never run again.

        Raises `Refused(FAILED_PRECONDITION)` if one has not ended; of a thousand jobs either all are dropped or none.
        """
        return forget(self._session, [job.key for job in jobs])

    def pause(self, jobs: Iterable[Job]) -> None:
        """Suspend several jobs, of a thousand all or none; returns when they are suspended."""
        for some in _as_many_as_can_be_named([job.key for job in jobs]):
            self._session.reply(pause_request(some, paused=True), "done")

    def resume(self, jobs: Iterable[Job]) -> None:
        """Let several jobs go on, of a thousand all or none."""
        for some in _as_many_as_can_be_named([job.key for job in jobs]):
            self._session.reply(pause_request(some, paused=False), "done")

    # --- the rest

    def hello(self) -> request_pb2.HelloReply:
        """Get what the daemon says of itself."""
        return self.connection.hello()

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Let come what comes, for programs that wait for several things at once; see `Connection.pump`."""
        return self._session.pump(deadline, wake_fds)

    def close(self) -> None:
        """Close the connection; the jobs go on."""
        self.connection.close()

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    # --- how

    def _start(
        self,
        specs: Sequence[JobSpec],
        ids: Sequence[bytes],
        *,
        batch: BatchInfo | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
    ) -> tuple[Exchange, builtins.list[Job]]:
        start = request_pb2.Start(watch=watch, tail_lines=tail_lines)
        if batch is not None:
            start.batch.id, start.batch.name, start.batch.parallel = batch
        for job_id, spec in zip(ids, specs, strict=True):
            start.jobs.append(request_pb2.NewJob(id=job_id, spec=encode(spec)))
        owner = self.connection.identity.public
        jobs = [Job(self._session, JobKey(owner, job_id)) for job_id in ids]
        return self.connection.ask(request_pb2.Request(start=start)), jobs


def _revive_embedded() -> str:
    from .embedded import revive  # noqa: PLC0415 -- only for who uses it

    return revive()


def _as_many_as_can_be_named(things: builtins.list[_Thing]) -> Iterator[builtins.list[_Thing]]:
    """Divide what is to be named in requests; what is nothing is one request all the same, which the daemon refuses."""
    for at in range(0, max(1, len(things)), MOST_KEYS):
        yield things[at : at + MOST_KEYS]

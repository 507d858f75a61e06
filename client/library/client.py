"""The blocking library, which resembles `subprocess`: `Client`, and the `Job` that it returns.

    with jobwire.Client() as client:
        print(client.run(["uname", "-a"], check=True).stdout)

Knows no screen and no file format. All waiting happens in the caller's thread; connection.py says what may happen at the same time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack, overload

from ...keys.identity import Identity
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import JobTime, Pick, State
from ...schemas.naming import JobKey, format_id, new_id
from ...schemas.private_parts.frozen import replace
from ...schemas.refusal import Refused
from ..sockets.connection import CONNECT_TIMEOUT_SECONDS, Connection
from .attached import Attached
from .destination import find_destination
from .job import Job
from .known_jobs import Handle
from .options.arguments import Duration, Moment, Text, deadline_in, make_id, seconds
from .options.specs import JobOptions, args_of, as_spec, spec_of_call
from .options.subprocess_words import explains_options
from .requests import filters
from .requests.dialogue import carry_out
from .requests.queries import query_by_name, query_proof
from .session import Session
from .streams.source import Stdin, source_of
from .streams.text_mode import text_mode
from .verbs import actions, starts
from .verbs.run_to_end import run_to_end

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ..batch.options.limit_values import Limit
    from ..config.contexts import Context
    from ..files.fetched import Fetched
    from ..files.options import Files, Paths
    from .batch_run import BatchRun
    from .batches import Described
    from .events import EventStream
    from .members import Members
    from .options.conditions import Awaiting
    from .options.retry import Retry
    from .schedules import Schedules
    from .values.completed_job import CompletedJob, CompletedTextJob
    from .values.event import EventCursor
    from .values.results import BatchInfo, Forgotten, JobInfo
    from .values.run_info import RunInfo
    from .values.status import WorkerStatus
    from .workers import Workers


class Client(Attached):
    """A worker to run jobs on. It is a context manager, is used by one thread at a time and connects at the first request.

    `context`: the name of a context, or a Context; None: the current one, or the private worker of this user if there is none. `notice` is
    called with a sentence when the connection is lost, and again when it is back.
    """

    def __init__(
        self,
        context: str | Context | None = None,
        *,
        connect_timeout: Duration | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        """Read context and identity. Creates the user's own identity if there is none yet.

        Raises `Refused`.
        """
        to = find_destination(context, connect_timeout)
        self.connection = Connection(
            to.endpoint, to.server_key, to.identity, connect_timeout=to.connect_timeout, revive=to.revive, notice=notice
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
        """Return a client for an address, `tcp://HOST:PORT`, and the worker's public key (32 bytes)."""
        client = cls.__new__(cls)
        client.connection = Connection(
            endpoint, server_key, identity, connect_timeout=seconds(connect_timeout), revive=revive, notice=notice
        )
        client._session = Session(client.connection)  # noqa: SLF001 -- our own
        return client

    @property
    def schedules(self) -> Schedules:
        """The schedules of the worker: jobs that it starts again and again."""
        from .schedules import Schedules  # noqa: PLC0415 -- few want them

        return Schedules(self._session)

    @property
    def workers(self) -> Workers:
        """The workers of a broker: which there are, and what operators do about them."""
        from .workers import Workers  # noqa: PLC0415 -- few want them

        return Workers(self._session)

    @property
    def members(self) -> Members:
        """The members of the worker, for an admin: who may come in, and what they may do."""
        from .members import Members  # noqa: PLC0415 -- few want them

        return Members(self._session)

    # --- running

    @overload
    def run(
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
    def run(
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
    def run(
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
    @explains_options
    def run(  # noqa: PLR0913 -- a job has that many options, all by name
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
        input: bytes | str | None = None,  # noqa: A002 -- as subprocess calls it
        cwd: Text | None = None,
        env: Mapping[str, Text] | Mapping[bytes, Text] | None = None,
        env_all: bool = False,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None,
        stop_signal: int | None = None,
        grace: Duration | None = None,
        output_limit: int | str | None = None,
        linger: bool = False,
        priority: int = 0,
        after: Awaiting | None = None,
        hold: bool = False,
        stderr_to_stdout: bool = False,
        retry: int | Retry | None = None,
        memory: int | str | None = None,
        nice: int | None = None,
        umask: int | str | None = None,
        rlimits: Mapping[str, Limit] | None = None,
        cpus: int = 1,
        gpus: int = 0,
        resources: Mapping[str, int] | None = None,
        only_one: str = "",
        on: str | Sequence[str] | None = None,
        not_on: str | Sequence[str] | None = None,
        at: Moment | None = None,
        not_after: Moment | None = None,
        may_submit: bool = False,
        script: Text | None = None,
        put: Files = (),
        get: Paths = (),
    ) -> CompletedJob | CompletedTextJob:
        """Run a job to its end and return its result, with all its output. An exception here, such as Ctrl-C, stops the job.

        `check`: raise `JobFailed` (a `subprocess.CalledProcessError`) if the job does not return 0. `timeout`: stop the job after this
        time and raise `JobTimeout` (a `subprocess.TimeoutExpired`) with the output so far. `text`, `encoding`, `errors`: return the output
        as text, decoded from UTF-8 or this encoding, with line feeds at the ends of lines; `input` may then be text too.

        `stdin`: a descriptor or a binary file, passed on as it comes while the job runs; one with a descriptor is read from there.

        Options of the job, which `submit` and `job_spec` have too:

        `id`: made by the caller, 16 bytes or the text of a UUID; a repeated call with the same id and options is the same job.
        `input`: its standard input; empty by default. `cwd`: an absolute path on the worker's machine; by default that of the worker.
        `env`: variables to add to a clean environment. `env_all`: add those of this process too, except what looks like a secret. `name`,
        `labels`: to find the job again. `time_limit`: stop the job after this time. `stop_signal`, `grace`: the signal that a stop sends
        first, and the time until SIGKILL. `output_limit`: stop the job if it writes more, in bytes or as `"1.5G"`. `linger`: when the job
        exits, let the processes that it leaves behind continue. `priority`: -1000 to 1000, of your jobs the
        highest is first. `after`: jobs or runs that must have ended well before it starts, or `{"ok": ..., "failed": ..., "any": ...}`; if
        that cannot happen any more, it is cancelled. `hold`: let it wait until `Job.release`. `stderr_to_stdout`: all its output is in
        stdout, in the order in which it was written, as with `stderr=STDOUT` of `subprocess`. `retry`: if the job fails, run it again up to
        so many times, or as a `Retry` says; the result is that of the last attempt. `memory`: of all its processes together, in bytes or as
        `"2G"`; one that needs more ends with `OVER_LIMIT`. `nice`, `umask` (as in `subprocess`), `rlimits` (`{"nofile": 4096, "core": (0,
        None)}`: soft and hard as in `resource`, None is unlimited): of each of its processes. `cpus`: how many slots it takes. `gpus`: how
        many it gets for itself. `resources`: what else it takes, by the names that the worker's operator defined. `only_one`: of your jobs
        with this name here, one runs at a time. `on`: labels of the worker that it runs on, as after `--on`; `not_on`: those that it must
        not have. `at`: do not start it before this moment: a datetime, a timedelta from now, or a text as
        after `--at`. `may_submit`: let it start jobs for you while it runs, with a key of its own.

        With one of these, the job has a folder of its own, in which it runs unless `cwd` is set, and which is removed with the job:

        `script`: a file of this machine, which is sent along and run; `argv` are its arguments. `put`: a file or folder of this machine, or
        several, to put into that folder; one that is to be called otherwise there is a pair, such as `("data/today.csv", "in.csv")`. `get`:
        a path in that folder, or several, to fetch when the job has ended; in `run` into the current folder, or in a pair with the place
        here: `("out/table.csv", "/tmp/table.csv")`. `run` fetches whatever the return code is; what cannot be fetched raises `Refused` if
        the job succeeded, and is missing if it failed. Files are sent before `timeout` begins.
        """
        fetches = _fetches(get)
        get = [path for path, _ in fetches]
        mode = text_mode(text, encoding, errors)
        if mode is not None and isinstance(input, str):
            input = input.encode(mode.encoding, mode.errors)  # noqa: A001 -- as the parameter
        source = source_of(stdin, has_input=input is not None)
        spec, job_id = spec_of_call(locals()), make_id(id)
        if source is not None:
            spec = replace(spec, feed=True)
        actions.send_files(self.connection, [spec])
        start = self.connection.ask(actions.start_request([spec], [job_id], batch=None, watch=True, tail_lines=0))
        job = Job(self._session, JobKey(self.connection.identity.owner, job_id), tuple(argv))
        completed = run_to_end(self._session, start, job, timeout, grace, mode, source=source)
        for fetch in fetches:
            try:
                job.fetch([fetch])
            except Refused:
                if completed.succeeded:
                    raise
        if check and not completed.succeeded:
            raise completed.failure(mode)
        return completed.as_text(mode) if mode is not None else completed

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
        env_all: bool = False,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None,
        stop_signal: int | None = None,
        grace: Duration | None = None,
        output_limit: int | str | None = None,
        linger: bool = False,
        priority: int = 0,
        after: Awaiting | None = None,
        hold: bool = False,
        stderr_to_stdout: bool = False,
        retry: int | Retry | None = None,
        memory: int | str | None = None,
        nice: int | None = None,
        umask: int | str | None = None,
        rlimits: Mapping[str, Limit] | None = None,
        cpus: int = 1,
        gpus: int = 0,
        resources: Mapping[str, int] | None = None,
        only_one: str = "",
        on: str | Sequence[str] | None = None,
        not_on: str | Sequence[str] | None = None,
        at: Moment | None = None,
        not_after: Moment | None = None,
        may_submit: bool = False,
        script: Text | None = None,
        put: Files = (),
        get: Paths = (),
    ) -> Job:
        """Submit a job. Returns when it is certain that the job will run, whatever happens here.

        `watch`: the worker reports the end of the job at once, so that `wait` is quick; without it, the worker keeps nothing open for it.
        The other options are those of `run`.
        """
        job = self._start([spec_of_call(locals())], [make_id(id)], batch=None, watch=watch, tail_lines=None)[0]
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
        """Submit jobs, all or none, and return them; more than a thousand of a `batch` in parts, and then as a whole.

        `specs`: results of `jobwire.job_spec`, or an argv for a job without options. `ids`: one for each job, so that a repeated call
        starts nothing twice. `tail_lines`: how many last lines of their logs come with their ends. Raises `Refused`, whose
        `job_index` is the position of the job that was wrong.
        """
        given = builtins.list(specs)
        jobs = self._start([as_spec(spec) for spec in given], ids, batch=batch, watch=watch, tail_lines=tail_lines)
        for job, spec in zip(jobs, given, strict=True):
            job.args = args_of(spec)
        return jobs

    def batch(
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
    ) -> BatchRun:
        """Submit a batch with one request, all of its jobs or none, and return its run.

        `jobs`: the name of a batch file; a mapping with the tables of one; or the jobs: results of `jobwire.job_spec`, argvs, or mappings
        with the keys of a table `[[job]]`. `id`: of the run, so that a repeated call starts nothing twice. `name`: of the batch.
        `parallel`: at most so many of its jobs run at once, 0 for as many as there are slots. `on_failure`: what a job that fails does to
        the others, `"continue"`, `"cancel-rest"` or `"stop-rest"`. `on_finish`: what is run once when all have ended, a result of
        `job_spec` or an argv. None: as the file says. `values`: of placeholders in a file, as with `--set`. `lines`: the file has one
        command per line. `watch`: as in `submit`.

        Raises `Refused`: for a file, its message is about the first mistake and its notes (`__notes__`) about the others.
        """
        from .batches import plan_batch  # noqa: PLC0415 -- a command that runs a job need not wait for it

        planned = plan_batch(
            jobs, id=id, name=name, parallel=parallel, on_failure=on_failure, on_finish=on_finish, values=values, lines=lines
        )
        known: builtins.list[JobInfo] = []
        # The parts of a large one are compared by the worker.
        if id is not None and not actions.is_large([*planned.specs.values()]):
            found = self.list(all=True, batch=planned.about.id, owner=self.connection.identity.owner)
            known = [info for info in found if not info.is_on_finish]
        planned = carry_out(self.connection.call, planned.placed([info.spec for info in known]))
        planned.demand_same({info.key.id for info in known})
        started = self._start([*planned.specs.values()], [*planned.specs], batch=planned.about, watch=watch, tail_lines=None)
        for job, args in zip(started, planned.args, strict=True):
            job.args = args
        run = self.batch_run(format_id(planned.about.id))
        run.started = started
        return run

    def rerun(
        self,
        jobs: Iterable[Job | JobInfo],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
        feed: bool = False,
    ) -> builtins.list[Job]:
        """Run jobs again, all or none, and return the new jobs; more than a thousand as one `batch` in parts, as `submit_many` does.

        Each has everything as it was, also its standard input, which the worker has kept with the job. The options are those of
        `submit_many`: with `ids`, a repeated call starts nothing twice, even if the jobs were forgotten meanwhile. An input that came as
        a stream was not kept: `feed` promises to give it again to each of the new jobs, with `Job.feed`.

        Raises `Refused`: NOT_FOUND for a job that was forgotten or that this client may not see, UNIMPLEMENTED if the worker is too old,
        FAILED_PRECONDITION for an input that was not kept.
        """
        given = [*jobs]
        found = {job.key: job for job in given if not isinstance(job, Handle)}
        return self._start([job.key for job in given], ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)

    def _start(
        self,
        wanted: Sequence[JobSpec | JobKey],
        ids: Sequence[bytes] | None,
        *,
        batch: BatchInfo | None,
        watch: bool,
        tail_lines: int | None,
        feed: bool = False,
        found: Mapping[JobKey, JobInfo] = MappingProxyType({}),
    ) -> builtins.list[Job]:
        ids = ids or [new_id() for _ in wanted]
        records = starts.start(self._session, wanted, ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)
        return [Job(self._session, record.key) for record in records]

    # --- jobs

    def job(self, name: str, *, pick: Pick = Pick.ONLY) -> Job:
        """Return the job of a name: a full id, PID@START, `last`, the name of a job, or a prefix of an id that only one job has.

        `OWNER/` before it names a job of another member. `pick`: which job a name means that several have: NEWEST, or ALIVE for the only
        one that has not ended. Raises `Refused`: NOT_FOUND, or INVALID_ARGUMENT if several jobs match.
        """
        found = self._named(name, pick)
        job = Job(self._session, JobKey(found.key.owner, found.key.id))
        self._session.known_jobs.learn_job(found)
        return job

    def info(self, name: str, *, pick: Pick = Pick.ONLY) -> JobInfo:
        """Return everything that the worker knows about the job of a name; see `job`."""
        from .values.results import job_info  # noqa: PLC0415 -- a command that runs a job need not wait for it

        return job_info(self._named(name, pick))

    def proof(self, name: str, *, pick: Pick = Pick.ONLY) -> str:
        """Return what proves who asked for a job and who stopped it, as the text of a file that `jobwire verify` checks; see `job`.

        Raises `Refused`: FAILED_PRECONDITION if no signature is kept, as after a rebuild of the worker's store.
        """
        from ..proofs.text import write  # noqa: PLC0415 -- as above

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
        """Iterate over jobs that match everything that is given, oldest first. The worker selects them.

        `all`: include jobs that have ended. `batch`: its name or a run id. `owner`, `user`: the public key of a member, or the name in
        the worker's roster. `states`: only these, whatever `all` says. `failed`: only jobs that have ended and did not exit with 0, or
        whose output is incomplete. `labels`: only jobs with all of them. `since`, `until`: only jobs that were queued in this time; a
        datetime, or how long ago by the worker's clock. `sorted_by`: sort by another time than that of queueing, to which `since` and
        `until` apply too; jobs that have no such time yet are left out. `limit`: at most so many.

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
        from .events import EventStream, make_filter  # noqa: PLC0415 -- a command that runs a job need not wait for it

        wanted = make_filter((job.key for job in jobs), batch, owner, labels)
        return EventStream(self._session, wanted, start, deadline_in(timeout))

    def wait(self, jobs: Iterable[Job], *, any: bool = False, timeout: Duration | None = None) -> builtins.list[Job]:  # noqa: A002 -- reads as what it means: wait(jobs, any=True)
        """Wait until all jobs have ended, or with `any` one of them, and return those that have ended.

        Raises TimeoutError.
        """
        wanted = builtins.list(jobs)
        self._session.wait([job.record for job in wanted], first=any, deadline=deadline_in(timeout))
        return [job for job in wanted if job.outcome is not None]

    def as_completed(self, jobs: Iterable[Job], *, timeout: Duration | None = None) -> Iterator[Job]:
        """Iterate over jobs in the order in which they end, after those that ended earlier; each job once.

        Other calls may be made meanwhile. Raises TimeoutError if not all have ended within `timeout` from now.
        """
        wanted = builtins.list(jobs)
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

        Of each thousand jobs all are stopped, or none if this client may not stop one of them. Raises TimeoutError and `Refused`.
        """
        records = [job.record for job in jobs]
        deadline = deadline_in(timeout)
        actions.stop(self._session, records, signal, grace, deadline)
        self._session.wait(records, deadline=deadline)

    def forget(self, jobs: Iterable[Job]) -> Forgotten:
        """Remove jobs that have ended, with their logs, and return how many. Their ids are never run again.

        Raises `Refused(FAILED_PRECONDITION)` if one has not ended; of each thousand jobs all are removed or none.
        """
        return actions.forget(self._session, [job.key for job in jobs])

    def batch_run(self, name: str, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> BatchRun:
        """Return the run of this id or beginning of an id, or the newest run of the batch of this name.

        It is one's own, if there is any; after `OWNER/` a member's.

        `longest`, `failures`: with so many of the jobs that ran longest, and of the failed ones, these with so many last lines of stderr.

        Raises `Refused`: NOT_FOUND if there is none, UNIMPLEMENTED if the worker is too old.
        """
        from .batch_run import BatchRun  # noqa: PLC0415 -- a command that runs a job need not wait for it
        from .values.run_info import query, run_info  # noqa: PLC0415 -- as above

        wanted = query(name, longest=longest, failures=failures, tail_lines=tail_lines)
        return BatchRun(self._session, run_info(self._session.reply(wanted, "query_run").query_run))

    def batch_runs(self, name: str = "", *, owner: bytes | None = None, user: str = "", limit: int | None = None) -> Iterator[RunInfo]:
        """Iterate over runs of batches, the newest first, with the counts of their jobs.

        `name`: only runs of this batch. `owner`, `user`: the public key of a member, or the name in the worker's roster. `limit`: at most
        so many.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old.
        """
        from .requests.pages import read_all  # noqa: PLC0415 -- as above
        from .values.run_info import list_runs  # noqa: PLC0415 -- as above

        return read_all(self.connection.call, list_runs(name, owner, user, limit))

    def forget_ended(self, *, older_than: Duration | None = None, dry_run: bool = False) -> Forgotten:
        """Remove all one's own jobs that have ended, with their logs, and return how many. Their ids are never run again.

        `older_than`: only those that ended at least so long ago. `dry_run`: only count them.
        """
        from .values.run_info import forget_request  # noqa: PLC0415 -- as above

        request = forget_request(request_pb2.Selection(everything=True), older_than, dry_run=dry_run)
        return actions.forgotten([self._session.reply(request, "forget").forget])

    def put(self, job: Job, files: Files) -> None:
        """Put files and folders of this machine into the folder of a job, which may wait, run, or have ended; see `Job.put`."""
        job.put(files)

    def get(self, job: Job, paths: Paths | None = None) -> builtins.list[Fetched]:
        """Fetch files and folders from the folder of a job; see `Job.get`."""
        return job.get(paths)

    def pause(self, jobs: Iterable[Job]) -> None:
        """Suspend jobs, of each thousand all or none; returns when they are suspended."""
        self._session.all_done(actions.pause_requests([job.key for job in jobs]))

    def resume(self, jobs: Iterable[Job]) -> None:
        """Continue paused jobs, of each thousand all or none."""
        self._session.all_done(actions.resume_requests([job.key for job in jobs]))

    def change(
        self,
        jobs: Iterable[Job],
        *,
        held: bool | None = None,
        priority: int | None = None,
        time_limit: Duration | None = None,
    ) -> None:
        """Hold jobs that wait, or (`held=False`) release them; set their priority, -1000 to 1000, or a time limit (0: none) of any jobs.

        Of each thousand jobs all are changed or none.

        Raises `Refused(FAILED_PRECONDITION)` if one has started already.
        """
        self._session.all_done(actions.change_requests([job.key for job in jobs], held, priority, time_limit))

    # --- the rest

    def status(self) -> WorkerStatus:
        """Return how the worker is now, and who this client is there."""
        from .values.status import read_status, status_request  # noqa: PLC0415 -- a command that runs a job need not wait for it

        hello = self.hello()
        request = status_request(hello)
        return read_status(self.connection.endpoint, hello, None if request is None else self.connection.call(request))

    def set_capacity(
        self,
        *,
        slots: int | None = None,
        memory: int | str | None = None,
        gpus: Sequence[str] | None = None,
        resources: Mapping[str, int] | None = None,
        labels: Mapping[str, str | None] | None = None,
        reset: bool = False,
    ) -> WorkerStatus:
        """Set what the worker has for jobs, at once and for its later runs, and return its status; needs the role operator or admin.

        `memory`: bytes, or a size such as `"64G"`, that jobs can reserve. `gpus`: the id of each. `resources`: of each name how much, 0
        removes it. `labels`: of each name its value, `""` for none; None removes the label. `reset`: first forget all that
        was ever set; then what the worker was started with counts.
        """
        self.connection.call(actions.capacity_request(slots, memory, gpus, resources, labels, reset=reset))
        return self.status()

    def hello(self) -> request_pb2.HelloReply:
        """Return the greeting of the worker, as the protocol has it."""
        return self.connection.hello()

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Process pending messages, for programs that wait for several things at once; see `Connection.pump`."""
        return self._session.pump(deadline, wake_fds)

    def close(self) -> None:
        """Close the connection; the jobs continue."""
        self.connection.close()

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def _fetches(get: Paths) -> list[tuple[bytes, bytes]]:
    if get == ():
        return []
    from ..files.options import wanted  # noqa: PLC0415 -- few jobs have files

    return wanted(get)

"""The method `run` of a client: a job from its start to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Unpack, overload

from ....schemas.naming import JobKey
from ....schemas.private_parts.frozen import replace
from ....schemas.refusal import Refused
from ...sockets.connection import Connection
from ..attached import Attached
from ..job import Job
from ..options.arguments import Duration, Moment, Text, make_id, once
from ..options.specs import JobOptions, spec_of_call
from ..options.subprocess_words import explains_options
from ..session import Session
from ..streams.source import Stdin, source_of
from ..streams.text_mode import text_mode
from . import actions
from .run_to_end import run_to_end

if TYPE_CHECKING:
    from ...batch.options.limit_values import Limit
    from ...files.options import Files, Paths
    from ..options.conditions import Awaiting
    from ..options.retry import Retry
    from ..values.completed_job import CompletedJob, CompletedTextJob


class Execution(Attached):
    """Runs a job for a caller that waits for nothing else."""

    connection: Connection
    _session: Session

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

        `stdin`: a descriptor or a binary file, sent while the job runs; a file with a descriptor is read through it.

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
        argv = once(argv)
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


def _fetches(get: Paths) -> list[tuple[bytes, bytes]]:
    if get == ():
        return []
    from ...files.options import wanted  # noqa: PLC0415 -- few jobs have files

    return wanted(get)

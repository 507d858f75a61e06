"""Convert the options of a job, as people write them, into a spec: for command line and batch files. Their list: definitions.py.

The syntax of their values: option_values.py. Knows neither the command line's parser nor the format of batch files, and sends nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ....schemas.jobs.brought_files import program_of
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.spec_check import check
from ....schemas.private_parts.frozen import frozen, replace
from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration
from ....schemas.text.sizes import parse_size
from ...files.current_folder import gone
from ..octets import to_bytes
from .brought import NO_FILES, ReadFiles, files_of
from .caller_variables import Variables, as_table, find, merge, of_this_process, read_variables
from .limit_values import Limit, parse_nice, parse_umask, read_limits
from .option_values import (
    Misunderstood,
    parse_after,
    parse_amount,
    parse_cpus,
    parse_priority,
    parse_signal,
    read_folder,
    read_input,
    read_labels,
    read_name,
    read_resources,
    read_terms,
    understand,
)
from .retries import retry_of
from .start_times import NOW, parse_not_after, parse_start


@frozen
class Wishes:
    """The options given for one job, as they were written; None and empty mean not given. `stdin` is a file's name or bytes."""

    name: str | None = None
    dir: str | None = None
    env: Iterable[str] | Mapping[str, str] = ()
    env_all: bool = False
    stdin: str | bytes | None = None
    time_limit: str | float | None = None
    stop_signal: str | int | None = None
    grace: str | float | None = None
    output_limit: str | int | None = None
    linger: bool = False
    priority: str | int | None = None
    # Jobs of the worker in use, as they are typed: which those are is found out before they are sent.
    after: Iterable[str] = ()
    hold: bool = False
    stderr_to_stdout: bool = False
    retry: str | int | None = None
    retry_delay: str | float | None = None
    retry_backoff: str | float | None = None
    retry_on_exit: str | Iterable[int] | None = None
    memory: str | int | None = None
    nice: str | int | None = None
    umask: str | int | None = None
    rlimits: Iterable[str] | Mapping[str, Limit] = ()
    cpus: str | int | None = None
    gpus: str | int | None = None
    resources: Iterable[str] | Mapping[str, int] = ()
    only_one: str | None = None
    on: str | Iterable[str] = ()
    not_on: str | Iterable[str] = ()
    at: str | None = None
    not_after: str | None = None
    may_submit: bool = False
    labels: Iterable[str] | Mapping[str, str] = ()
    script: str | None = None
    put: Iterable[str] = ()
    get: Iterable[str] = ()

    @property
    def has_folder(self) -> bool:
        """Whether the job has a folder of its own."""
        return bool(self.script or self.put or self.get)


class Surroundings(NamedTuple):
    """The context of the options: the folder that file names are relative to, and the default working folder (empty: the worker's).

    `is_gone`: the current folder was removed, so only absolute paths are valid. `read_files`: a cache of files that were read. `fetches`:
    the same command fetches the paths of `get`, which can have a destination here.
    """

    files: Path
    jobs: str = ""
    is_gone: bool = False
    read_files: ReadFiles | None = None
    fetches: bool = False


def _refuse_empty(wishes: Wishes) -> None:
    """Refuse an option with an empty value that would have no effect: usually because a shell variable is not set."""
    for key, said, what in (
        ("script", wishes.script, "names no file"),
        ("dir", wishes.dir, "names no folder"),
        ("only_one", wishes.only_one, "is not a name"),
    ):
        if said == "":
            raise Misunderstood(key, Refused(Code.INVALID_ARGUMENT, f"'' {what}", "leave it out if there is none"))


def spec_from(argv: Iterable[str], wishes: Wishes, around: Surroundings) -> JobSpec:
    """Return the spec of a job with these options.

    All text is as from `octets.to_text`, whatever the locale. Raises `Misunderstood`, also for a job that no worker could run, and
    `Refused(FAILED_PRECONDITION)` if the current folder is needed and was removed.
    """
    if around.is_gone and _needs_here(wishes, around):
        raise gone()
    _refuse_empty(wishes)
    understand("after", _check_conditions, wishes.after)
    brought = NO_FILES
    if wishes.has_folder:
        brought = files_of(wishes.script, wishes.put, wishes.get, around.files, around.read_files, fetches=around.fetches)
    start = understand("at", parse_start, wishes.at) or NOW
    latest = understand("not_after", parse_not_after, wishes.not_after) or NOW
    program = program_of(brought.files[0].path, elsewhere=bool(wishes.dir), by_shell=brought.by_shell) if wishes.script else ()
    spec = JobSpec(
        argv=(*program, *understand("argv", _arguments, argv)),
        environment=_pairs(variables_of(wishes)),
        directory=understand("dir", partial(read_folder, "" if wishes.has_folder and not wishes.dir else around.jobs), wishes.dir or ""),
        stdin=understand("stdin", partial(read_input, around.files), wishes.stdin),
        name=understand("name", read_name, wishes.name or ""),
        labels=understand("labels", read_labels, wishes.labels),
        time_limit_ms=understand("time_limit", parse_duration, wishes.time_limit),
        stop_signal=understand("stop_signal", parse_signal, wishes.stop_signal) or signal.SIGTERM,
        grace_ms=understand("grace", parse_duration, wishes.grace),
        output_limit_bytes=understand("output_limit", parse_size, wishes.output_limit),
        linger=wishes.linger,
        priority=understand("priority", parse_priority, wishes.priority) or 0,
        held=wishes.hold,
        stderr_to_stdout=wishes.stderr_to_stdout,
        retry=retry_of(wishes.retry, wishes.retry_delay, wishes.retry_backoff, wishes.retry_on_exit),
        memory_bytes=understand("memory", parse_size, wishes.memory),
        nice=understand("nice", parse_nice, wishes.nice),
        umask=understand("umask", parse_umask, wishes.umask),
        rlimits=understand("rlimits", read_limits, wishes.rlimits),
        cpus=understand("cpus", parse_cpus, wishes.cpus) or 0,
        gpus=understand("gpus", partial(parse_amount, fewest=0), wishes.gpus) or 0,
        resources=understand("resources", read_resources, wishes.resources),
        only_one=understand("only_one", read_name, wishes.only_one or ""),
        on=read_terms(wishes.on),
        not_on=read_terms(wishes.not_on),
        start_at_us=start.at_us,
        start_in_ms=start.in_ms,
        not_after_us=latest.at_us,
        not_after_ms=latest.in_ms,
        may_submit=wishes.may_submit,
        files=brought.files,
        outputs=brought.outputs,
    )
    try:
        check(spec)
    except Refused as refused:
        raise Misunderstood(_at_fault(spec), refused) from None
    return spec


def _needs_here(wishes: Wishes, around: Surroundings) -> bool:
    is_relative = isinstance(wishes.stdin, str) and wishes.stdin not in {"", "-"} and not around.files.is_absolute()
    is_relative_job = bool(around.jobs) and not wishes.has_folder and not (wishes.dir or "").startswith(("/", "~", "$"))
    brings_from_here = any(not said.startswith("/") for said in filter(None, (wishes.script, *wishes.put)))
    return is_relative_job or brings_from_here or (is_relative and not str(wishes.stdin).startswith("/"))


# Which of a spec's fields comes from which key; each of them may be wrong alone.
_KEYS = {
    "argv": "argv",
    "environment": "env",
    "directory": "dir",
    "stdin": "stdin",
    "name": "name",
    "labels": "labels",
    "time_limit_ms": "time_limit",
    "stop_signal": "stop_signal",
    "grace_ms": "grace",
    "output_limit_bytes": "output_limit",
    "priority": "priority",
    "memory_bytes": "memory",
    "nice": "nice",
    "umask": "umask",
    "rlimits": "rlimits",
    "cpus": "cpus",
    "gpus": "gpus",
    "resources": "resources",
    "only_one": "only_one",
    "on": "on",
    "not_on": "not_on",
    "start_at_us": "at",
    "start_in_ms": "at",
    "not_after_us": "not_after",
    "not_after_ms": "not_after",
    "files": "put",
    "outputs": "get",
}


def _at_fault(spec: JobSpec) -> str:
    """Return the key that would be refused on its own; empty if only the combination is too much."""
    sound = JobSpec(argv=(b"true",))
    for field, key in _KEYS.items():
        try:
            check(replace(sound, **{field: getattr(spec, field)}))
        except Refused:
            return key
    return ""


def _check_conditions(said: Iterable[str]) -> None:
    for one in said:
        parse_after(one)


def _arguments(argv: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(to_bytes(argument) for argument in argv)


def read_env(said: Iterable[str] | Mapping[str, str] | None, caller: Mapping[str, str]) -> Variables:
    """Return the variables of `env`; those of the caller by name or pattern.

    Raises `Misunderstood`.
    """
    return understand("env", partial(read_variables, caller=caller), said or ())


def variables_of(wishes: Wishes) -> Variables:
    """Return all variables that the options select, taken from this process.

    Raises `Misunderstood`.
    """
    caller = of_this_process() if wishes.env_all or not isinstance(wishes.env, Mapping) else {}
    return merge([find(caller), read_env(wishes.env, caller)] if wishes.env_all else [read_env(wishes.env, caller)])


def _pairs(variables: Variables) -> tuple[tuple[bytes, bytes], ...]:
    return understand("env", lambda table: tuple((to_bytes(name), to_bytes(value)) for name, value in table.items()), as_table(variables))

"""Turn the options of a job in the library into a spec: text or bytes, seconds, timedelta or `1h30m`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import index
from types import NoneType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypedDict

from ....schemas.jobs.brought_files import BroughtFile, program_of
from ....schemas.jobs.conditions import After
from ....schemas.jobs.retry import RetryRule
from ....schemas.jobs.spec import JobSpec
from ....schemas.private_parts.frozen import replace
from ....schemas.refusal import Code, Refused
from ....schemas.text.sizes import parse_size
from ...batch.octets import to_bytes
from ...batch.options.limit_values import Limit, parse_umask, read_limits
from ...batch.options.option_values import read_terms
from ...batch.options.start_times import NOW, StartTime, parse_not_after, parse_start
from .arguments import LOWEST, Duration, Moment, Text, microseconds, milliseconds, must_be, must_be_time, must_be_whole
from .retry import Retry
from .subprocess_words import explains_options

if TYPE_CHECKING:
    from ...files.options import Files, Paths
    from .conditions import Awaiting

_TEXT_TYPES = (str, bytes, os.PathLike)


class JobOptions(TypedDict, total=False):
    """The options of `job_spec`, for signatures that pass them on."""

    input: bytes | str | None
    cwd: Text | None
    env: Mapping[str, Text] | Mapping[bytes, Text] | None
    env_all: bool
    name: str
    labels: Mapping[str, str] | None
    time_limit: Duration | None
    stop_signal: int | None
    grace: Duration | None
    output_limit: int | str | None
    linger: bool
    priority: int
    after: Awaiting | None
    hold: bool
    stderr_to_stdout: bool
    retry: int | Retry | None
    memory: int | str | None
    nice: int | None
    umask: int | str | None
    rlimits: Mapping[str, Limit] | None
    cpus: int
    gpus: int
    resources: Mapping[str, int] | None
    only_one: str
    on: str | Sequence[str] | None
    not_on: str | Sequence[str] | None
    at: Moment | None
    not_after: Moment | None
    may_submit: bool
    script: Text | None
    put: Files
    get: Paths


@explains_options
def job_spec(  # noqa: PLR0913 -- a job has that many options, all by name
    argv: Sequence[Text],
    *,
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
) -> JobSpec:
    """Return the spec of a job for `submit_many`. The options are those of `run` and `submit`, without `id`.

    The files of `script` and `put` are read and hashed here, and sent when the job is submitted. Raises `Refused(INVALID_ARGUMENT)` for a
    string that is not a time or a size, and for a file that cannot be read; TypeError for an unknown option, a value of the wrong
    type, or an argv that is one string: no shell would split it.
    """
    # Most jobs have few options, so that what is checked about all of them takes longer than the rest.
    must_be("name", name, str, "text")
    must_be("only_one", only_one, str, "text")
    _check_numbers(nice, stop_signal, priority, cpus, gpus)
    _check_flags(env_all=env_all, linger=linger, hold=hold, stderr_to_stdout=stderr_to_stdout, may_submit=may_submit)
    for option, duration in (("time_limit", time_limit), ("grace", grace)):
        if duration is not None:
            must_be_time(option, duration)
    if input is not None:
        must_be("input", input, (bytes, bytearray, memoryview), "bytes (of a string: text.encode())")
    if retry is not None:
        must_be("retry", retry, (SupportsIndex, Retry), "how often, or a Retry")
    _check_tables(env, labels, rlimits, resources)
    variables = {os.fsencode(variable): os.fsencode(value) for variable, value in env.items()} if env else {}
    if env_all:
        from ...batch.options import caller_variables  # noqa: PLC0415 -- few jobs want them

        found = caller_variables.find(caller_variables.of_this_process()).found
        variables = {to_bytes(variable): to_bytes(value) for variable, value in found.items()} | variables
    start = start_of(at) if at is not None else NOW
    latest = start_of(not_after, "not_after") if not_after is not None else NOW
    files, outputs, program = _files(script, put, get, elsewhere=cwd is not None)
    return JobSpec(
        argv=program + _arguments(argv),
        environment=tuple(variables.items()),
        directory=b"" if cwd is None else os.fsencode(cwd),
        stdin=None if input is None else bytes(input),
        name=name,
        labels=tuple((labels or {}).items()),
        time_limit_ms=milliseconds(time_limit) if time_limit is not None else None,
        stop_signal=signal.SIGTERM if stop_signal is None else index(stop_signal) or signal.SIGTERM,
        grace_ms=milliseconds(grace) if grace is not None else None,
        output_limit_bytes=_size("output_limit", output_limit, "bytes, or a size such as '1.5G'"),
        linger=linger,
        priority=index(priority),
        held=hold,
        after=_conditions(after) if after is not None else (),
        stderr_to_stdout=stderr_to_stdout,
        retry=_rule(retry) if retry is not None else None,
        memory_bytes=_size("memory", memory, "bytes, or a size such as '2G'"),
        nice=None if nice is None else index(nice),
        umask=_size("umask", umask, "a number such as 0o027, or octal digits", parse_umask),
        rlimits=read_limits(rlimits) if rlimits else (),
        cpus=0 if index(cpus) == 1 else index(cpus),  # as if it was not said
        gpus=index(gpus),
        resources=tuple(sorted((name, index(amount)) for name, amount in (resources or {}).items())),
        only_one=only_one,
        on=_terms("on", on) if on else (),
        not_on=_terms("not_on", not_on) if not_on else (),
        start_at_us=start.at_us,
        start_in_ms=start.in_ms,
        not_after_us=latest.at_us,
        not_after_ms=latest.in_ms,
        may_submit=may_submit,
        files=files,
        outputs=outputs,
    )


def start_of(at: Moment | None, option: str = "at") -> StartTime:
    """Return the earliest or latest start time.

    Raises `Refused(INVALID_ARGUMENT)` for a text that is not a time, or a time before 1970; TypeError for anything else.
    """
    must_be(option, at, (str, datetime, timedelta, NoneType), "a datetime, a timedelta from now, or a text such as '02:30' or '+1h'")
    match at:
        case None:
            return NOW
        case str():
            return parse_start(at) if option == "at" else parse_not_after(at)
        case datetime():
            return StartTime(at_us=microseconds(at))
        case _:
            return StartTime(in_ms=milliseconds(at))


def spec_of_call(arguments: Mapping[str, Any]) -> JobSpec:
    """Return the result of `job_spec` for those of these arguments that it takes: `locals()` of a function with all its options."""
    return job_spec(**{name: arguments[name] for name in _PARAMETERS})


_PARAMETERS = tuple(name for name in job_spec.__annotations__ if name != "return")


def as_spec(job: JobSpec | Sequence[Text]) -> JobSpec:
    """Return the spec of one of the jobs of `submit_many`: a spec, in which text may replace bytes, or an argv.

    Raises TypeError.
    """
    if not isinstance(job, JobSpec):
        return job_spec(job)
    # As a rule all is bytes already, and a copy costs more than all else that is done with a spec here.
    if type(job.argv) is tuple and not job.environment and {type(job.directory), *map(type, job.argv)} == {bytes}:
        return job
    return replace(
        job,
        argv=_arguments(job.argv),
        environment=tuple((os.fsencode(name), os.fsencode(value)) for name, value in job.environment),
        directory=os.fsencode(job.directory),
    )


def args_of(job: JobSpec | Sequence[Text]) -> tuple[Text, ...]:
    """Return the argv of one of the jobs of `submit_many` as it was given; that of a spec as text."""
    return tuple(map(os.fsdecode, job.argv)) if isinstance(job, JobSpec) else tuple(job)


def _files(
    script: Text | None, put: Files, get: Paths, *, elsewhere: bool
) -> tuple[tuple[BroughtFile, ...], tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the files of a job, the paths to fetch, and the start of its argv; `elsewhere`: it does not run in its folder."""
    if script is None and put == () and get == ():
        return (), (), ()
    from ...files.options import brought, wanted  # noqa: PLC0415 -- few jobs have files

    found = wanted(get)
    if any(place for _, place in found):
        raise Refused(Code.INVALID_ARGUMENT, "get= has a place on this machine", "that is for run; later: job.get([(path, place)])")
    files = tuple(brought(script, put))
    program = program_of(files[0].path, elsewhere=elsewhere, by_shell=files[0].is_for_shell) if script is not None else ()
    return files, tuple(dict.fromkeys(path for path, _ in found)), program


def _conditions(after: Awaiting) -> tuple[After, ...]:
    from .conditions import conditions_of  # noqa: PLC0415 -- few jobs wait for others

    return conditions_of(after)


def _rule(retry: int | Retry) -> RetryRule | None:
    if not isinstance(retry, Retry):
        retry = Retry(must_be_whole("retry", retry))
    if not retry.max:
        return None
    return RetryRule(retry.max, milliseconds(retry.delay) or 0, float(retry.backoff), tuple(sorted(set(retry.on_exit))))


def _arguments(argv: Sequence[Text]) -> tuple[bytes, ...]:
    if not isinstance(argv, Iterable):
        raise TypeError(f"argv is a program and its arguments, as a list, not {'a function' if callable(argv) else type(argv).__name__}")
    if isinstance(argv, str | bytes):
        raise TypeError("argv is a sequence of arguments, not one string; for a shell write ['sh', '-c', ...]")
    arguments = tuple(argv)
    for position, argument in enumerate(arguments):
        if not isinstance(argument, _TEXT_TYPES):
            raise TypeError(f"argv[{position}] must be text, bytes or a path, not {type(argument).__name__}")
    return tuple(map(os.fsencode, arguments))


def _size(option: str, value: int | str | None, in_words: str, parse: Callable[[str], int] = parse_size) -> int | None:
    if value is None:
        return None
    must_be(option, value, (SupportsIndex, str), in_words)
    return parse(value) if isinstance(value, str) else must_be_whole(option, value)


def _check_numbers(nice: int | None, stop_signal: int | None, priority: int, cpus: int, gpus: int) -> None:
    if nice is not None:
        must_be_whole("nice", nice, LOWEST)
    if stop_signal is not None:
        must_be_whole("stop_signal", stop_signal)
    if priority != 0:
        must_be_whole("priority", priority, LOWEST)
    if cpus != 1 or cpus is True:
        must_be_whole("cpus", cpus, 1)
    if gpus != 0:
        must_be_whole("gpus", gpus)


def _check_flags(**flags: object) -> None:
    for option, value in flags.items():
        if value is not False:
            must_be(option, value, bool, "True or False")


def _check_tables(
    env: Mapping[Any, Any] | None, labels: Mapping[Any, Any] | None, rlimits: Mapping[Any, Any] | None, resources: Mapping[Any, Any] | None
) -> None:
    if env is not None:
        must_be("env", env, Mapping, "a mapping of names to texts")
        for variable, value in env.items():
            must_be("the name of a variable", variable, (str, bytes), "text or bytes")
            must_be(f"env[{variable!r}]", value, _TEXT_TYPES, "text or bytes")
    if labels is not None:
        must_be("labels", labels, Mapping, "a mapping of names to texts")
        for label, text in labels.items():
            must_be("the name of a label", label, str, "text")
            must_be(f"labels[{label!r}]", text, str, "text")
    if rlimits is not None:
        must_be("rlimits", rlimits, Mapping, "a mapping of names to limits")
    if resources is not None:
        must_be("resources", resources, Mapping, "a mapping of names to numbers")
        for resource, amount in resources.items():
            must_be("the name of a resource", resource, str, "text")
            must_be_whole(f"resources[{resource!r}]", amount)


def _terms(option: str, said: str | Iterable[str]) -> tuple[str, ...]:
    must_be(option, said, Iterable, "a label, or several")
    # Read once: an iterator would be empty afterwards.
    terms = read_terms(said)
    if not all(isinstance(term, str) for term in terms):
        raise TypeError(f"{option} must be a label, or several, as text")
    return terms

"""What a caller of the library writes about a job, made into a spec: text or bytes, seconds, timedelta or `1h30m`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

from ..schemas.durations import parse_duration
from ..schemas.generated import job_pb2
from ..schemas.naming import ID_BYTES, new_id, parse_id
from ..schemas.refusal import Code, Refused
from ..schemas.sizes import parse_size
from ..schemas.spec import JobSpec, to_wire

if TYPE_CHECKING:
    from types import UnionType

# As long as a timedelta can be. No one waits that long.
_LONGEST_SECONDS = 86_400_000_000_000

Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# Seconds, where it is a number; a text is read as the command line reads it.
Duration: TypeAlias = "float | timedelta | str"


class JobOptions(TypedDict, total=False):
    """What may be said about a job beside its argv.

    `id`: made by the caller, 16 bytes or UUID text; a repeated call with the same id and options is the same job. `input`: its standard
    input (default: empty). `cwd`: an absolute folder on the worker's machine (default: the worker's). `env`: added to a clean environment.
    `time_limit`: it is ended after that. `stop_signal`, `grace`: how a stop begins, and how long until SIGKILL. `output_limit`: it is
    ended when it has written more than that, in bytes or as `1.5G`. `linger`: what it leaves behind goes on.
    """

    id: bytes | str | None
    input: bytes | None
    cwd: Text | None
    env: Mapping[str, Text] | Mapping[bytes, Text] | None
    name: str
    labels: Mapping[str, str] | None
    time_limit: Duration | None
    stop_signal: int | None
    grace: Duration | None
    output_limit: int | str | None
    linger: bool


_UNDECODED = "output is bytes, decode it: job.stdout.decode()"
_GATHERED = "the output of a job is always kept: see stdout and stderr of the result, or of the job while it runs"
# Arguments of `subprocess.run` that fingers type, and that mean nothing here: what to do instead.
_INSTEAD = {
    "stdin": "give the bytes as input=",
    "text": _UNDECODED,
    "universal_newlines": _UNDECODED,
    "encoding": _UNDECODED,
    "errors": _UNDECODED,
    "capture_output": _GATHERED,
    "stdout": _GATHERED,
    "stderr": _GATHERED,
    "shell": "write the shell as the program: ['sh', '-c', ...]",
}


def job_spec(argv: Sequence[Text], **options: Unpack[JobOptions]) -> JobSpec:
    """Describe a job for `submit_many`; the options are those of `run` and `submit`, but for `id`.

    Raises TypeError and `Refused(INVALID_ARGUMENT)` as these do.
    """
    if "id" in options:
        raise TypeError("an id belongs to one submission and not to a spec: submit_many takes ids=")
    return make_spec(argv, options)


def make_spec(argv: Sequence[Text], options: JobOptions) -> JobSpec:
    """Make a spec of the arguments of `run` and `submit`.

    Raises `Refused(INVALID_ARGUMENT)` for a text that is no time or size, TypeError for an option that there is not or of another type,
    and for an argv that is one string: no shell would take it apart.
    """
    for option in options:
        if option not in JobOptions.__annotations__:
            hint = f": {_INSTEAD[option]}" if option in _INSTEAD else ""
            raise TypeError(f"unexpected keyword argument {option!r}{hint}")
    _must_be("name", options.get("name", ""), str, "text")
    _must_be("output_limit", options.get("output_limit"), int | str | None, "bytes, or a size such as '1.5G'")
    for limit in ("time_limit", "grace"):
        _must_be(limit, options.get(limit), float | int | timedelta | str | None, "seconds, a timedelta, or a time such as '1h30m'")
    _must_be("input", options.get("input"), bytes | bytearray | memoryview | None, "bytes; encode a text: text.encode()")
    for variable, value in (options.get("env") or {}).items():
        _must_be(f"env[{variable!r}]", value, str | bytes | os.PathLike, "text or bytes")
    for label, value in (options.get("labels") or {}).items():
        _must_be(f"labels[{label!r}]", value, str, "text")
    given = options.get("input")
    most = options.get("output_limit")
    cwd = options.get("cwd")
    variables = (options.get("env") or {}).items()
    return JobSpec(
        argv=_arguments(argv),
        environment=tuple((os.fsencode(variable), os.fsencode(value)) for variable, value in variables),
        directory=b"" if cwd is None else os.fsencode(cwd),
        stdin=None if given is None else bytes(given),
        name=options.get("name", ""),
        labels=tuple((options.get("labels") or {}).items()),
        time_limit_ms=milliseconds(options.get("time_limit")),
        stop_signal=options.get("stop_signal") or signal.SIGTERM,
        grace_ms=milliseconds(options.get("grace")),
        output_limit_bytes=parse_size(most) if isinstance(most, str) else most,
        linger=options.get("linger", False),
    )


def as_spec(job: JobSpec | Sequence[Text]) -> JobSpec:
    """Take one of the jobs of `submit_many`: a spec, in which text may stand for bytes, or a bare argv.

    Raises TypeError that says what is wrong with it.
    """
    if not isinstance(job, JobSpec):
        return make_spec(job, {})
    return replace(
        job,
        argv=_arguments(job.argv),
        environment=tuple((os.fsencode(name), os.fsencode(value)) for name, value in job.environment),
        directory=os.fsencode(job.directory),
    )


def _arguments(argv: Sequence[Text]) -> tuple[bytes, ...]:
    if isinstance(argv, str | bytes) or not isinstance(argv, Iterable):
        raise TypeError("argv is a sequence of arguments, not one string; for a shell write ['sh', '-c', ...]")
    arguments = tuple(argv)
    for position, argument in enumerate(arguments):
        _must_be(f"argv[{position}]", argument, str | bytes | os.PathLike, "text, bytes or a path")
    return tuple(os.fsencode(argument) for argument in arguments)


def _must_be(what: str, value: object, kinds: type | UnionType, in_words: str) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"{what} must be {in_words}, not {type(value).__name__}")


def make_id(said: bytes | str | None) -> bytes:
    """Read an id that a caller made, or make one.

    Raises `Refused(INVALID_ARGUMENT)` for what is no UUID.
    """
    if said is None:
        return new_id()
    try:
        job_id = parse_id(said) if isinstance(said, str) else said
    except ValueError:
        job_id = b""
    if len(job_id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not the id of a job", "an id is a UUID: 16 bytes, or 32 hex digits")
    return job_id


def encode(spec: JobSpec) -> job_pb2.JobSpec:
    """Write a spec as it travels.

    Raises `Refused(INVALID_ARGUMENT)` where a name or label is no Unicode, or a number cannot be written.
    """
    try:
        return to_wire(spec)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the job cannot be described: {error}") from None


def seconds(duration: Duration) -> float:
    """Read a duration.

    Raises `Refused(INVALID_ARGUMENT)` for a text that is none, and for what is no number of seconds: infinity, or not a number.
    """
    if isinstance(duration, str):
        return parse_duration(duration) / 1000
    if not isinstance(duration, int | float):
        return duration.total_seconds()
    # Written so that NaN is refused too.
    if not abs(duration) <= _LONGEST_SECONDS:
        # Python writes no integer of more than some thousand digits.
        said = str(duration) if isinstance(duration, float) else "so large a number"
        raise Refused(Code.INVALID_ARGUMENT, f"{said} is not a duration in seconds", "for no limit leave it out, or give None")
    return duration


def milliseconds(duration: Duration | None) -> int | None:
    """Read a duration as whole milliseconds, upwards: what is short is not nothing.

    Raises `Refused(INVALID_ARGUMENT)` for a negative one.
    """
    if duration is None:
        return None
    value = seconds(duration)
    if value < 0:
        raise Refused(Code.INVALID_ARGUMENT, f"{value} is not a duration in seconds")
    return -int(-value * 1000 // 1)

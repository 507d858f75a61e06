"""What a caller of the library writes about a job, made into a spec: text or bytes, seconds or timedelta."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from ..schemas.generated import job_pb2
from ..schemas.naming import ID_BYTES, new_id, parse_id
from ..schemas.refusal import Code, Refused
from ..schemas.spec import JobSpec, to_wire

if TYPE_CHECKING:
    from datetime import timedelta

Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# Seconds, where it is a number.
Duration: TypeAlias = "float | timedelta"


class JobOptions(TypedDict, total=False):
    """What may be said about a job beside its argv.

    `id`: made by the caller, 16 bytes or UUID text; a repeated call with the same id and options is the same job. `input`: its standard
    input (default: empty). `cwd`: an absolute folder on the worker's machine (default: the worker's). `env`: added to a clean environment.
    `time_limit`: it is ended after that. `stop_signal`, `grace`: how a stop begins, and how long until SIGKILL. `output_limit`: it is
    ended when it has written more bytes than that. `linger`: what it leaves behind goes on.
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
    output_limit: int | None
    linger: bool


def make_spec(argv: Sequence[Text], options: JobOptions) -> JobSpec:
    """Make a spec of the arguments of `run` and `submit`.

    Raises TypeError for an argv that is one string: there is no shell that would take it apart.
    """
    if isinstance(argv, str | bytes):
        raise TypeError("argv is a sequence of arguments, not one string; for a shell write ['sh', '-c', ...]")
    cwd = options.get("cwd")
    variables = (options.get("env") or {}).items()
    return JobSpec(
        argv=tuple(os.fsencode(argument) for argument in argv),
        environment=tuple((os.fsencode(variable), os.fsencode(value)) for variable, value in variables),
        directory=b"" if cwd is None else os.fsencode(cwd),
        stdin=options.get("input"),
        name=options.get("name", ""),
        labels=tuple((options.get("labels") or {}).items()),
        time_limit_ms=milliseconds(options.get("time_limit")),
        stop_signal=options.get("stop_signal") or signal.SIGTERM,
        grace_ms=milliseconds(options.get("grace")),
        output_limit_bytes=options.get("output_limit"),
        linger=options.get("linger", False),
    )


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
    """Read a duration."""
    return duration if isinstance(duration, int | float) else duration.total_seconds()


def milliseconds(duration: Duration | None) -> int | None:
    """Read a duration as whole milliseconds, upwards: what is short is not nothing.

    Raises `Refused(INVALID_ARGUMENT)` for a negative one.
    """
    if duration is None:
        return None
    value = seconds(duration)
    if not 0 <= value < float("inf"):
        raise Refused(Code.INVALID_ARGUMENT, f"{value} is not a duration in seconds")
    return -int(-value * 1000 // 1)

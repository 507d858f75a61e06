"""What a caller of the library writes about a job, made into a spec: text or bytes, seconds or timedelta."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..schemas.generated import job_pb2
from ..schemas.refusal import Code, Refused
from ..schemas.spec import JobSpec, to_wire

if TYPE_CHECKING:
    from datetime import timedelta

Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# Seconds, where it is a number.
Duration: TypeAlias = "float | timedelta"


def make_spec(
    argv: Sequence[Text],
    *,
    input: bytes | None = None,  # noqa: A002 -- as subprocess calls it
    cwd: Text | None = None,
    env: Mapping[str, Text] | Mapping[bytes, Text] | None = None,
    name: str = "",
    labels: Mapping[str, str] | None = None,
    time_limit: Duration | None = None,
    stop_signal: int | None = None,
    grace: Duration | None = None,
) -> JobSpec:
    """Make a spec of the arguments of `run` and `submit`.

    Raises TypeError for an argv that is one string: there is no shell that would take it apart.
    """
    if isinstance(argv, str | bytes):
        raise TypeError("argv is a sequence of arguments, not one string; for a shell write ['sh', '-c', ...]")
    return JobSpec(
        argv=tuple(os.fsencode(argument) for argument in argv),
        environment=tuple((os.fsencode(variable), os.fsencode(value)) for variable, value in (env or {}).items()),
        directory=b"" if cwd is None else os.fsencode(cwd),
        stdin=input,
        name=name,
        labels=tuple((labels or {}).items()),
        time_limit_ms=milliseconds(time_limit),
        stop_signal=signal.SIGTERM if stop_signal is None else stop_signal,
        grace_ms=milliseconds(grace),
    )


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

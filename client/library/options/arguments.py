"""Values as callers of the library give them: texts, durations, moments and ids, and what they mean."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from typing import TypeAlias

from ....schemas.naming import ID_BYTES, new_id, parse_id
from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration

# The longest timedelta.
_LONGEST_SECONDS = 86_400_000_000_000

Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# A number means seconds; a string is read as on the command line.
Duration: TypeAlias = "float | timedelta | str"
# A text is read as on the command line, and a datetime without a zone is of the local one.
Moment: TypeAlias = "datetime | timedelta | str"


def make_id(said: bytes | str | None) -> bytes:
    """Return the id that a caller made, or a new one.

    Raises `Refused(INVALID_ARGUMENT)` if it is not a UUID.
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


def seconds(duration: Duration) -> float:
    """Return a duration in seconds.

    Raises `Refused(INVALID_ARGUMENT)` for a string that is not a time, for infinity and for NaN.
    """
    if isinstance(duration, str):
        return parse_duration(duration) / 1000
    if not isinstance(duration, int | float):
        return duration.total_seconds()
    # Written so that NaN is refused too.
    if not abs(duration) <= _LONGEST_SECONDS:
        # Python writes no integer of more than some thousand digits.
        said = str(duration) if isinstance(duration, float) else "so large a number"
        raise Refused(Code.INVALID_ARGUMENT, f"{said} is not a duration in seconds", "for no limit, omit it or use None")
    return duration


def milliseconds(duration: Duration | None) -> int | None:
    """Return a duration in whole milliseconds, rounded up.

    Raises `Refused(INVALID_ARGUMENT)` for a negative one.
    """
    if duration is None:
        return None
    value = seconds(duration)
    if value < 0:
        raise Refused(Code.INVALID_ARGUMENT, f"{value} is not a duration in seconds")
    return -int(-value * 1000 // 1)


def deadline_in(timeout: Duration | None) -> float | None:
    """Return when a timeout that begins now has passed, on `time.monotonic`."""
    return None if timeout is None else time.monotonic() + seconds(timeout)

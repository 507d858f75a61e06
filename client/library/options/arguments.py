"""Values as callers of the library pass them: texts, durations, moments and ids."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import index
from typing import SupportsFloat, SupportsIndex, TypeAlias

from ....schemas.naming import ID_BYTES, new_id, parse_id
from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration

# The longest timedelta.
_LONGEST_SECONDS = 86_400_000_000_000
_LEAST_PATIENCE_SECONDS = 0.1
# Less than any priority or nice value.
LOWEST = -(1 << 31)
# More than any number of a request may be.
_LARGEST = (1 << 63) - 1

Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# A number means seconds; a string is read as on the command line.
Duration: TypeAlias = "float | timedelta | str"
# A text is read as on the command line, and a datetime without a zone is of the local one.
Moment: TypeAlias = "datetime | timedelta | str"


def make_id(said: bytes | str | None) -> bytes:
    """Return the id that a caller passed, or a new one.

    Raises `Refused(INVALID_ARGUMENT)` if it is not a UUID, and TypeError if it is neither text nor bytes.
    """
    return new_id() if said is None else read_id(said)


def read_id(said: bytes | str) -> bytes:
    """Return the id that a caller names. Raises as `make_id` does."""
    must_be("an id", said, (bytes, str), "16 bytes, or the text of a UUID")
    try:
        job_id = parse_id(said) if isinstance(said, str) else said
    except ValueError:
        job_id = b""
    if len(job_id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not the id of a job", "an id is a UUID: 16 bytes, or 32 hex digits")
    return job_id


def must_be(what: str, value: object, kinds: type | tuple[type, ...], in_words: str) -> None:
    """Raise TypeError for a value of another type."""
    if not isinstance(value, kinds):
        raise TypeError(f"{what} must be {in_words}, not {type(value).__name__}")


def must_be_whole(what: str, value: object, least: int = 0) -> int:
    """Return a whole number as an int.

    Raises TypeError for anything else, also for True and False, and `Refused(INVALID_ARGUMENT)` for a number that is too large.
    """
    # numpy has integers of its own.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{what} must be a whole number, not {type(value).__name__}")
    value = index(value)
    if value < least:
        raise Refused(Code.INVALID_ARGUMENT, f"{what} is {value}, and must be {least} or more")
    if not -_LARGEST <= value <= _LARGEST:
        raise Refused(Code.INVALID_ARGUMENT, f"{what} is too large a number")
    return value


def must_be_time(what: str, value: object) -> None:
    """Raise TypeError for anything but a duration, also for True and False."""
    if isinstance(value, bool) or not isinstance(value, (SupportsIndex, SupportsFloat, timedelta, str)):
        raise TypeError(f"{what} must be seconds, a timedelta, or a time such as '1h30m', not {type(value).__name__}")


def whole_or_none(what: str, value: object, least: int = 0) -> int | None:
    """Return a whole number as an int, and None for None. Raises as `must_be_whole` does."""
    return None if value is None else must_be_whole(what, value, least)


def once(argv: Sequence[Text]) -> Sequence[Text]:
    """Return an argv that can be read repeatedly: an iterator would be empty after the first time."""
    return tuple(argv) if isinstance(argv, Iterator) else argv


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970.

    Raises `Refused(INVALID_ARGUMENT)` for one that this machine cannot express.
    """
    try:
        return round(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        # Near the years 1 and 9999, where the zone leads out of them.
        raise Refused(Code.INVALID_ARGUMENT, f"{moment} is not between the years 1970 and 9999") from None


def seconds(duration: Duration) -> float:
    """Return a duration in seconds.

    Raises `Refused(INVALID_ARGUMENT)` for a string that is not a time, for infinity and for NaN; TypeError for anything else, also for
    True and False.
    """
    if isinstance(duration, str):
        return parse_duration(duration) / 1000
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    must_be_time("a duration", duration)
    # numpy has numbers of its own.
    duration = index(duration) if isinstance(duration, SupportsIndex) else float(duration)
    # Written so that NaN is refused too.
    if not abs(duration) <= _LONGEST_SECONDS:
        # Python writes no integer of more than some thousand digits.
        said = str(duration) if isinstance(duration, float) else "so large a number"
        raise Refused(Code.INVALID_ARGUMENT, f"{said} is not a duration in seconds", "for no limit, omit it or use None")
    return duration


def patience_seconds(duration: Duration | None) -> float | None:
    """Return in seconds how long a client waits for a worker that does not respond; None: without a limit.

    Raises as `seconds` does, and `Refused(INVALID_ARGUMENT)` for less than a tenth of a second, because the worker is probed as often.
    """
    if duration is None:
        return None
    patience = seconds(duration)
    if patience < _LEAST_PATIENCE_SECONDS:
        message = f"a patience of {patience:g} s is too short"
        raise Refused(Code.INVALID_ARGUMENT, message, f"give at least {_LEAST_PATIENCE_SECONDS} s, or None")
    return patience


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
    """Return the time on `time.monotonic` at which a timeout that starts now has passed."""
    return None if timeout is None else time.monotonic() + seconds(timeout)

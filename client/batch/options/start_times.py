"""The syntax of start times: `02:30`, `+1h`, or a date and a time of day.

A time of day, and a date without a zone, are in the zone of this machine, whatever its offset is then. Knows no worker: what is sent is a
moment, or a duration that begins when the worker accepts the job.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration
from ....schemas.text.patterns import pattern

_TIME = pattern(r"(\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)
_DATE = pattern(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = pattern(r"[\d.]+(ms|s|m|h|d|w)", re.ASCII)
_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
_HOW = "write a time of day such as 02:30, a date such as 2026-12-24T18:00, or from now on: +1h, +90s"
# A time of day that a change of the clock leaves out comes on the next day, or at the latest on the one after that.
_MOST_DAYS = 4


class StartTime(NamedTuple):
    """When a job starts: at a moment (microseconds since 1970), after a duration, or at once."""

    at_us: int | None = None
    in_ms: int | None = None


NOW = StartTime()


def parse_start(said: str, now: datetime | None = None, zone: tzinfo | None = None) -> StartTime:
    """Return when a job starts. `now`: an aware datetime, by default the present; `zone`: by default that of this machine.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = said.strip()
    if text.startswith("+"):
        return StartTime(in_ms=_duration(said, text[1:]))
    if found := _TIME.fullmatch(text):
        return StartTime(at_us=_micros(_next(said, found, now or datetime.now(UTC), zone)))
    if _DATE.match(text):
        return StartTime(at_us=_micros(_moment(said, text, zone)))
    hint = f"write it with a plus: +{text}" if _DURATION.fullmatch(text) else _HOW
    raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a time at which a job could start", hint)


def parse_not_after(said: str) -> StartTime:
    """Return the latest start of a job: as `parse_start`, or a duration.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = said.strip()
    return StartTime(in_ms=parse_duration(text)) if _DURATION.fullmatch(text) else parse_start(said)


def _duration(said: str, text: str) -> int:
    try:
        return parse_duration(text)
    except Refused as refused:
        raise Refused(Code.INVALID_ARGUMENT, refused.message if text else f"{said!r} has no duration", _HOW) from None


def _next(said: str, found: re.Match[str], now: datetime, zone: tzinfo | None) -> datetime:
    """Return the next moment at which a clock in this zone shows a time of day; a day on which it is skipped is left out."""
    try:
        wanted = time(int(found[1]), int(found[2]), int(found[3] or 0))
    except ValueError:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a time of day", "write it like 02:30 or 14:05:30") from None
    today = now.astimezone(zone).date()
    for days in range(_MOST_DAYS):
        shown = datetime.combine(today + timedelta(days=days), wanted)
        # Where the clock is put back, it shows the time twice.
        for moment in (_aware(shown, zone), _aware(shown.replace(fold=1), zone)):
            if moment > now and _is_shown(shown, moment, zone):
                return moment
    raise Refused(Code.INVALID_ARGUMENT, f"{said!r} does not come within the next days", _HOW)


def _moment(said: str, text: str, zone: tzinfo | None) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
        moment = _aware(found, zone)
        is_shown = _is_shown(found, moment, zone)
    except (ValueError, OverflowError) as error:
        # Python says of a zone how a timedelta is compared.
        why = "its zone is not within 24 hours of UTC" if "offset must be" in str(error) else error
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a date: {why}", _HOW) from None
    if not is_shown:
        what = f"{said!r} does not exist here: the clock is put forward over it"
        raise Refused(Code.INVALID_ARGUMENT, what, "write another time, or one with a zone: 2026-12-24T18:00+01:00")
    return moment


def _aware(shown: datetime, zone: tzinfo | None) -> datetime:
    return shown.replace(tzinfo=zone).astimezone(UTC) if zone is not None else shown.astimezone(UTC)


def _is_shown(shown: datetime, moment: datetime, zone: tzinfo | None) -> bool:
    """Return whether a clock in this zone shows this time at the moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0) == shown.replace(fold=0)


def _micros(moment: datetime) -> int:
    return (moment - _SINCE) // timedelta(microseconds=1)

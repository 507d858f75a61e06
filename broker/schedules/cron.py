"""The times of a cron expression in a time zone. Pure: the start of the search is passed in.

The clock of a zone is put forward and back. As with Debian's cron, a job at a skipped time runs right after the skipped hour, a job at a
time that occurs twice runs once, and a job that runs every so many minutes or hours follows elapsed time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from ...schemas.refusal import Code, Refused
from ...schemas.text.articles import with_article

LONGEST_EXPRESSION = 256
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
# A longer step than these is none: each hour, day, year or week begins anew.
_LONGEST_STEPS = (60, 24, 31, 12, 7)
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HOW = "write five fields, minute hour day-of-month month day-of-week, such as '30 2 * * 1-5', or @daily"
_ZONES = "write a name such as Europe/Berlin or UTC; those of a machine are listed by: timedatectl list-timezones"
_SECOND_US = 1_000_000
_WORD = re.compile(r"[0-9A-Za-z*/,#?-]+")
_DAY = 86_400
_DAY_US = _DAY * _SECOND_US
_SECOND = timedelta(seconds=1)
_SINCE = datetime(1970, 1, 1, tzinfo=UTC)


class Times(NamedTuple):
    """The times of an expression in a zone, in microseconds since 1970."""

    expression: str
    zone: tzinfo

    def after(self, at_us: int) -> Iterator[int]:
        """Iterate over the times after a moment, each later than the one before."""
        minute, hour, *_ = self.expression.split()
        moments = self._as_time_passes if minute.startswith("*") or hour.startswith("*") else self._each_once
        for found in moments(at_us // _SECOND_US):
            found_us = found * _SECOND_US
            # Two times that the clock leaves out come at the same moment, and of one that comes twice only the first is meant.
            if found_us > at_us:
                at_us = found_us
                yield found_us

    def _each_once(self, after: int) -> Iterator[int]:
        """Iterate over the seconds of fixed times of day.

        A time that is skipped when the clock is put forward comes right after the gap; of a repeated time the first one counts.
        """
        from cronsim import CronSim  # noqa: PLC0415 -- only schedules need it

        for moment in CronSim(self.expression, datetime.fromtimestamp(after, self.zone)):
            yield (moment - _SINCE) // _SECOND

    def _as_time_passes(self, after: int) -> Iterator[int]:
        """Iterate over all seconds at which the zone's clock shows such a time.

        CronSim advances by whole hours, and so skips times when a clock is changed by half an hour, like that of Lord Howe Island. It is
        called for each stretch between two changes of the clock, as for a clock that never changes.
        """
        from cronsim import CronSim  # noqa: PLC0415 -- as above

        begin: int | None = after
        while begin is not None:
            ahead = self._ahead(begin)
            seen, begin = begin, None
            for shown in CronSim(self.expression, datetime.fromtimestamp(after, UTC).replace(tzinfo=None) + ahead):
                found = (shown.replace(tzinfo=UTC) - ahead - _SINCE) // _SECOND
                begin = self._next_change(seen, found)
                if begin is not None:
                    # The clock may show such a time at the moment of the change itself.
                    after = begin - 1
                    break
                yield found
                seen = found

    def _ahead(self, at: int) -> timedelta:
        """Return by how many seconds the zone's clock is ahead of UTC."""
        return datetime.fromtimestamp(at, self.zone).utcoffset() or timedelta()

    def _next_change(self, begin: int, end: int) -> int | None:
        """Return the first second after `begin`, up to `end`, with another offset from UTC; None if there is none."""
        ahead = self._ahead(begin)
        # No zone changes its clock twice within a day.
        later = min(begin + _DAY, end)
        while self._ahead(later) == ahead:
            if later == end:
                return None
            begin, later = later, min(later + _DAY, end)
        while later - begin > 1:
            middle = (begin + later) // 2
            begin, later = (middle, later) if self._ahead(middle) == ahead else (begin, middle)
        return later

    def next(self, after_us: int) -> int | None:
        """Return the first time after a moment; None if there is none within 50 years."""
        return next(self.after(after_us), None)

    def last(self, after_us: int, upto_us: int, most: int) -> tuple[Sequence[int], bool]:
        """Return the last times after a moment up to another one, at most this many, and whether there are more.

        The cost does not grow with the span.
        """
        span_us = _DAY_US
        while True:
            begin_us = max(after_us, upto_us - span_us)
            found: list[int] = []
            for time_us in self.after(begin_us):
                if time_us > upto_us:
                    break
                found.append(time_us)
            if len(found) > most:
                return found[-most:], True
            if begin_us == after_us:
                return found, False
            span_us *= 2 if found else 16


def read_times(expression: str, zone: str) -> Times:
    """Return the times of an expression.

    Raises `Refused(INVALID_ARGUMENT)`, with the invalid field, or how zones are named.
    """
    text = " ".join(expression[: LONGEST_EXPRESSION + 1].split())
    text = _NAMED.get(text.lower(), text)
    _check(expression[:40], text)
    times = Times(text, _read_zone(zone))
    if times.next(0) is None:
        raise Refused(Code.INVALID_ARGUMENT, f"the cron expression {expression!r} matches no day", _HOW)
    return times


def _check(said: str, text: str) -> None:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 -- as above

    if text.startswith("@"):
        what = f"{said!r} is not a known name; known are {', '.join(_NAMED)}"
        next_step = "schedules do not depend on when the machine starts" if text.lower() == "@reboot" else _HOW
        raise Refused(Code.INVALID_ARGUMENT, what, next_step)
    fields = text.split()
    if len(text) > LONGEST_EXPRESSION or len(fields) != len(_FIELDS):
        count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        raise Refused(Code.INVALID_ARGUMENT, f"the cron expression {said!r} has {count}, not {len(_FIELDS)}", _HOW)
    for number, (name, field, longest) in enumerate(zip(_FIELDS, fields, _LONGEST_STEPS, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[number] = field
        try:
            # Numbers are read with int(), which takes digits of other scripts, 1_0 and +5 too.
            if not _WORD.fullmatch(field):
                raise CronSimError(field)
            CronSim(" ".join(alone), _SINCE)
        except (CronSimError, ValueError, AssertionError):
            raise Refused(Code.INVALID_ARGUMENT, f"{field!r} is not {with_article(name)}, in the cron expression {said!r}", _HOW) from None
        for step in re.findall(r"/(\d+)", field):
            if int(step) > longest:
                what = f"the step {step} of {field!r} is longer than {with_article(name)} field, {longest}, in the cron expression {said!r}"
                raise Refused(Code.INVALID_ARGUMENT, what, "steps begin anew each hour, day, month, year and week; list the times instead")
    try:
        CronSim(text, _SINCE)
    except (CronSimError, ValueError, AssertionError):
        raise Refused(Code.INVALID_ARGUMENT, f"the cron expression {said!r} matches no day", _HOW) from None


def _read_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- as above

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise Refused(Code.INVALID_ARGUMENT, f"this worker does not know the time zone {name!r}", _ZONES) from None

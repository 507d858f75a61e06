"""Parse moments that people write: how long ago, or a date and a time of day in the local time zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ...schemas.refusal import Code, Refused
from ...schemas.text.durations import parse_age

# Whatever begins like a date is one, but not `20261128d`.
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}(?![\d.a-z])")
_DAYS_AGO = {"today": 0, "yesterday": 1}
_HOW = "write how long ago, such as 30m or 2d, or a date: yesterday, 2026-11-28, '2026-11-28 14:30', 2026-11-28T14:30:00Z"


def parse_moment(said: str) -> datetime | timedelta:
    """Return how long ago, or the date, that a text means. A date without a time of day is its first moment.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = said.strip()
    if (days := _DAYS_AGO.get(text.lower())) is not None:
        # Dates are counted, as a day need not have 24 hours.
        return datetime.combine(datetime.now().astimezone().date() - timedelta(days=days), datetime.min.time())
    if text.lower() == "now":
        return timedelta(0)
    if _DATE.match(text):
        try:
            moment = datetime.fromisoformat(text)
            moment.timestamp()
        except (ValueError, OverflowError) as error:
            raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a date: {error}", _HOW) from None
        return moment
    try:
        return timedelta(milliseconds=parse_age(text))
    except Refused as refused:
        raise Refused(Code.INVALID_ARGUMENT, refused.message, _HOW) from None

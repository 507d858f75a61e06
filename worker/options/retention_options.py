"""Retention limits as written on the command line: `30d`, `100000`, `10G`, and `all` for no limit."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...schemas.refusal import Code, Refused
from ...schemas.text import durations
from ...schemas.text.sizes import parse_size

ALL = "all"
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


def parse_age(text: str) -> float | None:
    """Return how long to keep things, in seconds; None: without limit.

    Raises Refused(INVALID_ARGUMENT).
    """
    milliseconds = _positive(text, durations.parse_age, "a time", "30d, 12h")
    return None if milliseconds is None else milliseconds / 1000


def parse_count(text: str) -> int | None:
    """Return how many things to keep; None: all.

    Raises Refused(INVALID_ARGUMENT).
    """
    return _positive(text, _count, "a number", "100000")


def parse_bytes(text: str) -> int | None:
    """Return how many bytes to keep; None: all.

    Raises Refused(INVALID_ARGUMENT).
    """
    return _positive(text, parse_size, "a size", "10G, 500M")


def _count(text: str) -> int:
    return int(text) if _COUNT.fullmatch(text) else 0


def _positive(text: str, read: Callable[[str], int], what: str, example: str) -> int | None:
    if text == ALL:
        return None
    try:
        value = read(text)
    except Refused:
        value = 0
    if value > 0:
        return value
    # 0 could be read as "keep everything" or as "keep nothing".
    raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not {what} greater than 0", f"write it like {example}, or all for no limit")

"""Parse and format durations as people write them."""

from __future__ import annotations

import re

from ..refusal import Code, Refused
from .patterns import pattern

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
# Matches longer ones too, so that they can be refused as too long; but not without a bound.
_DURATION = pattern(r"(?:\d{1,100}(?:\.\d{1,6})?(?:ms|s|m|h|d|w)){1,100}", re.ASCII)
_PART = pattern(r"([\d.]+)(ms|s|m|h|d|w)", re.ASCII)
_SECONDS = pattern(r"\d{1,100}(?:\.\d{1,6})?", re.ASCII)
_LONGEST_SECONDS = 1e12


def parse_duration(said: str | float) -> int:
    """Return the milliseconds of `10s`, `1h30m`, `500ms`, or plain seconds, rounded up.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if isinstance(said, str):
        text = said.strip()
        if _SECONDS.fullmatch(text):
            return _whole_ms(said, float(text) * 1000)
        if _DURATION.fullmatch(text):
            return _whole_ms(said, sum(float(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text)))
    # Written so that NaN is refused too.
    elif said >= 0:
        return _whole_ms(said, said * 1000)
    raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a time", _how(said))


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units: `3h59m`, `2d`, `45s`. Smaller units are cut off."""
    left, parts = int(seconds), list[str]()
    for unit in ("d", "h", "m", "s"):
        amount, left = divmod(left, _UNITS_MS[unit] // 1000)
        if amount or parts or unit == "s":
            parts.append(f"{amount}{unit}" if amount or not parts else "")
    return "".join(parts[:2])


def _how(said: str | float) -> str:
    joined = "".join(str(said).split())
    if joined != said and _DURATION.fullmatch(joined):
        return f"write it without spaces: {joined}"
    if ":" in joined:
        # Of Slurm and of clocks, which mean different things by 1:30.
        return "write 1h30m for hours and minutes, 1m30s for minutes and seconds"
    return "write it like 10s, 1h30m, 500ms, or as seconds"


def parse_age(said: str) -> int:
    """Return an age in milliseconds. The unit is required: elsewhere 30 means seconds, but here people mean days.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if said.strip()[-1:].isdecimal():
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} has no unit", "write it like 30d, 12h, 1w")
    return parse_duration(said)


def _whole_ms(said: str | float, milliseconds: float) -> int:
    if milliseconds > _LONGEST_SECONDS * 1000:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is too long a time", "the limit is 1000 days")
    return int(milliseconds) if milliseconds == int(milliseconds) else int(milliseconds) + 1

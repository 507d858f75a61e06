"""How the limits of retention are written on the command line: `30d`, `100000`, `10G`, and `all` for no limit."""

from __future__ import annotations

import re

from ..schemas.refusal import Code, Refused

ALL = "all"
_DAY = 24 * 3600
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY}
# As in dd(1) and df(1) -h: powers of 1024.
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_AGE = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


def parse_age(text: str) -> float | None:
    """Read a time to keep things for, in seconds; None: for ever.

    Raises Refused(INVALID_ARGUMENT).
    """
    found = _AGE.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    return None if text == ALL else _positive(text, seconds, "a time", "30d, 12h")


def parse_count(text: str) -> int | None:
    """Read how many things to keep; None: all.

    Raises Refused(INVALID_ARGUMENT).
    """
    return None if text == ALL else _positive(text, int(text) if _COUNT.fullmatch(text) else 0, "a number", "100000")


def parse_bytes(text: str) -> int | None:
    """Read how many bytes to keep; None: all.

    Raises Refused(INVALID_ARGUMENT).
    """
    return None if text == ALL else _positive(text, size(text) or 0, "a size", "10G, 500M")


def size(text: str) -> int | None:
    """Read a number of bytes, `500M`; None if it is none."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _BYTES[found[2].upper()] if found else None


def _positive(text: str, value: int, what: str, example: str) -> int:
    if value > 0:
        return value
    # 0 would mean everything to some and nothing to others.
    raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not {what} from 1 on", f"write it like {example}, or say all for no limit")

"""Parse and format sizes in bytes for people, in powers of 1024, like dd(1) and df(1) -h."""

from __future__ import annotations

import re

from ..refusal import Code, Refused
from .numbers import why_not_number
from .patterns import pattern

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# A fraction needs a unit: there is no half of a byte, and rounding would hide a forgotten unit.
_SIZE = pattern(r"(\d{1,18})(?:\.(\d{1,6})(?=\s?[KMGT]))?\s?([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
# Half of the last digit that is written, in units of the next smaller unit: what would be written as 1024 KiB is 1 MiB.
_ROUNDED_UP = 20 * 1024


def parse_size(said: str | int) -> int:
    """Return the bytes of `10M`, `1.5G`, `500KiB` (units are powers of 1024), or of a plain number of bytes.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    found = _SIZE.fullmatch(str(said).strip())
    if found is None:
        raise Refused(Code.INVALID_ARGUMENT, why_not_number(said, "a size"), "write it like 500K, 10M, 1.5G, or as bytes")
    unit = _UNITS[found[3].upper()]
    fraction = found[2] or "0"
    tenths = len(fraction)
    return int(found[1]) * unit + int(fraction) * unit // int("1" + "0" * tenths)


def format_size(size_bytes: int) -> str:
    """Return a size with at most one decimal: 6 bytes, 1.5 KiB, 10 GiB."""
    for name in "TGMK":
        unit = _UNITS[name]
        if size_bytes + unit // _ROUNDED_UP >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}iB"
    return _bytes(size_bytes)


def format_limit(size_bytes: int) -> str:
    """Return a size that somebody chose, exact to the byte: 10 GiB, 1.25 MiB, 1025 bytes."""
    for name in "TGMK":
        unit = _UNITS[name]
        if size_bytes >= unit and size_bytes * 100 % unit == 0:
            return f"{size_bytes / unit:.2f}".rstrip("0").rstrip(".") + f" {name}iB"
    return _bytes(size_bytes)


def _bytes(size_bytes: int) -> str:
    return f"{size_bytes} byte{'' if size_bytes == 1 else 's'}"

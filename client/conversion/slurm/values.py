"""Convert values from Slurm's syntax to jobwire's: times, memory, moments, amounts. See sbatch(1)."""

from __future__ import annotations

import re

# days-hours:minutes:seconds in all shorter forms.
_WITH_DAYS = re.compile(r"(\d{1,6})-(\d{1,6})(?::(\d{1,6}))?(?::(\d{1,6}))?", re.ASCII)
_WITHOUT_DAYS = re.compile(r"(\d{1,9})(?::(\d{1,6}))?(?::(\d{1,6}))?", re.ASCII)
_SIZE = re.compile(r"(\d{1,12})([kmgt]?)b?", re.ASCII | re.IGNORECASE)
_UNLIMITED = {"infinite", "unlimited", "-1", "0"}
_KIB = {"": 1024, "k": 1, "m": 1024, "g": 1024**2, "t": 1024**3}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap]m)?", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?)?", re.ASCII)
_LATER = re.compile(r"now\s*\+\s*(\d{1,9})\s*(s|m|h|d|w)?[a-z]*", re.ASCII | re.IGNORECASE)
_HOURS = {"midnight": "00:00", "noon": "12:00", "fika": "15:00", "teatime": "16:00"}


class NotValue(ValueError):  # noqa: N818 -- a fact
    """Raised for an invalid value."""


def seconds_of(text: str) -> int | None:
    """Return a time limit in seconds; None if there is none.

    Raises NotValue.
    """
    said = text.strip().lower()
    if said in _UNLIMITED:
        return None
    if found := _WITH_DAYS.fullmatch(said):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    elif found := _WITHOUT_DAYS.fullmatch(said):
        days, parts = 0, [int(part) for part in found.groups() if part]
        # One number is minutes, two are minutes and seconds.
        hours, minutes, seconds = (0, *parts, *[0] * (2 - len(parts))) if len(parts) < 3 else parts  # noqa: PLR2004 -- all three
    else:
        raise NotValue(f"{text!r} is not a time for Slurm")
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or None


def kib_of(text: str) -> int:
    """Return an amount of memory in KiB; without a unit, it is MiB.

    Raises NotValue.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise NotValue(f"{text!r} is not an amount of memory")
    return int(found[1]) * _KIB[found[2].lower() or "m"]


def size_text(kib: int) -> str:
    """Return an amount of memory as `2G`."""
    for unit, length in (("G", 1024**2), ("M", 1024)):
        if kib >= length and kib % length == 0:
            return f"{kib // length}{unit}"
    return f"{kib}K"


def moment_of(text: str) -> str:
    """Return a start time in the syntax of `--at`; empty for now.

    Raises NotValue.
    """
    said = text.strip()
    if said.lower() == "now":
        return ""
    if said.lower() in _HOURS:
        return _HOURS[said.lower()]
    if found := _LATER.fullmatch(said):
        return f"+{found[1]}{(found[2] or 's').lower()}"
    if _DATE.fullmatch(said):
        return said
    if found := _CLOCK.fullmatch(said):
        hour = int(found[1])
        if found[4]:
            hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
        if hour < 24 and int(found[2]) < 60 and int(found[3] or 0) < 60:  # noqa: PLR2004 -- of a clock
            return f"{hour:02d}:{found[2]}" + (f":{found[3]}" if found[3] else "")
    raise NotValue(f"{text!r} is not a time for jobwire")


def amount_of(text: str) -> int:
    """Return a whole number.

    Raises NotValue.
    """
    said = text.strip()
    if not (said.isascii() and said.isdecimal() and len(said) <= 9):  # noqa: PLR2004 -- digits
        raise NotValue(f"{text!r} is not a number")
    return int(said)


def gpus_of(text: str) -> tuple[int, str]:
    """Return how many GPUs are requested, as `2`, `a100:2` or a comma-separated list, and of which kinds.

    Raises NotValue.
    """
    count, kinds = 0, []
    for part in text.split(","):
        kind, colon, number = part.strip().rpartition(":")
        if not colon and not number.isdecimal():
            kind, number = number, "1"
        count += amount_of(number)
        kinds += [kind] if kind else []
    return count, ", ".join(kinds)

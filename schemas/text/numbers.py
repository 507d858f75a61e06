"""Why a text is not the number that was asked for."""

from __future__ import annotations

import re

from .patterns import pattern

# A number, a range of them, or a size, with more digits than any number here may have.
_LARGE = pattern(r"(?=.*\d{10})[+-]?\d+(?:[-:.]\d+)*\s?[KMGT]?(?:i?B)?", re.ASCII | re.IGNORECASE)


def why_not_number(said: str | int, what: str) -> str:
    """Return that a text is not `what`, in words; or, if it is a number, that it is too large."""
    return f"{said!r} is too large a number" if _LARGE.fullmatch(str(said).strip()) else f"{said!r} is not {what}"

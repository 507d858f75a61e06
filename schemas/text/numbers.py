"""Why a text is not a valid number."""

from __future__ import annotations

import re

from .patterns import pattern

# A number, a range of them, or a size, with more digits than any number here may have.
_LARGE = pattern(r"(?=.*\d{10})[+-]?\d+(?:[-:.]\d+)*\s?[KMGT]?(?:i?B)?", re.ASCII | re.IGNORECASE)


def why_not_number(said: str | int, what: str) -> str:
    """Return, in words, that a text is not `what`; or that it is too large, if it is a number."""
    return f"{said!r} is too large a number" if _LARGE.fullmatch(str(said).strip()) else f"{said!r} is not {what}"

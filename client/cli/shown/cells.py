"""How many columns of a terminal a text takes, and cutting it to fit. Pure."""

from __future__ import annotations

import unicodedata

_TWO_COLUMNS = ("W", "F")
_NO_COLUMN = ("Mn", "Me", "Cf")
ELLIPSIS = "…"


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, most: int, ellipsis: str = ELLIPSIS) -> str:
    """Return a text cut to at most this many columns, with an ellipsis in place of what was cut."""
    if width(text) <= most:
        return text
    room = most - width(ellipsis)
    if room < 0:
        return ""
    kept = 0
    for position, character in enumerate(text):
        kept += _columns(character)
        if kept > room:
            return text[:position] + ellipsis
    return text


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NO_COLUMN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _TWO_COLUMNS else 1

"""Remarks on what could not be converted, and on what is different now: by line, with what to do instead."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """One sentence about a line; 0: about no particular line. `is_lost`: something essential is missing in the result."""

    line: int
    what: str
    instead: str
    is_lost: bool

    def sentence(self, file: str) -> str:
        """Return the remark for a person; `file` is the name of what was read."""
        where = f"{file}, line {self.line}: " if self.line else f"{file}: "
        instead = f"; {self.instead}" if self.instead else ""
        return f"{where}{self.what}{instead}"


class Remarks:
    """All remarks about one conversion, each once."""

    def __init__(self) -> None:
        self._found: dict[Remark, None] = {}

    def lost(self, line: int, what: str, instead: str = "") -> None:
        """Record that something essential could not be converted."""
        self._found[Remark(line, _in_one_line(what), instead, is_lost=True)] = None

    def note(self, line: int, what: str, instead: str = "") -> None:
        """Record that something now has another meaning, or is ignored."""
        self._found[Remark(line, _in_one_line(what), instead, is_lost=False)] = None

    def sorted(self) -> list[Remark]:
        """Return them by line."""
        return sorted(self._found, key=lambda remark: remark.line)


def _in_one_line(text: str) -> str:
    """Return text from elsewhere without control characters."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)

"""All mistakes in a batch file, reported at once, each with file, line and key. Knows no file format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ...schemas.refusal import Code, Refused
from ...schemas.text.msgspec_errors import Path
from .forms.toml_lines import Place

Find = Callable[[Path], Place]

_MOST_SHOWN = 20


class _Mistake(NamedTuple):
    find: Find
    path: Path
    what: str
    next_step: str


class Mistakes:
    """The mistakes in a file; messages call it `file`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[_Mistake] = []

    def add(self, find: Find, path: Path, what: str, next_step: str = "") -> None:
        """Record a mistake. Its line is looked up when it is reported: in a large file that takes a while."""
        self._found.append(_Mistake(find, path, what, next_step))

    def add_to_all(self, what: str, next_step: str = "") -> None:
        """Record a mistake that has no line."""
        self.add(lambda _: Place(0), (), what, next_step)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._found)

    def demand_none(self) -> None:
        """Raise `Refused(INVALID_ARGUMENT)` if there are any: its message is about the first, its notes about the others."""
        if not self._found:
            return
        shown = [(one.find(one.path), one.what, one.next_step) for one in self._found[:_MOST_SHOWN]]
        # What is wrong with an option of the command line is found in each table.
        once = dict.fromkeys(sorted(shown, key=lambda one: one[0].line))
        first, *others = [self.refusal(*one) for one in once]
        add_others(first, others, len(self._found) - len(shown) + len(once))
        raise first

    def refusal(self, place: Place, what: str, next_step: str = "") -> Refused:
        """Return the refusal for one mistake."""
        key = f", key '{place.key}'" if place.key else ""
        line = f", line {place.line}" if place.line else ""
        return Refused(Code.INVALID_ARGUMENT, f"{self.file}{line}{key}: {what}", next_step)


def add_others(first: Refused, others: Iterable[Refused], total: int) -> None:
    """Add further mistakes to the refusal of the first one, as notes."""
    shown = 1
    for other in others:
        first.add_note(str(other))
        shown += 1
    if total > 1:
        left = f"; {total - shown} more are not shown" if total > shown else ""
        first.add_note(f"these are {total} mistakes{left}; nothing was submitted")


def below(find: Find, *table: str | int) -> Find:
    """Return a finder for the paths in one table of a file."""
    return lambda path: find((*table, *path))

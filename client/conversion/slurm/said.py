"""The options that a Slurm script passes to sbatch(1), each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from ..options import NotOptions, read_options
from ..remarks import Remarks
from .options import LONG, SAME, SHORT
from .values import NotValue, amount_of


class SaidOption(NamedTuple):
    """An option: its value, its spelling, and its line; 0: on the command line."""

    value: str
    said: str
    line: int

    @property
    def shown(self) -> str:
        """The option and its value, as written."""
        return f"{self.said}{'=' if self.said.startswith('--') else ' '}{self.value}" if self.value else self.said


# By their long names; of two with one name, the last counts.
Said: TypeAlias = dict[str, SaidOption]


def note_options(words: Sequence[str], line: int, said: Said, remarks: Remarks) -> list[str]:
    """Add the options at the beginning of these words, and return the words after them."""
    try:
        found = read_options(words, SHORT, LONG, SAME)
    except NotOptions as problem:
        remarks.lost(line, f"{' '.join(words)}: {problem}", "see man sbatch")
        return []
    for given in found.options:
        # As it was called before.
        said["chdir" if given.name == "workdir" else given.name] = SaidOption(given.value, given.said, line)
    return found.rest


def amount(said: Said, remarks: Remarks, name: str) -> int | None:
    """Return the number in an option; None if it was not given, or is not a number."""
    if (option := said.get(name)) is None:
        return None
    try:
        return amount_of(option.value)
    except NotValue as problem:
        remarks.lost(option.line, f"{option.shown}: {problem}")
        return None

"""Parse a line of `jobwire shell`. Pure: text in, the words of a command out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...batch.forms.shell_words import NotWords, divide
from ..exit_status import BadInput

_ENDS = {"exit", "quit"}
_LARGEST_STATUS = 255
# They would replace this process, or read the lines that follow.
_NOT_HERE = {("shell",): "this is one already", ("worker", "run"): "it needs a process of its own: jobwire worker run"}


class Said(NamedTuple):
    """A line: the arguments for `jobwire`, empty for none. `warning`: a possible mistake.

    `ends`: it ends the shell, with `status`; None: with that of the lines before.
    """

    words: list[str]
    ends: bool = False
    status: int | None = None
    warning: str = ""


def understand(line: str) -> Said:
    """Return the parsed line. It is divided into words as in `batch --lines`; the word `jobwire` before the command is optional.

    Raises BadInput.
    """
    try:
        divided = divide(line)
    except NotWords as problem:
        raise BadInput(str(problem)) from None
    words = divided.words
    if words[:1] == ["jobwire"]:
        words = words[1:]
    if not words:
        return Said([])
    if words[0] in _ENDS:
        return Said([], ends=True, status=_status(words))
    _demand_possible(words)
    return Said(words, warning=divided.note)


def _status(words: Sequence[str]) -> int | None:
    """Return the status that `exit` names, see exit(1p)."""
    match words:
        case [_]:
            return None
        case [_, number] if (
            number.isascii() and number.isdecimal() and len(number) <= len(str(_LARGEST_STATUS)) and int(number) <= _LARGEST_STATUS
        ):
            return int(number)
    raise BadInput(f"{words[0]} takes an exit status from 0 to {_LARGEST_STATUS}, or nothing, which is the status of the lines before")


def _demand_possible(words: Sequence[str]) -> None:
    for command, reason in _NOT_HERE.items():
        if tuple(words[: len(command)]) == command:
            raise BadInput(f"{' '.join(command)} cannot be used in a shell of jobwire: {reason}")

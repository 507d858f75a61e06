"""Arguments that several commands take, and how they are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from ...schemas.refusal import Code, Refused
from ...schemas.text.numbers import why_not_number
from .exit_status import BadInput
from .parser.parameters import Argument, Option

_Value = TypeVar("_Value")
# Positions in a log are 64 bits wide.
_MOST_DIGITS = 18
HOW_TO_NAME = "A job: its id or the first 4 or more digits of it, its name, PID@START, or last. OWNER/ before it: another member's."

JobName = Annotated[str, Argument(metavar="JOB", help=HOW_TO_NAME)]
JobNames = Annotated[list[str], Argument(metavar="JOB", help=HOW_TO_NAME)]
Json = Annotated[bool, Option("--json", help="Print JSON, one object per line.")]


@contextmanager
def understanding(flag: str = "") -> Iterator[None]:
    """Turn a refusal of an argument into BadInput: nothing was sent.

    Raises BadInput.
    """
    try:
        yield
    except Refused as refused:
        if refused.code is not Code.INVALID_ARGUMENT:
            raise
        bad = BadInput(f"{flag}: {refused}" if flag else str(refused))
        for note in getattr(refused, "__notes__", ()):
            bad.add_note(note)
        raise bad from None


def understood(flag: str, read: Callable[[str], _Value], typed: str | None) -> _Value | None:
    """Return the parsed value of an option, or None if it was not given.

    Raises BadInput.
    """
    if typed is None:
        return None
    with understanding(flag):
        return read(typed)


def parse_count(text: str) -> int:
    """Return a number that is not negative.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise Refused(Code.INVALID_ARGUMENT, why_not_number(text, "a whole number of 0 or more"))
    return int(text)

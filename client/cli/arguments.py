"""Arguments that several verbs take, and how what was typed is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ...schemas.refusal import Code, Refused
from .endings import BadInput

# Positions in a log are 64 bits wide.
_MOST_DIGITS = 18
_HOW_TO_NAME = "An id, the beginning of one (4 digits or more), PID@START, a name, or last."

JobName = Annotated[str, typer.Argument(metavar="JOB", help=_HOW_TO_NAME)]
JobNames = Annotated[list[str], typer.Argument(metavar="JOB", help=_HOW_TO_NAME)]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, one object a line.")]


@contextmanager
def understanding(flag: str = "") -> Iterator[None]:
    """Take a refusal of what was typed for a mistake of who typed it: nothing was sent.

    Raises BadInput.
    """
    try:
        yield
    except Refused as refused:
        if refused.code is not Code.INVALID_ARGUMENT:
            raise
        raise BadInput(f"{flag}: {refused}" if flag else str(refused)) from None


def understood(flag: str, read: Callable[[str], int], typed: str | None) -> int | None:
    """Read an option that may be missing.

    Raises BadInput.
    """
    if typed is None:
        return None
    with understanding(flag):
        return read(typed)


def parse_count(text: str) -> int:
    """Read a number that is not negative.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not a number from 0 on")
    return int(text)

"""The indexes of a job array, as Slurm writes them: `1-100`, `0-15:4`, `1,3,5-7`, and `%4` for at most 4 at once."""

from __future__ import annotations

import re
from typing import NamedTuple

from ....schemas.refusal import Code, Refused
from ....schemas.text.numbers import why_not_number

_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})(?::([0-9]{1,9}))?)?")
_WIDTH = re.compile(r"[0-9]{1,9}")


class Array(NamedTuple):
    """The indexes in order, and how many of the jobs may run at once; 0: as many as there are slots."""

    indexes: list[int]
    parallel: int


def parse_array(text: str, most: int) -> Array:
    """Return the indexes of an array.

    Raises `Refused(INVALID_ARGUMENT)`, also for more than `most`.
    """
    said, percent, width = text.partition("%")
    if percent and (not _WIDTH.fullmatch(width) or int(width) == 0):
        raise _wrong(text, why_not_number(width, "a number of jobs"))
    indexes: dict[int, None] = {}
    for part in said.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise _wrong(text, why_not_number(part, "an index"))
        first, last, step = (int(number) if number else None for number in found.groups())
        assert first is not None
        if step == 0 or (last is not None and last < first):
            raise _wrong(text, f"{part!r} has {'a step of 0' if step == 0 else 'its larger end first'}")
        some = range(first, (first if last is None else last) + 1, step or 1)
        if len(indexes) + len(some) > most:
            raise Refused(Code.INVALID_ARGUMENT, f"the array {text!r} has more than {most} jobs, the limit for a batch", "divide it")
        if (twice := next((index for index in some if index in indexes), None)) is not None:
            raise _wrong(text, f"{twice} is in it twice")
        indexes |= dict.fromkeys(some)
    return Array(list(indexes), int(width) if percent else 0)


def _wrong(text: str, why: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, f"{text!r} is not an array: {why}", "write it like 1-100, 0-15:4, 1,3,5 or 1-100%4")

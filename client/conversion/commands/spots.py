"""Spots in a command that differ from job to job, and their content: a value of the job, a part of it, or a number."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_EXTENSION = re.compile(r"\.[^/.]*\Z")
NUMBER = -1


class Job(NamedTuple):
    """The parameters of one job: its values, and its number, counted from 1."""

    values: Sequence[str]
    number: int


class Spot(NamedTuple):
    """A spot in a command, under a unique key. `column`: which value replaces it, or NUMBER.

    `operation`: the part of the value, as GNU parallel writes it: `.` without extension, `/` the last part of a path, `//` the folder, `/.`
    the last part without extension.
    """

    key: str
    column: int
    operation: str = ""

    def value(self, job: Job) -> str:
        """Return the content of the spot for a job."""
        if self.column == NUMBER:
            return str(job.number)
        return _OPERATIONS[self.operation](job.values[self.column])


def _without_extension(value: str) -> str:
    return _EXTENSION.sub("", value)


def _base(value: str) -> str:
    return value.rpartition("/")[2]


def _folder(value: str) -> str:
    whole = value.rstrip("/")
    return os.path.dirname(whole) or ("/" if value.startswith("/") else ".")  # noqa: PTH120 -- a text


_OPERATIONS: dict[str, Callable[[str], str]] = {
    "": str,
    ".": _without_extension,
    "/": _base,
    "//": _folder,
    "/.": lambda value: _without_extension(_base(value)),
}

"""Places in a command that differ from job to job, and what stands there: a value of the job, a part of it, or a number."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_EXTENSION = re.compile(r"\.[^/.]*\Z")
NUMBER = -1


class Job(NamedTuple):
    """What one job is made for: its values, and its number from 1 on."""

    values: Sequence[str]
    number: int


class Spot(NamedTuple):
    """A place in a command, under a key that tells it from others. `column`: which value stands there, or NUMBER.

    `operation`: what is left of the value, as GNU parallel writes it: `.` without extension, `/` the last part of a path, `//` the
    folder, `/.` the last part without extension.
    """

    key: str
    column: int
    operation: str = ""

    def value(self, job: Job) -> str:
        """Return what stands there for a job."""
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

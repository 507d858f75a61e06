"""Problems for the operators of a daemon, in words: the subject and its state. Clients add the command that helps. Pure.

Each begins with its subject, one of `SUBJECTS`, so that a client can also report which subjects have no problem; what a broker reports
about its workers does not begin that way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...keys.members.rights import Member, Right
from ...schemas.text.sizes import format_size
from ...schemas.workers.warning_subjects import Subject

# What a worker needs for itself, and for each job (pipes, their copies, a pidfd).
_OF_ITSELF = 128
_OF_A_JOB = 7
# Of all that may be open, so many parts in ten.
_MANY_TENTHS = 8
_FEW_FILES = 10_000
_FEW_BYTES = 1 << 30
# Of all, one part in so many.
_FEW_PARTS = 20


class Trouble(NamedTuple):
    """A problem. `about`: None if the sentence names its subject. `needs`: the right needed to see it; None: everybody sees it."""

    about: Subject | None
    sentence: str
    needs: Right | None = Right.SEE_OTHERS

    @property
    def text(self) -> str:
        """The text as it is sent."""
        return self.sentence if self.about is None else f"{self.about.value}: {self.sentence}"

    def is_for(self, member: Member) -> bool:
        """Return whether this member sees it."""
        return self.needs is None or self.needs in member.rights


class Logged(NamedTuple):
    """Errors in the log of this run: how many, how long ago the last one was, and its first line."""

    errors: int = 0
    ago: str = ""
    last: str = ""


class Measured(NamedTuple):
    """The measurements: descriptors, disk, and logged errors. `files_left` None: the file system does not count files."""

    open_files: int
    most_files: int
    slots: int
    free_bytes: int
    total_bytes: int
    files_left: int | None
    ballast: bool
    logged: Logged


def find(measured: Measured) -> Iterator[Trouble]:
    """Iterate over the problems. `slots`: 0 for a daemon that runs no jobs itself."""
    jobs = max(0, measured.most_files - _OF_ITSELF) // _OF_A_JOB
    if jobs < measured.slots:
        yield Trouble(
            Subject.DESCRIPTORS,
            f"the limit of {measured.most_files} open files is enough for {jobs} jobs at once, but there are {measured.slots} slots",
        )
    elif measured.open_files * 10 > measured.most_files * _MANY_TENTHS:
        yield Trouble(
            Subject.DESCRIPTORS,
            f"{measured.open_files} of at most {measured.most_files} files are open",
        )
    if measured.total_bytes and measured.free_bytes < min(_FEW_BYTES, measured.total_bytes // _FEW_PARTS):
        yield Trouble(
            Subject.SPACE,
            f"{format_size(measured.free_bytes)} of {format_size(measured.total_bytes)} are free on the disk of its state folder",
        )
    if measured.files_left is not None and measured.files_left < _FEW_FILES:
        yield Trouble(
            Subject.INODES,
            f"the disk of its state folder has room for only {measured.files_left} more files, and each job needs 5",
        )
    if not measured.ballast:
        yield Trouble(
            Subject.BALLAST,
            "the space that is reserved for the ends of jobs is in use or cannot be reserved, so a full disk delays them",
        )
    if measured.logged.errors:
        errors = "1 error" if measured.logged.errors == 1 else f"{measured.logged.errors} errors"
        yield Trouble(
            Subject.LOG,
            f"{errors} since it was started, the last one {measured.logged.ago} ago: {measured.logged.last}",
            Right.ADMINISTER,
        )

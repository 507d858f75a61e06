"""Files and folders of this machine that a job brings: `FILE` or `FILE:PATH`, examined and hashed before anything is sent."""

# ruff: noqa: PTH118, PTH119 -- names are bytes, which need not be text
from __future__ import annotations

import os
import shlex
from functools import lru_cache
from typing import NamedTuple

from ...schemas.jobs.brought_files import BroughtFile, FileKind, path_problem
from ...schemas.refusal import Code, Refused
from ...schemas.trees.reading import Source, Survey

# What is looked at to tell a script from a program, as shells do.
_BEGIN_BYTES = 256


class LocalFile(BroughtFile):
    """A file that a job brings, with its path on this machine."""

    local: bytes
    survey: Survey
    # A script without `#!`, which the kernel does not execute.
    is_for_shell: bool = False

    def open(self) -> Source:
        """Return its content, which must be unchanged since it was hashed. Raises OSError."""
        return Source(_open(self.local), shown(self.local), self.survey)


class Chosen(NamedTuple):
    """A file or folder of this machine that was examined: its path here, its path in the job's folder, and its kind and size."""

    local: bytes
    path: bytes
    survey: Survey

    @property
    def mode(self) -> int:
        """Its permissions there. The owner can read it, because 0 would mean unset; those within a folder are sent with it."""
        return self.survey.mode or 0o400 if self.survey.kind is FileKind.FILE else 0o755

    def open(self) -> Source:
        """Return its content, which must be unchanged since it was examined. Raises OSError."""
        return Source(_open(self.local), shown(self.local), self.survey)


def choose(local: bytes, path: bytes) -> Chosen:
    """Examine a file or folder: `local` is its path here, `path` the one in the job's folder; empty: the folder itself.

    A file that is put to the folder itself keeps its name. Raises `Refused(INVALID_ARGUMENT)` if it cannot be read, or if `path` leads out
    of that folder.
    """
    if problem := path_problem(path):
        raise _refuse(f"{shown(path)!r} is not a path in the job's folder: {problem}")
    try:
        with Source(_open(local), shown(local)) as source:
            survey = source.survey
    except OSError as error:
        raise unreadable(local, error) from None
    return Chosen(local, path or (last_name(local) if survey.kind is FileKind.FILE else b""), survey)


def unreadable(local: bytes, error: OSError) -> Refused:
    """Return why a file or folder, or something in it, cannot be read."""
    inner = error.filename if isinstance(error.filename, bytes) and error.filename != local else b""
    what = f"{shown(inner)!r} in {shown(local)!r}" if inner else f"{shown(local)!r}"
    return _refuse(f"{what} cannot be read: {error.strerror}")


def bring(local: bytes, path: bytes, *, executable: bool = False) -> LocalFile:
    """Return a file or folder as a job brings it, examined and hashed. Raises as `choose` does."""
    chosen = choose(local, path)
    try:
        digest = _digest_of(local, chosen.survey)
        is_for_shell = executable and chosen.survey.kind is FileKind.FILE and _is_for_shell(local)
    except OSError as error:
        raise unreadable(local, error) from None
    survey = chosen.survey
    file = LocalFile(chosen.path, digest, survey.size, survey.kind, chosen.mode | (0o500 if executable else 0))
    file.local, file.survey, file.is_for_shell = local, survey, is_for_shell
    return file


def _is_for_shell(local: bytes) -> bool:
    """Return whether execvp(3) runs this file with sh(1): it is text that does not begin with `#!`."""
    with open(_open(local), "rb") as file:
        begin = file.read(_BEGIN_BYTES)
    return not begin.startswith(b"#!") and b"\0" not in begin


def parse_put(said: bytes, here: bytes = b"") -> tuple[bytes, bytes]:
    """Return the path here, and the path in the job's folder, of `FILE` or `FILE:PATH`. `here`: what relative names are relative to.

    An existing file whose name has a colon takes precedence. A PATH that ends with a slash is a folder, into which it is put under its
    name.
    """
    local, colon, path = said.rpartition(b":")
    if not colon or os.path.lexists(os.path.join(here, said)):
        local, path = said, b""
        colon = b""
    if not local:
        raise _refuse(f"{shown(said)!r} names no file", "write it like FILE or FILE:PATH")
    place = os.path.join(here, local)
    return place, target(place, path) if colon else last_name(place)


def target(place: bytes, path: bytes) -> bytes:
    """Return the path of a file or folder in the job's folder: if `path` ends with a slash, into that folder."""
    if path.endswith(b"/") and normal(path) not in {b"", b"/"}:
        path += last_name(place)
    return normal(path)


def parse_get(said: bytes) -> tuple[bytes, bytes]:
    """Return the path in the job's folder, and the path here, of `PATH` or `PATH:DEST`; without DEST the latter is empty.

    A colon in PATH is escaped with a backslash.
    """
    path, colon, place = said.replace(b"\\:", b"\0").partition(b":")
    if not path:
        raise _refuse(f"{shown(said)!r} names no file", "write it like PATH or PATH:DEST; . is the whole folder of the job")
    path = normal(path.replace(b"\0", b":"))
    if problem := path_problem(path):
        raise _refuse(f"{shown(path)!r} is not a path in the job's folder: {problem}")
    if colon and not place:
        raise _refuse(f"{shown(said)!r} has an empty place after the colon", "write it like PATH:DEST; . is the current folder")
    return path, place.replace(b"\0", b":")


def demand_folder_for(place: bytes) -> None:
    """Check that the folder of `place` exists, so that something can be written there. Raises `Refused(INVALID_ARGUMENT)`."""
    folder = os.path.split(place.rstrip(b"/"))[0] or b"."
    if not os.path.isdir(folder):  # noqa: PTH112 -- bytes
        named = shown(folder)
        raise _refuse(f"there is no folder {named!r} here", f"create it with mkdir -p {shlex.quote(named)}, or name another")


def shown(path: bytes) -> str:
    """Return a path for a message."""
    return os.fsdecode(path)


def normal(path: bytes) -> bytes:
    """Return a path without redundant parts."""
    parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
    return (b"/" if path.startswith(b"/") else b"") + b"/".join(parts)


def last_name(place: bytes) -> bytes:
    """Return the default name in the job's folder; `.` and `..` stand for that folder itself."""
    name = os.path.basename(place.rstrip(b"/"))
    return b"" if name in {b"", b".", b".."} else name


def _open(local: bytes) -> int:
    # A link that is named is followed, as cp does with -H; O_NONBLOCK: a FIFO is refused, and not waited for.
    return os.open(local, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


# The jobs of a batch may all bring the same.
@lru_cache(maxsize=256)
def _digest_of(local: bytes, survey: Survey) -> bytes:
    import hashlib  # noqa: PLC0415 -- it loads OpenSSL, and few jobs bring files

    hasher = hashlib.sha256()
    with Source(_open(local), shown(local), survey) as source:
        for data in source.read():
            hasher.update(data)
    return hasher.digest()


def _refuse(message: str, next_step: str = "") -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message, next_step)

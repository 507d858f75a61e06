"""Small files in a job's folder for the next supervisor, about facts that neither the kernel nor the logs show.

    over_limit                          output after the output limit was dropped
    stdout.problem, stderr.problem      why that log is incomplete
    stdin.problem                       why the job did not get all of its standard input
    feeder                              a symbolic link to the token of the client that feeds its standard input, in hex
    fed                                 it gets no more standard input
    pipes                               a symbolic link to `DEVICE:INODE,DEVICE:INODE`, its two pipes; created before the fork

On a file system without symbolic links (vfat, some of FUSE and 9p), regular files with the same content are used.

Kept small, as folders.py is, because the supervisor imports this.
"""

# pathlib would cost the supervisor a megabyte.
# ruff: noqa: PTH108, PTH115, PTH119, PTH211
from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

from ....schemas.private_parts.light_typing import NamedTuple
from ..small_files import read_file, write_file
from .folders import STREAMS, lingers_path

# What symlink(2) gives where the file system has no links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class PipeName(NamedTuple):
    """The identity of a pipe, unique during one boot."""

    device: int
    inode: int


def mark_over_limit(folder: str) -> None:
    """Note that the job of a folder wrote more than its output limit; does nothing if the disk is full."""
    with contextlib.suppress(OSError):
        write_file(f"{folder}/over_limit", b"")


def is_over_limit(folder: str) -> bool:
    """Return whether that was noted."""
    return os.path.lexists(f"{folder}/over_limit")


def note_problem(folder: str, stream: str, why: str) -> None:
    """Note that bytes of a stream were dropped; does nothing if the disk is full."""
    with contextlib.suppress(OSError):
        write_file(f"{folder}/{stream}.problem", why.encode())


def read_problems(folder: str) -> tuple[str, str]:
    """Return why stdout and stderr are incomplete, each empty if nothing was noted."""
    stdout, stderr = (read_problem(folder, stream) for stream in STREAMS)
    return stdout, stderr


def read_problem(folder: str, stream: str) -> str:
    """Return why a stream is incomplete; empty if nothing was noted."""
    return _read_problem(f"{folder}/{stream}.problem")


def note_feeder(folder: str, token: str) -> None:
    """Note who feeds the standard input of a job; does nothing if the disk is full."""
    with contextlib.suppress(OSError):
        _make_link(token, f"{folder}/feeder")


def read_feeder(folder: str) -> str:
    """Return who feeds the standard input of a job; empty if nobody was noted."""
    try:
        return _read_link(f"{folder}/feeder")
    except OSError:
        return ""


def mark_fed(folder: str) -> None:
    """Note that a job gets no more standard input; does nothing if the disk is full."""
    with contextlib.suppress(OSError):
        _make_link("over", f"{folder}/fed")


def is_fed(folder: str) -> bool:
    """Return whether that was noted."""
    return os.path.lexists(f"{folder}/fed")


def _read_problem(path: str) -> str:
    try:
        return read_file(path).decode(errors="replace") or "its supervisor could not say why"
    except OSError:
        return ""


def pipes_path(folder: str) -> str:
    """Return the path of the note about the pipes of a job."""
    return f"{folder}/pipes"


def lingering_pipes_path(logs: str, handle: str) -> str:
    """Return the path of the note about the pipes of a lingering job: next to its folder, which may be removed first."""
    return f"{logs}/.pipes-{handle}"


def write_pipes(path: str, names: Sequence[PipeName]) -> None:
    """Note the pipes of a job. Raises OSError."""
    text = ",".join([f"{name.device}:{name.inode}" for name in names])
    try:
        _make_link(text, path)
    except FileExistsError:
        # From an attempt that failed because the disk was full.
        os.unlink(path)
        _make_link(text, path)


def read_pipes(path: str) -> tuple[PipeName, ...] | None:
    """Return the pipes that were noted; None for a job of an earlier version, which noted none."""
    try:
        names = tuple(PipeName(*map(int, name.split(":"))) for name in _read_link(path).split(","))
    except (OSError, TypeError, ValueError):
        return None
    return names if len(names) == len(STREAMS) else None


def note_lingering(logs: str, handle: str, folder: str) -> None:
    """Note that a process of an ended job may still write; does nothing if that was noted before, or if the disk is full."""
    with contextlib.suppress(OSError):
        _make_link(os.path.basename(folder), lingers_path(logs, handle))
        _make_link(_read_link(pipes_path(folder)), lingering_pipes_path(logs, handle))


def read_lingering(note: str) -> str:
    """Return the name of the folder that `note_lingering` noted. Raises OSError."""
    return _read_link(note)


def forget_lingering(logs: str, handle: str) -> None:
    """Remove that note. Raises OSError."""
    for path in (lingering_pipes_path(logs, handle), lingers_path(logs, handle)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _make_link(text: str, path: str) -> None:
    """Write a short note. Raises OSError, and FileExistsError if there is one already."""
    try:
        # Creating a link is atomic, and takes one call instead of three: every start waits for this.
        os.symlink(text, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        write_file(path, os.fsencode(text))


def _read_link(path: str) -> str:
    """Return a note of `_make_link`. Raises OSError."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.fsdecode(read_file(path))

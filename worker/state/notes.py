"""Small files by which a supervisor tells its successor, in the folder of a job, what neither the kernel nor the logs would tell.

    over_limit                          something was dropped behind the output limit
    stdout.problem, stderr.problem      why that log is not whole
    pipes                               a symbolic link to `DEVICE:INODE,DEVICE:INODE`, its two pipes; there before the fork

Kept small, as folders.py is: the supervisor imports this.
"""

# pathlib would cost the supervisor a megabyte.
# ruff: noqa: PTH108, PTH115, PTH119, PTH211
from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from .folders import STREAMS, lingers_path
from .small_files import read_file, write_file


class PipeName(NamedTuple):
    """What tells a pipe from all others of this boot."""

    device: int
    inode: int


def mark_over_limit(folder: str) -> None:
    """Note that the job of a folder wrote more than its output limit; without room on the disk it stays unnoted."""
    with contextlib.suppress(OSError):
        write_file(f"{folder}/over_limit", b"")


def is_over_limit(folder: str) -> bool:
    """Tell whether that was noted."""
    return os.path.lexists(f"{folder}/over_limit")


def note_problem(folder: str, stream: str, why: str) -> None:
    """Note that bytes of a stream were dropped; without room on the disk it stays unnoted."""
    with contextlib.suppress(OSError):
        write_file(f"{folder}/{stream}.problem", why.encode())


def read_problems(folder: str) -> tuple[str, ...]:
    """Say why stdout and stderr are not whole; empty where nothing is noted."""
    return tuple(_read_problem(f"{folder}/{stream}.problem") for stream in STREAMS)


def _read_problem(path: str) -> str:
    try:
        return read_file(path).decode(errors="replace") or "its supervisor could not say why"
    except OSError:
        return ""


def pipes_path(folder: str) -> str:
    """Say where the pipes of a job are noted."""
    return f"{folder}/pipes"


def lingering_pipes_path(logs: str, handle: str) -> str:
    """Say where the pipes of a job are noted that ended and lingers: beside its folder, which may be forgotten meanwhile."""
    return f"{logs}/.pipes-{handle}"


def write_pipes(path: str, names: Sequence[PipeName]) -> None:
    """Note the pipes of a job. Raises OSError."""
    text = ",".join([f"{name.device}:{name.inode}" for name in names])
    try:
        # A link is made whole or not at all, with one call where a file takes three: every start waits for this.
        os.symlink(text, path)
    except FileExistsError:
        # Of an attempt for which there was no room.
        os.unlink(path)
        os.symlink(text, path)


def read_pipes(path: str) -> tuple[PipeName, ...] | None:
    """Say which pipes were noted; None where an earlier version started the job, which noted none."""
    try:
        names = tuple(PipeName(*map(int, name.split(":"))) for name in os.readlink(path).split(","))
    except (OSError, TypeError, ValueError):
        return None
    return names if len(names) == len(STREAMS) else None


def note_lingering(logs: str, handle: str, folder: str) -> None:
    """Note that something of a job that ended may still write; where that was noted, or without room, nothing is changed."""
    with contextlib.suppress(OSError):
        os.symlink(os.path.basename(folder), lingers_path(logs, handle))
        os.symlink(os.readlink(pipes_path(folder)), lingering_pipes_path(logs, handle))


def forget_lingering(logs: str, handle: str) -> None:
    """Remove that note. Raises OSError."""
    for path in (lingering_pipes_path(logs, handle), lingers_path(logs, handle)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

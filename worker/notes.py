"""Small files by which a supervisor tells its successor, in the folder of a job, what neither the kernel nor the logs would tell.

    over_limit                          something was dropped behind the output limit
    stdout.problem, stderr.problem      why that log is not whole

Kept small, as folders.py is: the supervisor imports this.
"""

# pathlib would cost the supervisor a megabyte.
from __future__ import annotations

import contextlib
import os

from .folders import STREAMS, read_file, write_file


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

"""Reopen the logs of an adopted job, for pumps that continue where those of the earlier supervisor stopped.

If a log cannot be opened at the moment, for instance because the disk is full or read-only, its pump waits until it can be. Nothing is
lost, and only that job waits.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from ...keeper.light_process import say
from ...state.log_folders import times_file
from ...state.log_folders.folders import STREAMS
from ...state.log_folders.job_files import JobFile
from ...state.log_folders.notes import is_over_limit, note_problem, read_problems
from ...state.small_files import FILE_MODE
from .pipes import hung_up
from .pump import Quota, Stream

REPLACED = "its log was replaced by something that is not a file"


def reopen_streams(file: JobFile, folder: str, ends: tuple[int, ...]) -> tuple[list[Stream], Quota]:
    """Return the streams of stdout and stderr for these read ends, and the remaining quota. Raises OSError if the folder is gone.

    For a job on a terminal, the first end is the master, which is not needed for a stream: all output is in stdout.
    """
    if file.terminal is not None:
        ends = (ends[1], hung_up())
    sizes = [_size_of(f"{folder}/{name}") for name in STREAMS]
    # Each size was recorded when the log had it.
    recorded = {STREAMS[arrival.stream]: arrival.size for arrival in times_file.read(folder)}
    streams = []
    for end, name, size, problem in zip(ends, STREAMS, sizes, read_problems(folder), strict=True):

        def reopen(path: str = f"{folder}/{name}") -> int:
            return _open(path)

        why = problem or _loss(f"{folder}/{name}", size, recorded.get(name, 0))
        if why and not problem:
            # The next supervisor finds the log that is made now.
            note_problem(folder, name, why)
        streams.append(Stream(name, end, _if_possible(reopen), size, why, reopen))
    return streams, Quota(file.output_limit_bytes, sum(sizes), is_exceeded=is_over_limit(folder))


def _loss(path: str, size: int, recorded: int) -> str:
    """Return what others did to a log while no supervisor had it open; empty: nothing, as far as is recorded."""
    is_there = is_file(path)
    # Both logs of a job are made before it begins.
    if is_there is None:
        return "its log was removed or moved away while it ran"
    return REPLACED if not is_there else "its log was shortened while it ran" if size < recorded else ""


def _open(path: str) -> int:
    if is_replaced(path):
        # What is there is not written to, and a FIFO would be waited for.
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    # Not O_APPEND, which splice refuses.
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)
    os.lseek(log, 0, os.SEEK_END)
    return log


def _if_possible(reopen: Callable[[], int]) -> int:
    try:
        return reopen()
    except FileNotFoundError:
        # Its folder is gone, and may be made again.
        raise
    except OSError as error:
        say(f"{error.filename} cannot be opened: {error.strerror}; its job waits until it can be")
        return -1


def _size_of(path: str) -> int:
    try:
        return 0 if is_replaced(path) else os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def is_replaced(path: str) -> bool:
    """Return whether something else was put in the place of a log."""
    return is_file(path) is False


def is_file(path: str) -> bool | None:
    """Return whether a path is a file, and not a link; None if it does not exist."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None

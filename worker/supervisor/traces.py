"""Finds what a job left in /proc: which process leads it, and the pipes that it writes into."""

# ruff: noqa: PTH116 -- pathlib is not light
from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from .keeper_line import Died
from .processes import read_stat, started_at_us

_CLOCK_TOLERANCE_US = 2_000_000


def oldest_session_leader(alive: Iterable[int], died: Iterable[Died]) -> int:
    """Tell which of a job's processes leads it; 0 if none can.

    The leader began with a session of its own, and before all its descendants, of which others may have made sessions too.
    """
    leaders = [(one.start_ticks, one.pid) for one in died if one.session == one.pid]
    for pid in alive:
        found = read_stat(pid)
        if found is not None and found.session == pid:
            leaders.append((found.start_ticks, pid))
    return min(leaders)[1] if leaders else 0


def started_about(start_ticks: int, at_us: int) -> bool:
    """Tell whether a process started when it is said to, as exact as ticks and a clock that may have been set allow."""
    return abs(started_at_us(start_ticks) - at_us) < _CLOCK_TOLERANCE_US


def find_pipes(pids: Iterable[int]) -> tuple[int, int]:
    """Open our ends of a job's pipes anew, through a process that has the other; -1 where none has."""
    pids = list(pids)
    stdout = next((end for pid in pids if (end := _open_pipe(pid, 1)) >= 0), -1)
    stderr = next((end for pid in pids if (end := _open_pipe(pid, 2)) >= 0), -1)
    if stdout >= 0 and stderr >= 0 and os.path.sameopenfile(stdout, stderr):
        # It sent its stderr where its stdout goes.
        os.close(stderr)
        stderr = -1
    return stdout, stderr


def _open_pipe(pid: int, number: int) -> int:
    path = f"/proc/{pid}/fd/{number}"
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode) or not _is_read_write(pid, number):
            return -1
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def _is_read_write(pid: int, number: int) -> bool:
    # The ends that we give are open for both; a pipe that the job made has one end for each, and must be left alone.
    with open(f"/proc/{pid}/fdinfo/{number}") as file:  # noqa: PTH123 -- as above
        for line in file:
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & os.O_ACCMODE == os.O_RDWR
    return False

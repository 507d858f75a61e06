"""Finds what jobs left in /proc: their processes, which of them leads, and the pipes that they write into."""

# ruff: noqa: PTH116 -- pathlib is not light
from __future__ import annotations

import os
from collections.abc import Iterable
from stat import S_ISFIFO

from .keeper_line import Died
from .processes import Stat, all_pids, mark_of, read_stat, started_at_us

_CLOCK_TOLERANCE_US = 2_000_000


def marked_processes() -> dict[int, dict[int, Stat]]:
    """Look at all processes that bear the mark of a job: by mark and pid."""
    found: dict[int, dict[int, Stat]] = {}
    for pid in all_pids():
        mark = mark_of(pid)
        stat = read_stat(pid) if mark else None
        if stat is not None:
            found.setdefault(mark, {})[pid] = stat
    return found


def find_leader(seen: dict[int, Stat], died: Iterable[Died]) -> int:
    """Tell which of a job's processes leads it, 0 if there was none: it was there before all its descendants.

    It has a session of its own, or it is in its very first moments, and then it is alone.
    """
    leaders = [(stat.session != pid, stat.start_ticks, pid) for pid, stat in seen.items()]
    leaders += [(one.session != one.pid, one.start_ticks, one.pid) for one in died]
    return min(leaders)[2] if leaders else 0


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
        if not S_ISFIFO(os.stat(path).st_mode) or not _is_read_write(pid, number):
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

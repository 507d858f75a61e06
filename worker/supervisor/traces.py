"""Finds what jobs left in /proc: their processes, which of them leads, and the pipes that they write into."""

# ruff: noqa: PTH116, PTH208 -- pathlib is not light
from __future__ import annotations

import os
from collections.abc import Iterable
from stat import S_IMODE, S_ISFIFO

from .keeper_line import Died
from .processes import Stat, all_pids, mark_of, read_stat, started_at_us

_CLOCK_TOLERANCE_US = 2_000_000
# The modes of a job's two pipes: so each can be told from the other, and from those that the job makes, wherever it is met.
PIPE_MODES = (0o1600, 0o1700)


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
    """Open our ends of a job's pipes anew, through processes that have the other; -1 where none has.

    Under whatever numbers: a shell moves them for a moment, `echo >&2` and `>> file` are such moments. The pipe itself says which it is.
    """
    found = [-1, -1]
    for pid in pids:
        for number in _descriptors(pid):
            which = _open_pipe(pid, number, found)
            if which is not None and min(found) >= 0:
                return found[0], found[1]
    return found[0], found[1]


def _descriptors(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        # It ended, or is another user's.
        return []


def _open_pipe(pid: int, number: str, found: list[int]) -> int | None:
    """Open one descriptor if it is a pipe of ours that is not found yet; say which it was."""
    path = f"/proc/{pid}/fd/{number}"
    try:
        which = _which(os.stat(path))
        if which is None or found[which] >= 0 or not _is_read_write(pid, number):
            return None
        end = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if _which(os.fstat(end)) != which:
        # Another one has come under that number.
        os.close(end)
        return None
    found[which] = end
    return which


def _which(stat: os.stat_result) -> int | None:
    """Tell whether this is the pipe of a job's stdout (0) or stderr (1), or something else."""
    return PIPE_MODES.index(S_IMODE(stat.st_mode)) if S_ISFIFO(stat.st_mode) and S_IMODE(stat.st_mode) in PIPE_MODES else None


def _is_read_write(pid: int, number: str) -> bool:
    # The ends that we give are open for both; a pipe that the job made has one end for each, and must be left alone.
    with open(f"/proc/{pid}/fdinfo/{number}") as file:  # noqa: PTH123 -- as above
        for line in file:
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & os.O_ACCMODE == os.O_RDWR
    return False

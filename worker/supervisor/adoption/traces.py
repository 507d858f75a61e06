"""Find processes of jobs in /proc, and their leader."""

from __future__ import annotations

from collections.abc import Iterable

from ..containment.processes import Stat, all_pids, mark_of, read_stat, started_at_us
from ..keeper_line import Died

_CLOCK_TOLERANCE_US = 2_000_000


def marked_processes() -> dict[int, dict[int, Stat]]:
    """Return all processes with the mark of a job, by mark and pid."""
    found: dict[int, dict[int, Stat]] = {}
    for pid in all_pids():
        mark = mark_of(pid)
        stat = read_stat(pid) if mark else None
        if stat is not None:
            found.setdefault(mark, {})[pid] = stat
    return found


def find_leader(seen: dict[int, Stat], died: Iterable[Died]) -> int:
    """Return the leader among a job's processes: the oldest one; 0 if there is none.

    It has a session of its own; or it has just been created, and is the only process.
    """
    leaders = [(stat.session != pid, stat.start_ticks, pid) for pid, stat in seen.items()]
    leaders += [(one.session != one.pid, one.start_ticks, one.pid) for one in died]
    return min(leaders)[2] if leaders else 0


def started_about(start_ticks: int, at_us: int) -> bool:
    """Return whether a process started at this time, within the precision of ticks and of a clock that may have been set."""
    return abs(started_at_us(start_ticks) - at_us) < _CLOCK_TOLERANCE_US

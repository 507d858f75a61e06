"""Find the processes that may descend from a job's leader, without a scan of all processes.

An orphan below the keeper becomes a child of the keeper (PR_SET_CHILD_SUBREAPER in prctl(2)), and clone(2) with CLONE_PARENT in a leader
creates a child of the supervisor. So all descendants of a leader are found from three roots: the leader itself, the children of the
keeper, and the children of the supervisor. This holds only if the keeper has existed since before the job began; otherwise all of /proc
must be scanned.
"""

from __future__ import annotations

import os

from .processes import LESS_THAN_A_PAGE, Stat, children_of, has_ended, mark_of, open_children, read_children, read_stat


class Descent:
    """Parents and children below one keeper."""

    def __init__(self, keeper: int) -> None:
        self.keeper = keeper
        # Leaders of jobs. They are not orphans, although they may be children of the keeper.
        self.leaders: set[int] = set()
        self._us = os.getpid()
        self._only_us = b"%d " % self._us
        # Kept open, because they are read at the end of each job. Both processes have one thread.
        self._ours, self._keepers = open_children(self._us), open_children(keeper)

    def is_known(self) -> bool:
        """Return whether all orphans can be found, now and since the start: the keeper is alive, and the kernel lists children."""
        return self._ours >= 0 and self._keepers >= 0 and os.getppid() == self.keeper

    def has_orphans(self) -> bool:
        """Return whether there is an orphan, of any job."""
        own = os.pread(self._ours, LESS_THAN_A_PAGE, 0) if self._ours >= 0 else b""
        # The usual case, at the end of every job: the only child of the keeper is the supervisor, whose only children are leaders.
        is_usual = len(own) < LESS_THAN_A_PAGE and self._keepers >= 0 and os.pread(self._keepers, LESS_THAN_A_PAGE, 0) == self._only_us
        return not (is_usual and self.leaders.issuperset(map(int, own.split()))) and bool(self.orphans())

    def orphans(self) -> list[int]:
        """Return the orphans of all jobs. Reaps those that have ended and are children of this process."""
        own, keepers = read_children(self._ours), read_children(self._keepers)
        # If a child is reaped during a listing, one after it may be missing, so read until two listings agree; see proc_pid_task(5).
        while keepers != [self._us] and keepers != (keepers := read_children(self._keepers)):
            pass
        strays = [pid for pid in own if pid not in self.leaders and not _reap(pid)]
        return strays + [pid for pid in keepers if pid not in self.leaders and pid != self._us]

    def candidates(self, leader: int, leader_stat: Stat | None, least_ticks: int, mark: int) -> dict[int, int]:
        """Return the processes that may belong to a job, with their parents: all below its leader, and orphans that may descend from it."""
        found: dict[int, int] = {}
        if leader_stat is not None and leader_stat.alive:
            found[leader] = leader_stat.parent
            _walk([leader], found)
        # Last, so that a process is included that loses its parent while the others are read.
        orphans = [pid for pid in self.orphans() if _may_belong(pid, least_ticks, mark)]
        found |= dict.fromkeys(orphans, self.keeper)
        _walk(orphans, found)
        return found


def _reap(child: int) -> bool:
    """Reap a child of this process if it has ended; nothing else does. Return whether it had."""
    try:
        if has_ended(child):
            os.waitpid(child, 0)
            return True
    except ChildProcessError:
        # Its end is reported in another way, see clone(2).
        pass
    return False


def _may_belong(pid: int, least_ticks: int, mark: int) -> bool:
    other, stat = mark_of(pid), read_stat(pid)
    if stat is None or other:
        # A process with the mark of another job was started by that job.
        return stat is None or other == mark
    # A process is never older than its ancestors.
    return stat.start_ticks >= least_ticks


def _walk(parents: list[int], found: dict[int, int]) -> None:
    for parent in parents:
        children = [pid for pid in children_of(parent) if pid not in found]
        found |= dict.fromkeys(children, parent)
        # The list grows during the iteration.
        parents += children

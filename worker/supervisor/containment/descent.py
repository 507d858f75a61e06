"""Finds who may descend from a job's leader, without a look at every process of the machine.

Whatever loses its parent below the keeper becomes the keeper's child (PR_SET_CHILD_SUBREAPER in prctl(2)), and a clone(2) with CLONE_PARENT
makes a child of ours. So all that descends from a leader is found from three roots: the leader itself, the children of the keeper, and our
own. This holds only where the keeper has lived since before the job began; where it did not, all of /proc is to be scanned.
"""

from __future__ import annotations

import os

from .processes import LESS_THAN_A_PAGE, Stat, children_of, mark_of, open_children, read_children, read_stat


class Descent:
    """Who is whose child, below one keeper."""

    def __init__(self, keeper: int) -> None:
        self.keeper = keeper
        # Who leads a job. They are no orphans, though they may be the keeper's children.
        self.leaders: set[int] = set()
        self._us = os.getpid()
        self._only_us = b"%d " % self._us
        # Open, for they are read at the end of each job. Both have one thread.
        self._ours, self._keepers = open_children(self._us), open_children(keeper)

    def is_known(self) -> bool:
        """Tell whether orphans are found, also just before this: the keeper lives, and the kernel lists children."""
        return self._ours >= 0 and self._keepers >= 0 and os.getppid() == self.keeper

    def has_orphans(self) -> bool:
        """Tell whether somebody has lost its parent, of any job."""
        own = os.pread(self._ours, LESS_THAN_A_PAGE, 0) if self._ours >= 0 else b""
        # The usual case, at the end of every job: the keeper has us, and all that we have are leaders.
        if len(own) < LESS_THAN_A_PAGE and self._keepers >= 0 and os.pread(self._keepers, LESS_THAN_A_PAGE, 0) == self._only_us:
            return not self.leaders.issuperset(map(int, own.split()))
        return bool(self.orphans())

    def orphans(self) -> list[int]:
        """List whoever has lost its parent, of all jobs."""
        own, keepers = read_children(self._ours), read_children(self._keepers)
        # One may be missing if its elder was reaped while they were listed, which then is missing the next time; see proc_pid_task(5).
        while keepers != [self._us] and keepers != (keepers := read_children(self._keepers)):
            pass
        return [pid for pid in own + keepers if pid not in self.leaders and pid != self._us]

    def candidates(self, leader: int, leader_stat: Stat | None, least_ticks: int, mark: int) -> dict[int, int]:
        """List whoever may belong to a job, with the parent of each: all below its leader, and orphans that may have been."""
        found: dict[int, int] = {}
        if leader_stat is not None and leader_stat.alive:
            found[leader] = leader_stat.parent
            _walk([leader], found)
        # Last: who loses its parent while the others are looked at is here by then.
        orphans = [pid for pid in self.orphans() if _may_belong(pid, least_ticks, mark)]
        found |= dict.fromkeys(orphans, self.keeper)
        _walk(orphans, found)
        return found


def _may_belong(pid: int, least_ticks: int, mark: int) -> bool:
    other, stat = mark_of(pid), read_stat(pid)
    if stat is None or other:
        # What bears the mark of another job was started by that.
        return stat is None or other == mark
    # Nothing is older than what it descends from.
    return stat.start_ticks >= least_ticks


def _walk(parents: list[int], found: dict[int, int]) -> None:
    for parent in parents:
        children = [pid for pid in children_of(parent) if pid not in found]
        found |= dict.fromkeys(children, parent)
        # Grows while it is walked along.
        parents += children

"""Finds who may descend from a job's leader, without a look at every process of the machine.

Whatever loses its parent below the keeper becomes the keeper's child (PR_SET_CHILD_SUBREAPER in prctl(2)), and a clone(2) with CLONE_PARENT
makes a child of ours. So all that descends from a leader is found from three roots: the leader itself, the children of the keeper, and our
own. This holds only where the keeper has lived since before the job began; where it did not, all of /proc is to be scanned.
"""

from __future__ import annotations

import os

from .processes import Stat, children_of, lists_children, mark_of, read_stat


class Descent:
    """Who is whose child, below one keeper."""

    def __init__(self, keeper: int) -> None:
        self.keeper = keeper
        # Who leads a job. They are no orphans, though they may be the keeper's children.
        self.leaders: set[int] = set()
        self._kernel_tells = lists_children()

    def is_known(self) -> bool:
        """Tell whether orphans are found: the keeper lives, and the kernel lists children."""
        return self._kernel_tells and os.getppid() == self.keeper

    def candidates(self, leader: int, leader_stat: Stat | None, least_ticks: int, mark: int) -> dict[int, int]:
        """List whoever may belong to a job, with the parent of each: all below its leader, and orphans that may have been."""
        found: dict[int, int] = {}
        if leader_stat is not None and leader_stat.alive:
            found[leader] = leader_stat.parent
            _walk([leader], found)
        # Last: who loses its parent while the others are looked at is here by then.
        for parent in (os.getpid(), self.keeper):
            orphans = [pid for pid in children_of(parent) if self._may_belong(pid, least_ticks, mark)]
            found |= dict.fromkeys(orphans, parent)
            _walk(orphans, found)
        return found

    def _may_belong(self, pid: int, least_ticks: int, mark: int) -> bool:
        if pid in self.leaders or pid == os.getpid():
            return False
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

"""Boxes where there are no cgroups: a job's processes are those in its session, and those that bear its mark.

Descendants inherit the mark (spawn.py tells what it is). One that leaves the session and sets that limit itself escapes. Each look goes
through all of /proc, which changes meanwhile; it is saved where the keeper, who becomes the parent of orphans, has no other child than us.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from .containment import all_stopped, signal_members, signal_until_none_is_new
from .loop import Loop
from .processes import Stat, all_pids, mark_of, read_stat

# On a machine on which processes end all the time there would be no last look.
_MOST_LOOKS = 10


class Session:
    """One box."""

    def __init__(self, boxes: Sessions, mark: int, leader: int = 0) -> None:
        self._boxes = boxes
        self._mark = mark
        self._leader = 0
        self._leader_ticks = 0
        self._killing = False
        self._watched: list[int] = []
        if leader:
            self.lead(leader)

    def enter(self) -> None:
        """Nothing to enter: the new process makes a session of its own."""

    def leave(self) -> None:
        """Nothing to leave."""

    def lead(self, pid: int) -> None:
        """Remember whose session it is."""
        stat = read_stat(pid)
        self._leader, self._leader_ticks = (pid, stat.start_ticks) if stat else (0, 0)

    def pids(self) -> list[int]:
        """List what still runs."""
        alive, ended = self._look()
        dead = {self._leader}
        looks = 1
        # One that ended after /proc was listed may have forked before it did, and too late for that list.
        while not ended <= dead and looks < _MOST_LOOKS:
            dead = ended
            alive, ended = self._look()
            looks += 1
        return alive

    def is_empty(self) -> bool:
        """Tell whether nothing runs any more; a zombie does not run."""
        if self._leader and self._has(self._leader):
            return False
        return self._boxes.no_orphans() or not self.pids()

    def send(self, number: int) -> None:
        """Send a signal to every process."""
        signal_members(self.pids(), number, self._has)

    def kill(self) -> None:
        """Send SIGKILL to every process; those forked meanwhile get it when `await_empty` looks again."""
        self._killing = True
        self.send(signal.SIGKILL)

    def freeze(self) -> None:
        """Let every process stand still until `thaw`. Their parents hear of it, unlike where there are cgroups."""
        signal_until_none_is_new(self.pids, lambda: self.send(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process go on."""
        self.send(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Tell whether all stand still; the kernel knows, whoever asked for it."""
        return all_stopped(self.pids())

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when nothing runs any more; perhaps at once."""
        self._unwatch(loop)
        if self._killing:
            self.send(signal.SIGKILL)
        for pid in self.pids():
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                continue
            self._watched.append(pidfd)
            # One that ended may have left children: whenever one ends, all is looked at again.
            loop.watch(pidfd, select.EPOLLIN, lambda _events: self.await_empty(loop, callback))
        if not self._watched:
            callback()

    def release(self) -> None:
        """Nothing is kept."""

    def _look(self) -> tuple[list[int], set[int]]:
        """Go through /proc: who of the job runs, and who has ended; who is gone altogether may have been of the job too."""
        alive: list[int] = []
        ended: set[int] = set()
        for pid in all_pids():
            # The mark first: then that of one that ends in between is known.
            mark, stat = mark_of(pid), read_stat(pid)
            if stat is None:
                ended.add(pid)
            elif self._is_member(pid, stat, mark):
                if stat.alive:
                    alive.append(pid)
                else:
                    ended.add(pid)
        return alive, ended

    def _has(self, pid: int) -> bool:
        stat = read_stat(pid)
        return stat is not None and stat.alive and self._is_member(pid, stat, mark_of(pid))

    def _is_member(self, pid: int, stat: Stat, mark: int) -> bool:
        if pid in self._boxes.ours:
            return False
        return (stat.session == self._leader != 0 and self._is_our_session()) or 0 != self._mark == mark

    def _is_our_session(self) -> bool:
        # While one of its session lives the leader's pid is not given away: if another process has it, the session is another's too.
        leader = read_stat(self._leader)
        return leader is None or leader.start_ticks == self._leader_ticks

    def _unwatch(self, loop: Loop) -> None:
        for pidfd in self._watched:
            loop.unwatch(pidfd)
            os.close(pidfd)
        self._watched = []


class Sessions:
    """Makes such boxes."""

    cgroups = False

    def __init__(self, keeper: int) -> None:
        self._keeper = keeper
        self.ours = (os.getpid(), keeper)

    def take(self, mark: int) -> Session:
        """Get a box for a job that is about to be spawned."""
        return Session(self, mark)

    def of_process(self, pid: int, mark: int) -> Session:
        """Get the box again that a process of the job runs in; it leads, if it has a session of its own."""
        return Session(self, mark, pid)

    def remove_empty(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """As above."""

    def no_orphans(self) -> bool:
        """Tell whether the keeper has no child but us: then nothing that a dead leader left behind is alive.

        False also where that cannot be known: the keeper died, or the kernel does not list children.
        """
        if os.getppid() != self._keeper:
            return False
        try:
            with open(f"/proc/{self._keeper}/task/{self._keeper}/children") as file:  # noqa: PTH123 -- pathlib is not light
                return file.read().split() == [str(os.getpid())]
        except OSError:
            return False

"""Boxes that find a job's processes: those in its session, those with its mark, and all descendants of these and of its leader.

Descendants inherit the mark (see spawner.py). A process that was seen once is remembered, whatever it changes afterwards. So a process
escapes only if it leaves the session, sets that resource limit itself, and loses its parent, all between two scans.

Processes come and go during a scan. If the keeper, which becomes the parent of orphans, has existed all the time, only processes that may
descend from the leader are read (descent.py); otherwise all of /proc.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from ..loop import Loop
from .containment import all_stopped, signal_members, signal_until_none_is_new
from .descent import Descent
from .processes import Stat, all_pids, has_ended, is_there, mark_of, read_stat

# On a machine where processes end all the time, the scans would never stop.
_MOST_LOOKS = 10


class Session:
    """One box."""

    def __init__(self, boxes: Sessions, mark: int, leader: int = 0) -> None:
        self._boxes = boxes
        self._mark = mark
        # 0: there is none yet.
        self.leader = 0
        # 0: not known yet. Known as long as the leader exists, also as a zombie.
        self._leader_ticks = 0
        # Whether its orphans become children of the keeper.
        self._is_below_keeper = not leader
        self._is_taken_over = bool(leader)
        # Processes that were seen to belong to this job, with their start time; 0 for one that /proc hides.
        self._known: dict[int, int] = {}
        self._killing = False
        self._watched: list[int] = []
        if leader:
            self.lead(leader)
            stat = self._look_at_leader()
            self._is_below_keeper = stat is not None and stat.parent == boxes.descent.keeper

    def enter(self) -> None:
        """Do nothing: the new process creates a session of its own."""

    def leave(self) -> None:
        """Do nothing."""

    def lead(self, pid: int) -> None:
        """Set the leader of the session."""
        self.leader, self._leader_ticks = pid, 0
        self._boxes.descent.leaders.add(pid)

    def pids(self) -> list[int]:
        """Return the processes that are running."""
        alive, ended = self._look()
        dead = {self.leader}
        looks = 1
        # A process that ended during the scan may have forked before, too late to be in that scan.
        while not ended <= dead and looks < _MOST_LOOKS:
            dead |= ended
            alive, ended = self._look()
            looks += 1
        return alive

    def is_empty(self) -> bool:
        """Return whether no process is running, once the job's leader has ended; a zombie does not count."""
        descent = self._boxes.descent
        # Check last that the keeper is alive, because a dead one has no children.
        if self._is_below_keeper and self.leader and not descent.has_orphans() and self._ours_has_ended() and descent.is_known():
            # The usual case, which is cheap: a process that the job left behind would be an orphan.
            return True
        return not self.pids()

    def _ours_has_ended(self) -> bool:
        """Return whether the leader of this box has ended; for an adopted job it may differ from the job's leader."""
        if not self._is_taken_over:
            return True
        try:
            return has_ended(self.leader)
        except ChildProcessError:
            # It is a child of the keeper.
            stat = self._look_at_leader()
            return stat is None or not stat.alive

    def has(self, pid: int) -> bool:
        """Return whether a process of `pids` is still the same one, and running."""
        stat = read_stat(pid)
        if stat is None:
            return self._known.get(pid) == 0 and is_there(pid)
        return stat.alive and self._known.get(pid) == stat.start_ticks

    def send(self, number: int) -> set[int]:
        """Send a signal to every process. Return those that may not be signalled."""
        return signal_members(self.pids(), number, self.has)

    def beyond(self, refused: set[int]) -> set[int]:
        """Return those that `kill` cannot reach either: all of them."""
        return refused

    def kill(self) -> None:
        """Send SIGKILL to every process; those forked meanwhile get it in `await_empty`."""
        self._killing = True
        self.send(signal.SIGKILL)

    def freeze(self) -> set[int]:
        """Stop every process until `thaw`. Return those that cannot be stopped. Unlike with cgroups, their parents are notified."""
        return signal_until_none_is_new(self.pids, lambda: self.send(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process continue."""
        self.send(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Return whether all processes are stopped, by the kernel's state: anybody may have stopped them."""
        return all_stopped(self.pids())

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when no process is running any more; perhaps immediately."""
        self.unwatch(loop)
        if self._killing:
            self.send(signal.SIGKILL)
        for pid in self.pids():
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                continue
            self._watched.append(pidfd)
            # A process may leave children when it ends, so scan again whenever one ends.
            loop.watch(pidfd, select.EPOLLIN, lambda _events: self.await_empty(loop, callback))
        if not self._watched:
            callback()

    def unwatch(self, loop: Loop) -> None:
        """Cancel the callback."""
        for pidfd in self._watched:
            loop.unwatch(pidfd)
            os.close(pidfd)
        self._watched = []

    def cpu_us(self) -> int:
        """Return 0: without a cgroup, nothing counts the time of processes that nobody waited for."""
        return 0

    def release(self) -> None:
        """Forget the leader; nothing else is kept."""
        self._boxes.descent.leaders.discard(self.leader)

    def _look(self) -> tuple[list[int], set[int]]:
        """Scan once. Return the running processes of the job, and the ended ones, including those that disappeared during the scan."""
        leader = self._look_at_leader()
        seen: dict[int, Stat] = {}
        parents: dict[int, int] = {}
        members: list[int] = []
        gone: set[int] = set()
        for pid, parent in self._candidates(leader).items():
            # The mark first, so that it is known if the process ends in between.
            mark, stat = mark_of(pid), read_stat(pid)
            if stat is not None:
                seen[pid], parents[pid] = stat, stat.parent
                if self._is_member(pid, stat, mark):
                    members.append(pid)
            elif parent and is_there(pid):
                parents[pid] = parent
            else:
                gone.add(pid)
        _add_descendants(members, parents, self._boxes.ours)
        self._known = {pid: seen[pid].start_ticks if pid in seen else 0 for pid in members}
        # The leader first, see union.py.
        members.sort(key=lambda pid: pid != self.leader)
        alive = [pid for pid in members if pid not in seen or seen[pid].alive]
        return alive, gone | (set(members) - set(alive))

    def _look_at_leader(self) -> Stat | None:
        stat = read_stat(self.leader) if self.leader else None
        if stat is not None and not self._leader_ticks:
            self._leader_ticks = stat.start_ticks
        # The leader's pid is not reused while its session has processes. If another process has it, the session is another one too.
        return stat if stat is not None and stat.start_ticks == self._leader_ticks else None

    def _candidates(self, leader: Stat | None) -> dict[int, int]:
        descent = self._boxes.descent
        if self._is_below_keeper and descent.is_known():
            found = descent.candidates(self.leader, leader, self._leader_ticks, self._mark)
            if descent.is_known():
                return found
        return dict.fromkeys(all_pids(), 0)

    def _is_member(self, pid: int, stat: Stat, mark: int) -> bool:
        if pid in self._boxes.ours:
            return False
        if 0 != self._mark == mark or self._known.get(pid) == stat.start_ticks:
            return True
        return stat.session == self.leader != 0 and self._is_our_session()

    def _is_our_session(self) -> bool:
        leader = read_stat(self.leader)
        return leader is None or leader.start_ticks == self._leader_ticks


class Sessions:
    """A source of boxes without cgroups."""

    cgroups = False

    def __init__(self, keeper: int) -> None:
        self.descent = Descent(keeper)
        self.ours = (os.getpid(), keeper)

    def take(self, mark: int, own: str = "") -> Session:
        """Return a box for a job that is about to be spawned."""
        del own
        return Session(self, mark)

    def of_process(self, pid: int, mark: int, leader: int) -> Session:
        """Return the box of a job; `leader` is a process that others descend from, and leads if it has a session of its own."""
        del pid
        return Session(self, mark, leader)

    def remove_empty(self) -> None:
        """Do nothing: there is nothing to remove."""

    def close(self) -> None:
        """Do nothing."""


def _add_descendants(members: list[int], parents: dict[int, int], ours: tuple[int, ...]) -> None:
    """Add all descendants of members: they belong to the job, whatever attributes they have changed."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    known = {*members, *ours}
    # The list grows during the iteration.
    for pid in members:
        new = [child for child in children.get(pid, ()) if child not in known]
        known.update(new)
        members += new

"""Boxes that find a job's processes: those in its session, those that bear its mark, and all that descends from one of them or its leader.

Descendants inherit the mark (spawn.py tells what it is). One that was seen once is known for good, whatever it changes afterwards. So one
escapes that leaves the session, sets that limit itself, and loses its parent, all before anybody looks.

Whom a look finds changes meanwhile. Where the keeper, who becomes the parent of orphans, has lived all the time, only those are looked at
that may descend from the leader (descent.py); else all of /proc.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from ..loop import Loop
from .containment import all_stopped, signal_members, signal_until_none_is_new
from .descent import Descent
from .processes import Stat, all_pids, is_there, mark_of, read_stat

# On a machine on which processes end all the time there would be no last look.
_MOST_LOOKS = 10


class Session:
    """One box."""

    def __init__(self, boxes: Sessions, mark: int, leader: int = 0) -> None:
        self._boxes = boxes
        self._mark = mark
        # 0 before there is one.
        self.leader = 0
        # 0: not known yet. It is while the leader is there, also as a zombie.
        self._leader_ticks = 0
        # Whether orphans of it become the keeper's children.
        self._is_below_keeper = not leader
        self._is_taken_over = bool(leader)
        # Who was once seen to be of this job, with its start; 0 of one that /proc hides.
        self._known: dict[int, int] = {}
        self._killing = False
        self._watched: list[int] = []
        if leader:
            self.lead(leader)
            stat = self._look_at_leader()
            self._is_below_keeper = stat is not None and stat.parent == boxes.descent.keeper

    def enter(self) -> None:
        """Nothing to enter: the new process makes a session of its own."""

    def leave(self) -> None:
        """Nothing to leave."""

    def lead(self, pid: int) -> None:
        """Remember whose session it is."""
        self.leader, self._leader_ticks = pid, 0
        self._boxes.descent.leaders.add(pid)

    def pids(self) -> list[int]:
        """List what still runs."""
        alive, ended = self._look()
        dead = {self.leader}
        looks = 1
        # One that ended after it was listed may have forked before it did, and too late for that list.
        while not ended <= dead and looks < _MOST_LOOKS:
            dead |= ended
            alive, ended = self._look()
            looks += 1
        return alive

    def is_empty(self) -> bool:
        """Tell, once the job's leader has ended, whether nothing runs any more; a zombie does not run."""
        descent = self._boxes.descent
        # That the keeper lives is asked last: a dead one has no children.
        if self._is_below_keeper and self.leader and not descent.has_orphans() and self._ours_has_ended() and descent.is_known():
            # The usual case, which costs little: whatever it had left behind would be an orphan.
            return True
        return not self.pids()

    def _ours_has_ended(self) -> bool:
        """Tell whether who leads here has ended: of a job that was taken over, that may be another than the job's leader."""
        if not self._is_taken_over:
            return True
        try:
            return os.waitid(os.P_PID, self.leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            # The keeper's child.
            stat = self._look_at_leader()
            return stat is None or not stat.alive

    def has(self, pid: int) -> bool:
        """Tell whether one that was listed is still that process, and runs."""
        stat = read_stat(pid)
        if stat is None:
            return self._known.get(pid) == 0 and is_there(pid)
        return stat.alive and self._known.get(pid) == stat.start_ticks

    def send(self, number: int) -> set[int]:
        """Send a signal to every process; gives those that we may not signal."""
        return signal_members(self.pids(), number, self.has)

    def beyond(self, refused: set[int]) -> set[int]:
        """Say whom SIGKILL does not reach either: all of them."""
        return refused

    def kill(self) -> None:
        """Send SIGKILL to every process; those forked meanwhile get it when `await_empty` looks again."""
        self._killing = True
        self.send(signal.SIGKILL)

    def freeze(self) -> set[int]:
        """Let every process stand still until `thaw`; gives those that we cannot stop. Their parents hear of it, unlike with cgroups."""
        return signal_until_none_is_new(self.pids, lambda: self.send(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process go on."""
        self.send(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Tell whether all stand still; the kernel knows, whoever asked for it."""
        return all_stopped(self.pids())

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when nothing runs any more; perhaps at once."""
        self.unwatch(loop)
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

    def unwatch(self, loop: Loop) -> None:
        """Call back no more."""
        for pidfd in self._watched:
            loop.unwatch(pidfd)
            os.close(pidfd)
        self._watched = []

    def release(self) -> None:
        """Nothing is kept."""
        self._boxes.descent.leaders.discard(self.leader)

    def _look(self) -> tuple[list[int], set[int]]:
        """Look once: who of the job runs, and who has ended; who is gone altogether may have been of the job too."""
        leader = self._look_at_leader()
        seen: dict[int, Stat] = {}
        parents: dict[int, int] = {}
        members: list[int] = []
        gone: set[int] = set()
        for pid, parent in self._candidates(leader).items():
            # The mark first: then that of one that ends in between is known.
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
        # While one of its session lives the leader's pid is not given away: if another process has it, the session is another's too.
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
    """Makes such boxes."""

    cgroups = False

    def __init__(self, keeper: int) -> None:
        self.descent = Descent(keeper)
        self.ours = (os.getpid(), keeper)

    def take(self, mark: int) -> Session:
        """Get a box for a job that is about to be spawned."""
        return Session(self, mark)

    def of_process(self, pid: int, mark: int, leader: int) -> Session:
        """Get the box again of a job; `leader` is one that others descend from, and leads if it has a session of its own."""
        del pid
        return Session(self, mark, leader)

    def remove_empty(self) -> None:
        """Nothing is left behind."""

    def close(self) -> None:
        """As above."""


def _add_descendants(members: list[int], parents: dict[int, int], ours: tuple[int, ...]) -> None:
    """Add whoever descends from a member: it belongs to the job, whatever it has changed."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    known = {*members, *ours}
    # Grows while it is walked along.
    for pid in members:
        new = [child for child in children.get(pid, ()) if child not in known]
        known.update(new)
        members += new

"""Boxes with cgroups: a process belongs to a job if it is in its cgroup, or by session, mark or descent.

With permission, a process can leave its cgroup with one write, as `su -`, `sudo -i` and tmux do through the login manager, without meaning
to escape. Such processes are called strays here. All processes in the cgroup are reached with one write, whoever owns them; strays one by
one, as without cgroups.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from ..loop import Loop
from .cgroups import Cgroup, Cgroups
from .containment import all_stopped, signal_members, signal_until_none_is_new
from .sessions import Session, Sessions


class Union:
    """One box."""

    def __init__(self, cgroup: Cgroup, kin: Session) -> None:
        self._cgroup = cgroup
        self._kin = kin

    def enter(self) -> None:
        """Move this process into it, so that its children start there."""
        self._cgroup.enter()

    def leave(self) -> None:
        """Move this process back."""
        self._cgroup.leave()

    def lead(self, pid: int) -> None:
        """Set the job's leader."""
        self._kin.lead(pid)

    def pids(self) -> list[int]:
        """Return the running processes, the leader first: a shell that is signalled after its child would run its next command."""
        return sorted({*self._cgroup.pids(), *self._kin.pids()}, key=lambda pid: pid != self._kin.leader)

    def is_empty(self) -> bool:
        """Return whether no process is running, once the job's leader has ended; a zombie does not count."""
        return self._cgroup.is_empty() and self._kin.is_empty()

    def send(self, number: int) -> set[int]:
        """Send a signal to every process. Return those that may not be signalled."""
        self._cgroup.disturb()
        refused = signal_members(self.pids(), number, self._has)
        if refused and number == signal.SIGKILL:
            refused = self.beyond(refused)
            self._cgroup.kill()
        return refused

    def beyond(self, refused: set[int]) -> set[int]:
        """Return those that `kill` cannot reach either: cgroup.kill needs no permission for each process."""
        return refused - set(self._cgroup.pids())

    def kill(self) -> None:
        """Send SIGKILL to every process, including those that are being forked."""
        # Find strays first: one that is known only by its parent cannot be found once that is killed.
        strays = self._strays()
        self._cgroup.kill()
        if strays:
            self._kin.kill()

    def freeze(self) -> set[int]:
        """Freeze every process, as soon as it leaves the kernel, until `thaw`. Return those that cannot be frozen."""
        self._cgroup.freeze()
        return signal_until_none_is_new(self._strays, lambda: self._signal_strays(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process continue."""
        self._cgroup.thaw()
        self._signal_strays(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Return whether all processes are frozen, by the kernel's state: anybody may have frozen them."""
        strays = self._strays()
        return (self._cgroup.is_frozen() or (self._cgroup.is_empty() and bool(strays))) and (not strays or all_stopped(strays))

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when no process is running any more; perhaps immediately."""
        self._kin.unwatch(loop)
        self._cgroup.await_empty(loop, lambda: self._kin.await_empty(loop, callback))

    def cpu_us(self) -> int:
        """Return the CPU time in microseconds of all processes of the cgroup, including ended ones; 0: not known."""
        return self._cgroup.cpu_us()

    def release(self) -> None:
        """Return the cgroup to the pool; no process may be running."""
        self._kin.release()
        self._cgroup.release()

    def _strays(self) -> list[int]:
        inside = set(self._cgroup.pids())
        return [pid for pid in self._kin.pids() if pid not in inside]

    def _signal_strays(self, number: int) -> set[int]:
        return signal_members(self._strays(), number, self._kin.has)

    def _has(self, pid: int) -> bool:
        return self._cgroup.has(pid) or self._kin.has(pid)


class Unions:
    """A source of boxes with cgroups."""

    cgroups = True

    def __init__(self, pool: Cgroups, sessions: Sessions) -> None:
        self._pool = pool
        self._sessions = sessions

    def take(self, mark: int, own: str = "") -> Union:
        """Return a box for a job that is about to be spawned; `own`: its handle, if it needs a box that no other job has used."""
        return Union(self._pool.make(own) if own else self._pool.take(), self._sessions.take(mark))

    def of_process(self, pid: int, mark: int, leader: int) -> Union | None:
        """Return the box that a process of the job runs in; None if there is none. `leader` is a process that others descend from."""
        cgroup = self._pool.of_process(pid)
        return None if cgroup is None else Union(cgroup, self._sessions.of_process(pid, mark, leader))

    def remove_empty(self) -> None:
        """Remove cgroups that an earlier supervisor left behind."""
        self._pool.remove_empty()

    def close(self) -> None:
        """Remove all cgroups that are empty."""
        self._pool.close()

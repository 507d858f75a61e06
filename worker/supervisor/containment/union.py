"""Boxes where there are cgroups: to a job belongs who is in its cgroup, and whoever session, mark or descent say.

For who may write there leaves a cgroup with one write, as `su -`, `sudo -i` and tmux do through the login manager, without meaning to
escape. Such are strays here. What is in the cgroup is reached by one write, whoever it belongs to; strays one by one, as without cgroups.
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
        """Move this process in, so that what it spawns is in from its first instruction on."""
        self._cgroup.enter()

    def leave(self) -> None:
        """Move this process back."""
        self._cgroup.leave()

    def lead(self, pid: int) -> None:
        """Remember who leads."""
        self._kin.lead(pid)

    def pids(self) -> list[int]:
        """List what still runs, the leader first: a shell that hears of a stop after its child went on to its next command."""
        return sorted({*self._cgroup.pids(), *self._kin.pids()}, key=lambda pid: pid != self._kin.leader)

    def is_empty(self) -> bool:
        """Tell, once the job's leader has ended, whether nothing runs any more; a zombie does not run."""
        return self._cgroup.is_empty() and self._kin.is_empty()

    def send(self, number: int) -> set[int]:
        """Send a signal to every process; gives those that we may not signal."""
        self._cgroup.disturb()
        refused = signal_members(self.pids(), number, self._has)
        if refused and number == signal.SIGKILL:
            refused = self.beyond(refused)
            self._cgroup.kill()
        return refused

    def beyond(self, refused: set[int]) -> set[int]:
        """Say whom SIGKILL does not reach either: cgroup.kill asks nobody whose a process is."""
        return refused - set(self._cgroup.pids())

    def kill(self) -> None:
        """Send SIGKILL to every process, also to those being forked just now."""
        # Found first: with its parent a stray may lose what it is known by.
        strays = self._strays()
        self._cgroup.kill()
        if strays:
            self._kin.kill()

    def freeze(self) -> set[int]:
        """Let every process stand still, as soon as each leaves the kernel, until `thaw`; gives those that we cannot stop."""
        self._cgroup.freeze()
        return signal_until_none_is_new(self._strays, lambda: self._signal_strays(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process go on."""
        self._cgroup.thaw()
        self._signal_strays(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Tell whether all stand still; the kernel knows, whoever asked for it."""
        strays = self._strays()
        return (self._cgroup.is_frozen() or (self._cgroup.is_empty() and bool(strays))) and (not strays or all_stopped(strays))

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when nothing runs any more; perhaps at once."""
        self._kin.unwatch(loop)
        self._cgroup.await_empty(loop, lambda: self._kin.await_empty(loop, callback))

    def release(self) -> None:
        """Give the cgroup back; nothing runs any more."""
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
    """Makes such boxes."""

    cgroups = True

    def __init__(self, pool: Cgroups, sessions: Sessions) -> None:
        self._pool = pool
        self._sessions = sessions

    def take(self, mark: int) -> Union:
        """Get a box for a job that is about to be spawned."""
        return Union(self._pool.take(), self._sessions.take(mark))

    def of_process(self, pid: int, mark: int, leader: int) -> Union | None:
        """Get the box again that a process of the job runs in; None if it is in none of these. `leader` is one that others descend from."""
        cgroup = self._pool.of_process(pid)
        return None if cgroup is None else Union(cgroup, self._sessions.of_process(pid, mark, leader))

    def remove_empty(self) -> None:
        """Remove what another supervisor left behind."""
        self._pool.remove_empty()

    def close(self) -> None:
        """Leave nothing behind."""
        self._pool.close()

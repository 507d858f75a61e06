"""A job's first process: how its end and its status are observed depends on whose child it is.

Usually it is a child of this supervisor; of the keeper, if an earlier supervisor started it; of another process, if an earlier keeper is
gone too.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import struct
from collections.abc import Callable

from ....schemas.private_parts.light_typing import NamedTuple, Protocol
from ..containment.processes import may_look_into, read_moved, read_stat
from ..containment.sending import send
from ..keeper_line import Died, KeeperLine
from ..loop import Loop, Timer

# ioctl(2) on a pidfd, Linux 6.15: struct pidfd_info, with the exit status at the end; bit 3 of the mask means that it is set.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO = struct.Struct("Q52xi")
_INFO_EXIT = 1 << 3
# How long to wait until an unreadable zombie is reaped.
_REAPED_SECONDS = 5

OnEnd = Callable[[int | None], None]


class Use(NamedTuple):
    """The resources used by the leader and the children it waited for; see getrusage(2). 0: not known."""

    user_us: int = 0
    system_us: int = 0
    max_resident_bytes: int = 0


class Leader(Protocol):
    """The first process of a job."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def why_unknown(self) -> str:
        """Why its wait status is None, if it is."""

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it has ended, with its wait status, or None if unknown."""

    def kill(self) -> None:
        """Send SIGKILL to it, even if it left its cgroup or session."""

    def moved_bytes(self) -> tuple[int, int] | None:
        """Return the bytes that it and those it waited for read from and wrote to disks, before it is reaped; None: not known."""

    def reap(self) -> Use:
        """Release it and return the resources it used; its outcome must be on disk."""


class Child:
    """A child of this supervisor. It stays a zombie until its outcome is on disk: if this process dies before, the keeper inherits it."""

    __slots__ = ("_pidfd", "pid")

    why_unknown = ""
    # The peak memory of this process when last read; see `reap`.
    _our_most = 0

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it has ended, with its wait status."""
        loop.watch(self._pidfd, select.EPOLLIN, lambda _events: self._look(loop, callback))

    def kill(self) -> None:
        """Send SIGKILL to it, even if it left its cgroup or session."""
        _kill(self.pid, self._pidfd)

    def moved_bytes(self) -> tuple[int, int] | None:
        """Return the bytes that it and those it waited for read from and wrote to disks, before it is reaped; None: not known."""
        return read_moved(self.pid)

    def reap(self) -> Use:
        """Release it and return the resources it used; its outcome must be on disk."""
        os.close(self._pidfd)
        _, _, use = os.wait4(self.pid, 0)
        # Until it calls exec, a child shares the memory of this process, and the kernel counts that as its own, so a value up to this
        # process's peak is meaningless. The peak only grows, so it is read again only if the child's value is larger.
        if use.ru_maxrss > Child._our_most:
            Child._our_most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        resident = use.ru_maxrss * 1024 if use.ru_maxrss > Child._our_most else 0
        return Use(int(use.ru_utime * 1_000_000), int(use.ru_stime * 1_000_000), resident)

    def _look(self, loop: Loop, callback: OnEnd) -> None:
        found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is None:
            return
        loop.unwatch(self._pidfd)
        # In the form of wait(2): the status in the second byte, or the signal in the first with 0x80 for a core dump.
        exited = found.si_code == os.CLD_EXITED
        core = 0x80 if found.si_code == os.CLD_DUMPED else 0
        callback(found.si_status << 8 if exited else found.si_status | core)


class Fostered:
    """A child of the keeper, which reaps it and remembers its end until that is on disk. Raises OSError if there is none."""

    why_unknown = "the keeper died before it could report it"

    def __init__(self, line: KeeperLine, pid: int) -> None:
        self.pid = pid
        self._line = line
        self._use = Use()
        # If the keeper dies before it reports the end, this process must be able to find out itself.
        self._stranger = None if pid in line.died else Stranger(pid)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it has ended, with its wait status, or None if that is not known."""

        def died(end: Died) -> None:
            self._use = Use(end.user_us, end.system_us, end.max_resident_bytes)
            callback(end.wait_status)

        def keeper_lost() -> None:
            if self._stranger is not None:
                self._stranger.await_end(loop, callback)

        self._line.await_death(self.pid, died, keeper_lost)

    def kill(self) -> None:
        """Send SIGKILL to it, even if it left its cgroup or session."""
        if self._stranger is not None:
            self._stranger.kill()

    def moved_bytes(self) -> None:
        """Return None: the keeper has reaped it."""

    def reap(self) -> Use:
        """Tell the keeper to forget it, and return the resources it used; its outcome must be on disk."""
        if self._stranger is not None:
            self._stranger.reap()
        self._line.recorded(self.pid)
        return self._use


class Stranger:
    """A child of neither: watched through its pidfd; newer kernels report its status. Raises OSError if it does not exist.

    With `line`, the keeper holds the pidfd too, so that the status is known even if this supervisor dies. `pidfd` is one that the keeper
    held.
    """

    why_unknown = "the processes that started it were dead, and this kernel reports it to no other process"

    def __init__(self, pid: int, line: KeeperLine | None = None, pidfd: int = -1) -> None:
        self.pid = pid
        self._line = line
        self._pidfd = pidfd if pidfd >= 0 else os.pidfd_open(pid)
        stat = read_stat(pid)
        # If it still exists, the pid has not been reused.
        self._start_ticks = stat.start_ticks if stat and _is_there(self._pidfd) else 0
        if line is not None and pidfd < 0:
            line.hold(pid, self._pidfd)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it has ended, with its wait status, or None if that is not known."""
        patience: Timer | None = None

        def look(_events: int) -> None:
            nonlocal patience
            loop.unwatch(self._pidfd)
            status = self._status_of_zombie()
            if status is None:
                useless, status = self._status_when_reaped()
                if not useless and status is None and patience is None:
                    # It is a zombie that may not be read. Its parent may reap it, soon or never; that is reported as a hang-up.
                    patience = loop.after(_REAPED_SECONDS, lambda: look(0))
                    loop.watch(self._pidfd, 0, look)
                    return
            loop.cancel(patience)
            callback(status)

        loop.watch(self._pidfd, select.EPOLLIN, look)

    def kill(self) -> None:
        """Send SIGKILL to it, even if it left its cgroup or session."""
        _kill(self.pid, self._pidfd)

    def moved_bytes(self) -> None:
        """Return None: its parent may have reaped it."""

    def reap(self) -> Use:
        """Tell the keeper to forget it; its parent reaps it."""
        os.close(self._pidfd)
        if self._line is not None:
            self._line.recorded(self.pid)
        return Use()

    def _status_of_zombie(self) -> int | None:
        stat = read_stat(self.pid)
        if stat is not None and not stat.alive and stat.start_ticks == self._start_ticks and may_look_into(self.pid):
            return stat.wait_status
        return None

    def _status_when_reaped(self) -> tuple[bool, int | None]:
        """Return whether retrying is useless, and the status, which the pidfd knows only after the process was reaped."""
        info = bytearray(_PIDFD_INFO.size)
        _PIDFD_INFO.pack_into(info, 0, _INFO_EXIT, 0)
        try:
            fcntl.ioctl(self._pidfd, _PIDFD_GET_INFO, info)
        except OSError:
            # This kernel does not support it; or the process was reaped, and this kernel reports only existing ones.
            return True, None
        mask, status = _PIDFD_INFO.unpack(info)
        return False, status if mask & _INFO_EXIT else None


class Gone:
    """A leader that ended while neither supervisor nor keeper was running."""

    def __init__(self, pid: int, why: str) -> None:
        self.pid = pid
        self.why_unknown = why

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back immediately with None: its wait status is not known."""
        del loop
        callback(None)

    def kill(self) -> None:
        """Do nothing."""

    def moved_bytes(self) -> None:
        """Return None: it is not known."""

    def reap(self) -> Use:
        """Return an empty use: there is nothing to reap."""
        return Use()


def _is_there(pidfd: int) -> bool:
    """Return whether a process or zombie exists."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It belongs to another user.
        return True
    return True


def _kill(pid: int, pidfd: int) -> None:
    try:
        send(pid, pidfd, signal.SIGKILL)
    except OSError:
        # It has ended, or its box reports why it cannot be signalled.
        return

"""A job's first process: how we learn that and how it ended depends on whose child it is.

Ours usually. The keeper's, if we were not yet there when it was started. A stranger's, if both of us were not.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..containment.processes import may_look_into, read_stat
from ..keeper_line import Died, KeeperLine
from ..loop import Loop, Timer

# ioctl(2) on a pidfd, Linux 6.15: struct pidfd_info, its exit status at the end, bit 3 of the mask says that it is there.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO = struct.Struct("Q52xi")
_INFO_EXIT = 1 << 3
# For so long a zombie into which we may not look is waited for.
_REAPED_SECONDS = 5

OnEnd = Callable[[int | None], None]


class Use(NamedTuple):
    """What the leader and the children it waited for used; see getrusage(2). 0 for what is not known."""

    user_us: int = 0
    system_us: int = 0
    max_resident_bytes: int = 0


class Leader(Protocol):
    """The first process of a job."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def why_unknown(self) -> str:
        """Why its wait status is None, where it is."""
        ...

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it ended, with its wait status, or None where that cannot be known."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to it, wherever it may have moved."""
        ...

    def reap(self) -> Use:
        """Let the system forget it; its outcome is on disk."""
        ...


class Child:
    """Our own child. It stays a zombie until its outcome is on disk: should we die before, the keeper inherits it with its status."""

    __slots__ = ("_callback", "_loop", "_pidfd", "pid")

    why_unknown = ""
    # The most memory that we have had, when that was last looked at; see `reap`.
    _our_most = 0

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it ended, with its wait status."""
        self._loop = loop
        self._callback = callback
        loop.watch(self._pidfd, select.EPOLLIN, self._look)

    def kill(self) -> None:
        """Send SIGKILL to it, wherever it may have moved."""
        _kill(self._pidfd)

    def reap(self) -> Use:
        """Let the system forget it; its outcome is on disk."""
        os.close(self._pidfd)
        _, _, use = os.wait4(self.pid, 0)
        # Until it calls exec a child shares our memory, and the kernel counts that as its own: what is not more than ours says nothing.
        # Ours only grows, so it is looked at anew only where the child seems to have had more.
        if use.ru_maxrss > Child._our_most:
            Child._our_most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        resident = use.ru_maxrss * 1024 if use.ru_maxrss > Child._our_most else 0
        return Use(int(use.ru_utime * 1_000_000), int(use.ru_stime * 1_000_000), resident)

    def _look(self, _events: int) -> None:
        found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is None:
            return
        self._loop.unwatch(self._pidfd)
        # As wait(2) would give it: the status in the second byte, or the signal in the first with 0x80 for a core dump.
        exited = found.si_code == os.CLD_EXITED
        core = 0x80 if found.si_code == os.CLD_DUMPED else 0
        self._callback(found.si_status << 8 if exited else found.si_status | core)


class Fostered:
    """The keeper's child: the keeper reaps it, and remembers its end until that is on disk. Raises OSError where there is none."""

    why_unknown = "its keeper died before it could tell"

    def __init__(self, line: KeeperLine, pid: int) -> None:
        self.pid = pid
        self._line = line
        self._use = Use()
        # Should the keeper die before it tells us, we must be able to find out ourselves.
        self._stranger = None if pid in line.died else Stranger(pid)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it ended, with its wait status, or None where that cannot be known."""

        def died(end: Died) -> None:
            self._use = Use(end.user_us, end.system_us, end.max_resident_bytes)
            callback(end.wait_status)

        def keeper_lost() -> None:
            if self._stranger is not None:
                self._stranger.await_end(loop, callback)

        self._line.await_death(self.pid, died, keeper_lost)

    def kill(self) -> None:
        """Send SIGKILL to it, wherever it may have moved."""
        if self._stranger is not None:
            self._stranger.kill()

    def reap(self) -> Use:
        """Let the keeper forget it; its outcome is on disk."""
        if self._stranger is not None:
            self._stranger.reap()
        self._line.say(f"recorded {self.pid}")
        return self._use


class Stranger:
    """A child of neither: watched through its pidfd; newer kernels tell its status. Raises OSError where there is none.

    With a line its keeper holds the pidfd too, so that it need not be here at the very end. `pidfd` is what the keeper held of it.
    """

    why_unknown = "those who had started it were dead, and this kernel tells it to nobody else"

    def __init__(self, pid: int, line: KeeperLine | None = None, pidfd: int = -1) -> None:
        self.pid = pid
        self._line = line
        self._pidfd = pidfd if pidfd >= 0 else os.pidfd_open(pid)
        stat = read_stat(pid)
        # If it is there still, the pid has not been given away.
        self._start_ticks = stat.start_ticks if stat and _is_there(self._pidfd) else 0
        if line is not None and pidfd < 0:
            line.hold(pid, self._pidfd)

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back once when it ended, with its wait status, or None where that cannot be known."""
        patience: Timer | None = None

        def look(_events: int) -> None:
            nonlocal patience
            loop.unwatch(self._pidfd)
            status = self._status_of_zombie()
            if status is None:
                useless, status = self._status_when_reaped()
                if not useless and status is None and patience is None:
                    # It is a zombie into which we may not look. Whoever reaps it, soon or never, that is reported as a hang-up.
                    patience = loop.after(_REAPED_SECONDS, lambda: look(0))
                    loop.watch(self._pidfd, 0, look)
                    return
            loop.cancel(patience)
            callback(status)

        loop.watch(self._pidfd, select.EPOLLIN, look)

    def kill(self) -> None:
        """Send SIGKILL to it, wherever it may have moved."""
        _kill(self._pidfd)

    def reap(self) -> Use:
        """Who is its parent reaps it; the keeper can let go."""
        os.close(self._pidfd)
        if self._line is not None:
            self._line.say(f"recorded {self.pid}")
        return Use()

    def _status_of_zombie(self) -> int | None:
        stat = read_stat(self.pid)
        if stat is not None and not stat.alive and stat.start_ticks == self._start_ticks and may_look_into(self.pid):
            return stat.wait_status
        return None

    def _status_when_reaped(self) -> tuple[bool, int | None]:
        """Ask the pidfd, which knows the status once the process was reaped, and only then; first whether it is useless to ask again."""
        info = bytearray(_PIDFD_INFO.size)
        _PIDFD_INFO.pack_into(info, 0, _INFO_EXIT, 0)
        try:
            fcntl.ioctl(self._pidfd, _PIDFD_GET_INFO, info)
        except OSError:
            # This kernel cannot tell; or it was reaped, and this one tells of living processes only.
            return True, None
        mask, status = _PIDFD_INFO.unpack(info)
        return False, status if mask & _INFO_EXIT else None


class Gone:
    """A leader that ended while nobody of us was there."""

    def __init__(self, pid: int, why: str) -> None:
        self.pid = pid
        self.why_unknown = why

    def await_end(self, loop: Loop, callback: OnEnd) -> None:
        """Call back at once: its wait status cannot be known."""
        del loop
        callback(None)

    def kill(self) -> None:
        """Nothing to kill."""

    def reap(self) -> Use:
        """Nothing to reap."""
        return Use()


def _is_there(pidfd: int) -> bool:
    """Tell whether a process runs or is a zombie."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is another user's.
        return True
    return True


def _kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        # It ended.
        return

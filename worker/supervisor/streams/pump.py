"""Copy a job's pipe into its log file, byte for byte.

With splice(2), bytes leave the pipe and enter the file in one call, so that a supervisor killed at any moment neither loses a byte nor
writes one twice. The file must not be opened with O_APPEND, which splice refuses. Nothing blocks here, even if the pipe is a blocking one:
the job has the same read end, and can change that.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
from collections.abc import Callable

from ....schemas.private_parts.light_typing import NamedTuple, Protocol
from ...state.small_files import DISK_FULL, RETRY_SECONDS
from ..loop import Loop, Timer
from .pipes import open_anew

# Bytes per turn, so that a job that writes without end does not starve others.
_MOST_A_TURN = 1024 * 1024
# After this many turns with a full pipe, the job counts as one that writes much.
_FULL_MOVES = 16
_USUAL_PIPE_BYTES = 65_536
_WIDE_PIPE_BYTES = 262_144
# A writer that found the disk full continues only when this much is free, or an eighth of a smaller disk: a little space that becomes free
# on a full disk is needed to record how jobs end.
_ROOM_BYTES = 16 * 1024 * 1024
_ROOM_PART = 8


def _splice_is_noticed(release: str) -> bool:
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in f"{release}.0".split(".")[:2])
    return (major, minor) >= (6, 9)


# Older kernels do not report a splice to inotify, on which followers of a log depend.
_NUDGE = not _splice_is_noticed(os.uname().release)


class Quota:
    """How many bytes the pumps of one job may still write together. Further output is dropped."""

    __slots__ = ("is_exceeded", "left", "limit_bytes")

    def __init__(self, limit_bytes: int | None = None, written: int = 0, *, is_exceeded: bool = False) -> None:
        """`written` counts as used already; without a limit, everything may be written."""
        self.limit_bytes = limit_bytes
        self.left = sys.maxsize if limit_bytes is None else max(0, limit_bytes - written)
        self.is_exceeded = is_exceeded


class Stream(NamedTuple):
    """The parts of a pump: a read end, and the file to which it is copied.

    For an adopted job, `size` is the size of the file, `problem` why it is incomplete, and `reopen` opens the file if that failed before
    (-1).
    """

    name: str
    end: int
    file: int
    size: int = 0
    problem: str = ""
    reopen: Callable[[], int] | None = None


class Owner(Protocol):
    """The owner of a pump: receives events about its output."""

    def output_arrived(self, stream: str, size: int) -> None:
        """Handle that a log has this size now; called each time it has grown."""

    def output_exceeded(self) -> None:
        """Handle that the quota is exceeded; called once."""

    def output_failed(self, stream: str, why: str) -> None:
        """Handle that bytes of a stream are dropped, with the reason; called once for each stream."""

    def output_waits(self) -> None:
        """Handle that a pump starts to wait for disk space, or no longer waits."""

    def output_closed(self) -> None:
        """Handle that the pipe of a stream has no writer any more."""


class Pump:
    """One pipe and its file. Owns both descriptors and closes them at hang-up, when no process has the pipe open for writing any more."""

    __slots__ = (
        "_file",
        "_full_moves",
        "_loop",
        "_must_find_room",
        "_name",
        "_owner",
        "_pipe",
        "_reopen",
        "_retry",
        "_unwritten",
        "problem",
        "quota",
        "size",
    )

    def __init__(self, loop: Loop, stream: Stream, quota: Quota, owner: Owner) -> None:
        """Take ownership of both descriptors."""
        self._loop = loop
        self._owner = owner
        # -1: there is no writer any more, perhaps from the beginning. `problem` says why bytes were dropped, if any were.
        self._name, self._pipe, self._file, self.size, self.problem, self._reopen = stream
        # Whether an adopted job waited for disk space is not known. Little space on a full disk must be kept for outcomes.
        self._must_find_room = self._reopen is not None
        self._retry: Timer | None = None
        if self._pipe < 0:
            os.close(self._file)
        self.quota = quota
        self._full_moves = 0
        # If splice cannot be used: bytes that were read, but could not be written yet.
        self._unwritten = memoryview(b"")

    @property
    def is_open(self) -> bool:
        """Whether a process may still write."""
        return self._pipe >= 0

    @property
    def waits(self) -> bool:
        """Whether it is waiting for disk space."""
        return self._retry is not None

    def begin(self) -> None:
        """Start pumping."""
        if self._must_find_room and self._pipe >= 0 and not self._has_room():
            self._pause()
            return
        self._must_find_room = False
        if self._retry is not None:
            self._set_retry(None)
        if self._pipe >= 0:
            self._loop.watch(self._pipe, select.EPOLLIN, self._move)

    def drain(self) -> bool:
        """Move everything that is in the pipe now; return False if the disk is full and some of it is still in the pipe."""
        if self._retry is not None:
            if not self._has_room():
                return False
            self._loop.cancel(self._retry)
            self.begin()
        left = _MOST_A_TURN
        while self._pipe >= 0 and left > 0:
            moved = self._move()
            if moved == 0:
                return self._retry is None
            if left == _MOST_A_TURN:
                # An escaped process may write forever. What the job itself wrote is not more than the pipe can hold.
                left = fcntl.fcntl(self._pipe, fcntl.F_GETPIPE_SZ)
            left -= moved
        return True

    def close(self) -> None:
        """Close pipe and file."""
        if self._pipe < 0:
            return
        if self._retry is not None:
            self._loop.cancel(self._retry)
        self._loop.unwatch(self._pipe)
        os.close(self._pipe)
        if self._file >= 0:
            if self.size:
                self._fail(loss_of(self._file, self.size))
            os.close(self._file)
        self._pipe = -1
        self._owner.output_closed()

    def move(self) -> None:
        """Move bytes of one turn, unless it waits for disk space."""
        if self._pipe >= 0 and self._retry is None:
            self._move()

    def _move(self, _events: int = 0) -> int:
        """Move bytes of one turn and return their number; 0 if there were none, there is no writer left, or the disk is full."""
        if self._unwritten and not self._write():
            return 0
        if self.size:
            # What is written now leaves a hole instead of what somebody has cut off, and the size would not tell that any more.
            self._fail(loss_of(self._file, self.size))
        most = min(_MOST_A_TURN, self.quota.left)
        if not most:
            return self._drop()
        try:
            moved = os.splice(self._pipe, self._file, most, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return 0
        except OSError as error:
            return self._pause() if error.errno in DISK_FULL else self._copy(most)
        if moved == 0:
            # All writers have closed it. Without this, epoll would report the hang-up again and again.
            self.close()
            return 0
        self.size += moved
        self.quota.left -= moved
        self._owner.output_arrived(self._name, self.size)
        if moved >= _USUAL_PIPE_BYTES and self._full_moves < _FULL_MOVES:
            self._full_moves += 1
            if self._full_moves == _FULL_MOVES:
                self._widen()
        if _NUDGE:
            # Setting the size to its current value causes IN_MODIFY, and no other process writes to the file.
            os.ftruncate(self._file, self.size)
        return moved

    def _widen(self) -> None:
        """Enlarge the pipe of a job that writes much: fewer turns, and the job is woken less often."""
        try:
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _WIDE_PIPE_BYTES)
        except OSError:
            # See pipe(7): the pipes of an unprivileged user have a limit.
            return

    def _pause(self) -> int:
        # The writer waits when the pipe is full, and nothing is lost. The kernel does not report when there is space again.
        self._loop.unwatch(self._pipe)
        self._loop.cancel(self._retry)
        self._set_retry(self._loop.after(RETRY_SECONDS, self._try_again))
        return 0

    def _set_retry(self, timer: Timer | None) -> None:
        waited, self._retry = self.waits, timer
        if self.waits != waited:
            self._owner.output_waits()

    def _try_again(self) -> None:
        if self._has_room():
            self.begin()
            self._write()
        else:
            self._pause()

    def _has_room(self) -> bool:
        if self._file < 0 and self._reopen is not None:
            try:
                self._file = self._reopen()
            except OSError:
                return False
        try:
            if not os.fstat(self._file).st_nlink:
                # Nobody can open it any more, and what this process holds open may be all that fills the disk.
                os.ftruncate(self._file, 0)
            disk = os.fstatvfs(self._file)
        except OSError:
            # Of a file system that others have too, and one of them has removed it: the next write says so.
            return True
        return disk.f_bavail * disk.f_frsize >= min(_ROOM_BYTES, disk.f_blocks * disk.f_frsize // _ROOM_PART)

    def _drop(self) -> int:
        # Read it instead of leaving it in the pipe: the job is being stopped, and must not block in a write meanwhile.
        try:
            dropped = len(self._read(_MOST_A_TURN))
        except OSError:
            return 0
        if not dropped:
            self.close()
        elif not self.quota.is_exceeded:
            self.quota.is_exceeded = True
            self._owner.output_exceeded()
        return dropped

    def _copy(self, most: int) -> int:
        # The file system does not support splice, or the disk has failed. Then the job continues, and its outcome says what is missing.
        try:
            data = self._read(most)
        except OSError:
            return 0
        if not data:
            self.close()
            return 0
        self.quota.left -= len(data)
        self._unwritten = memoryview(data)
        return len(data) if self._write() else 0

    def _read(self, most: int) -> bytes:
        """Return bytes from the pipe. Raises OSError if there are none, or if no descriptor is free at the moment."""
        end = open_anew(self._pipe)
        try:
            return os.read(end, most)
        finally:
            os.close(end)

    def _write(self) -> bool:
        """Write bytes that were read and are not in the file yet; return False if the disk is full."""
        while self._unwritten:
            try:
                written = os.write(self._file, self._unwritten)
            except OSError as error:
                if error.errno in DISK_FULL:
                    self._pause()
                    return False
                self._unwritten = memoryview(b"")
                self._fail(os.strerror(error.errno or 0))
            else:
                self.size += written
                self._unwritten = self._unwritten[written:]
                self._owner.output_arrived(self._name, self.size)
        return True

    def _fail(self, why: str) -> None:
        if why and not self.problem:
            self.problem = why
            self._owner.output_failed(self._name, why)


def loss_of(log: int, size: int) -> str:
    """Return what others did to a log into which this many bytes were written; empty if nothing is missing."""
    try:
        status = os.fstat(log)
    except OSError as error:
        # Of a file system that others have too, and one of them has removed it.
        return f"its log cannot be checked: {os.strerror(error.errno or 0)}"
    if size and not status.st_nlink:
        return "its log was removed while it ran"
    return "its log was shortened while it ran" if status.st_size < size else ""

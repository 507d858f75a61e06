"""Empties a job's pipe into its log file, byte for byte.

With splice(2): what is moved leaves the pipe and enters the file in one call, so that a supervisor killed at any moment neither loses a
byte nor writes one twice. The file must not be opened with O_APPEND, which splice refuses. Nothing waits here, also where the pipe is one
that blocks: the job has the same reading end, and can change that.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
from collections.abc import Callable

from ...state.small_files import DISK_FULL, RETRY_SECONDS
from ..loop import Loop, Timer
from .pipes import open_anew

# So much a turn, so that one job that writes without end starves nobody.
_MOST_A_TURN = 1024 * 1024
# After so many turns in which the pipe was full, its job is taken for one that writes much.
_FULL_MOVES = 16
_USUAL_PIPE_BYTES = 65_536
_WIDE_PIPE_BYTES = 262_144
# A writer that found the disk full goes on only when there is so much room, or an eighth of a smaller disk: the little that is given
# back on a full disk is for recording how jobs end.
_ROOM_BYTES = 16 * 1024 * 1024
_ROOM_PART = 8


def _splice_is_noticed(release: str) -> bool:
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in f"{release}.0".split(".")[:2])
    return (major, minor) >= (6, 9)


# Older kernels do not tell inotify of a splice, and those who follow a log wait for that.
_NUDGE = not _splice_is_noticed(os.uname().release)


class Quota:
    """How many bytes the pumps of one job may still write between them. What comes beyond is dropped."""

    __slots__ = ("is_exceeded", "left", "on_exceeded")

    def __init__(self, left: int = sys.maxsize) -> None:
        self.left = max(0, left)
        self.is_exceeded = False
        self.on_exceeded: Callable[[], None] | None = None

    def exceed(self) -> None:
        """Say that there was more; called back once."""
        if not self.is_exceeded:
            self.is_exceeded = True
            if self.on_exceeded is not None:
                self.on_exceeded()


class Pump:
    """One pipe and its file. Owns both descriptors and closes them at hang-up: when nobody can write into the pipe any more."""

    __slots__ = (
        "_file",
        "_full_moves",
        "_loop",
        "_must_find_room",
        "_pipe",
        "_reopen",
        "_retry",
        "_unwritten",
        "on_problem",
        "on_waiting",
        "problem",
        "quota",
        "size",
        "when_closed",
    )

    def __init__(
        self, loop: Loop, pipe: int, file: int, size: int = 0, quota: Quota | None = None, reopen: Callable[[], int] | None = None
    ) -> None:
        """Take both descriptors. Of a job that was taken over, `reopen` opens the file where that could not be done yet (-1)."""
        self._loop = loop
        # -1 once nobody can write any more, also from the beginning.
        self._pipe = pipe
        self._file = file
        self._reopen = reopen
        # Whether its writer waited for room may be known to nobody any more. What little there is on a full disk is kept for ends.
        self._must_find_room = reopen is not None
        self._retry: Timer | None = None
        if pipe < 0:
            os.close(file)
        self.size = size
        self.quota = quota or Quota()
        self._full_moves = 0
        # What was read, where splice cannot be used, and could not be written yet.
        self._unwritten = memoryview(b"")
        # Why bytes were dropped, if any were; called back once, when the first ones are.
        self.problem = ""
        self.on_problem: Callable[[str], None] | None = None
        self.when_closed: Callable[[], None] | None = None
        # Called when it begins to wait for room on the disk, and when it no longer does.
        self.on_waiting: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody may still write."""
        return self._pipe >= 0

    @property
    def waits(self) -> bool:
        """Whether it waits for room on the disk."""
        return self._retry is not None

    def begin(self) -> None:
        """Pump whenever there is something."""
        if self._must_find_room and self._pipe >= 0 and not self._has_room():
            self._pause()
            return
        self._must_find_room = False
        if self._retry is not None:
            self._set_retry(None)
        if self._pipe >= 0:
            self._loop.watch(self._pipe, select.EPOLLIN, self._ready)

    def drain(self) -> bool:
        """Move all that is in the pipe now; False if the disk is full and some of it is still there."""
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
                # A writer that escaped may never stop: what the job itself wrote is no more than the pipe holds.
                left = fcntl.fcntl(self._pipe, fcntl.F_GETPIPE_SZ)
            left -= moved
        return True

    def close(self) -> None:
        """Let go of pipe and file."""
        if self._pipe < 0:
            return
        self._loop.cancel(self._retry)
        self._loop.unwatch(self._pipe)
        os.close(self._pipe)
        if self._file >= 0:
            os.close(self._file)
        self._pipe = -1
        if self.when_closed is not None:
            self.when_closed()

    def _ready(self, _events: int) -> None:
        self._move()

    def _move(self) -> int:
        """Move what fits into one turn; 0 if there was nothing, nobody is left to write, or the disk is full."""
        if not self._write():
            return 0
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
            # Every writer has closed: without this the hang-up would be reported again and again.
            self.close()
            return 0
        self.size += moved
        self.quota.left -= moved
        if moved >= _USUAL_PIPE_BYTES and self._full_moves < _FULL_MOVES:
            self._full_moves += 1
            if self._full_moves == _FULL_MOVES:
                self._widen()
        if _NUDGE:
            # Setting the size to what it is does raise IN_MODIFY, and nobody else writes to the file.
            os.ftruncate(self._file, self.size)
        return moved

    def _widen(self) -> None:
        """Let the pipe of a job that writes much hold more: fewer turns, fewer wake-ups of the job."""
        try:
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _WIDE_PIPE_BYTES)
        except OSError:
            # See pipe(7): an unprivileged user has only so much.
            return

    def _pause(self) -> int:
        # The writer stops when the pipe is full, and nothing is lost. The kernel tells nobody when there is space again.
        self._loop.unwatch(self._pipe)
        self._loop.cancel(self._retry)
        self._set_retry(self._loop.after(RETRY_SECONDS, self._try_again))
        return 0

    def _set_retry(self, timer: Timer | None) -> None:
        waited, self._retry = self.waits, timer
        if self.waits != waited and self.on_waiting is not None:
            self.on_waiting()

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
        disk = os.fstatvfs(self._file)
        return disk.f_bavail * disk.f_frsize >= min(_ROOM_BYTES, disk.f_blocks * disk.f_frsize // _ROOM_PART)

    def _drop(self) -> int:
        # Read, and not left in the pipe: whoever writes is being told to end, and must not hang in a write meanwhile.
        try:
            dropped = len(self._read(_MOST_A_TURN))
        except OSError:
            return 0
        if dropped:
            self.quota.exceed()
        else:
            self.close()
        return dropped

    def _copy(self, most: int) -> int:
        # A file system that knows no splice, or a disk that fails for good. Then the job goes on, and its outcome says what is missing.
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
        """Read what is there. Raises OSError if nothing is, or if for a moment no descriptor is left to read with."""
        end = open_anew(self._pipe)
        try:
            return os.read(end, most)
        finally:
            os.close(end)

    def _write(self) -> bool:
        """Write what was read and is not in the file yet; False if the disk is full."""
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
        return True

    def _fail(self, why: str) -> None:
        if not self.problem:
            self.problem = why
            if self.on_problem is not None:
                self.on_problem(why)

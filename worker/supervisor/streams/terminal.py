"""The pseudo-terminal of one job: created, passed to the job, and its output moved into the pipe from which a pump fills the log.

The job has the slave as its descriptors 0, 1 and 2, and as its controlling terminal: opened in the new process after setsid, which needs
no code there. Everything else is about the master. If its last descriptor is closed, the terminal hangs up, and the job gets SIGHUP. So the
keeper has it too, and so has the job itself, where pipes.py puts the read ends of other jobs: it survives whoever is killed. Opening
/proc/PID/fd/N of a master creates another terminal; only passing a descriptor on, or pidfd_getfd(2), gives the same one.

Output goes from the master into a pipe, and from there into the file, with splice(2) each time: the keeper has the pipe too, so that a
supervisor that is killed at any moment loses no byte and writes none twice. A kernel whose terminals cannot be spliced (5.11 to 6.4) has
them read and written: then a kill may lose what was just being copied, at most 4096 bytes.

A slave stays open here, because the master reports an error as long as no process has one open: a job may close all of them for a while.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios
from collections.abc import Callable, Sequence

from ...state.log_folders.folders import STREAMS
from ..loop import Loop
from .pipes import hung_up, is_master
from .pump import Stream

_MOST_A_TURN = 65_536
# Of a pipe that can be written to at all, so much fits: see pipe(7), PIPE_BUF.
_SURELY_FITS = 4096
_WINDOW = struct.Struct("HHHH")
# ioctl_tty(2); the module termios of this Python does not have them.
_TIOCGPTPEER = 0x5441
_IUTF8 = 0o40000


class Terminal:
    """A terminal with its pipe, from before its job starts until the job has ended. Owns all but the read end, which its pump owns.

    `peer` is a descriptor of the slave, -1 if it cannot be opened.
    """

    __slots__ = ("_blocked", "_loop", "_pump", "_splices", "_write_end", "master", "peer")

    def __init__(self, loop: Loop, master: int, peer: int, write_end: int) -> None:
        self._loop = loop
        self.master = master
        self.peer = peer
        self._write_end = write_end
        self._pump: Callable[[], object] = _nothing
        self._blocked = False
        self._splices = True

    @property
    def is_open(self) -> bool:
        """Whether the job may still have it open."""
        return self.master >= 0

    def begin(self, pump: Callable[[], object]) -> None:
        """Start moving output, and call `pump` after each move.

        The loop would notice the pipe too, but a person waits for the echo of a key.
        """
        self._pump = pump
        self._watch()

    def fill(self) -> bool:
        """Move what was written to the terminal into the pipe; return False if that was all, True if the pipe is full."""
        while self.is_open:
            try:
                if not self._move():
                    return False
            except BlockingIOError:
                # Of either of them.
                return self._is_full()
        return False

    def close(self) -> None:
        """Hang up. The pump reads end of file after what is in the pipe."""
        if self.is_open:
            self._loop.unwatch(self.master)
            self._loop.unwatch(self._write_end)
            os.close(self.master)
            os.close(self._write_end)
            if self.peer >= 0:
                os.close(self.peer)
            self.master = self._write_end = self.peer = -1

    def _ready(self, _events: int) -> None:
        try:
            # Once: if there is more, epoll says so again.
            if self._move():
                self._pump()
            blocked = False
        except BlockingIOError:
            blocked = self._is_full()
        if self.is_open and blocked != self._blocked:
            self._blocked = blocked
            self._watch()

    def _watch(self) -> None:
        if self._blocked:
            self._loop.unwatch(self.master)
            self._loop.watch(self._write_end, select.EPOLLOUT, self._ready)
        else:
            self._loop.unwatch(self._write_end)
            self._loop.watch(self.master, select.EPOLLIN, self._ready)

    def _move(self) -> int:
        """Move what fits into the pipe and return its size; 0 if there can be none now. Raises BlockingIOError of either of them."""
        # The job has the same master, and can change that.
        os.set_blocking(self.master, False)
        try:
            return self._splice()
        except BlockingIOError:
            raise
        except OSError:
            # EIO: the terminal hung up when its session ended, or no process has the slave open. The job may still be there, so the
            # master is not closed. Without this, epoll would report that again and again.
            self._loop.unwatch(self.master)
            return 0

    def _splice(self) -> int:
        if self._splices:
            try:
                return os.splice(self.master, self._write_end, _MOST_A_TURN, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._splices = False
        if self._is_full():
            raise BlockingIOError
        return os.write(self._write_end, os.read(self.master, _SURELY_FITS))

    def _is_full(self) -> bool:
        poll = select.poll()
        poll.register(self._write_end, select.POLLOUT)
        return not poll.poll(0)


def _nothing() -> None:
    """Do nothing."""


def create(loop: Loop, rows: int, columns: int) -> tuple[Terminal, tuple[int, int]]:
    """Return a new terminal of this size, and what keeper and job hold of it too: the master, and the read end of its pipe.

    Raises OSError.
    """
    master, peer = os.openpty()
    try:
        window = _WINDOW.pack(rows, columns, 0, 0)
        fcntl.ioctl(master, termios.TIOCSWINSZ, window)
        # So that a backspace erases a character and not a byte: the usual LANG of jobs is UTF-8.
        modes = termios.tcgetattr(peer)
        modes[0] |= _IUTF8
        termios.tcsetattr(peer, termios.TCSANOW, modes)
        read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    except BaseException:
        os.close(master)
        os.close(peer)
        raise
    return Terminal(loop, master, peer, write_end), (master, read_end)


def adopted(loop: Loop, ends: Sequence[int]) -> Terminal | None:
    """Return the terminal of a job that an earlier supervisor started; None if it cannot be reached any more. Raises OSError."""
    master, pipe = ends
    if not is_master(master):
        os.close(master)
        return None
    # The pipe has a reader, so this does not wait.
    write_end = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        peer = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        # Before Linux 4.13, or all descriptors are in use.
        peer = -1
    return Terminal(loop, master, peer, write_end)


def streams_of(ends: Sequence[int], logs: Sequence[int]) -> list[Stream]:
    """Return what pumps need: all output goes to the first log, none to the second."""
    _, pipe = ends
    return [Stream(STREAMS[0], pipe, logs[0]), Stream(STREAMS[1], hung_up(), logs[1])]

"""The standard input of one job that arrives as a stream: bytes wait in a memfd until the job's pipe has room for them.

The worker appends to the memfd, so its size is how many bytes have arrived. splice(2) moves them into the pipe and advances the file
position, so the position is how many were given to the job. Size and position belong to the open file, which the keeper holds too, and not
to a process: whichever of worker, supervisor and keeper is killed, no byte is lost or repeated. The seals of the memfd mark the end of the
input: F_SEAL_GROW, nothing follows; with F_SEAL_SHRINK, because its feeder did not come back.

What the job has read is freed in pieces that are larger than any page: the pipe refers to the pages of the memfd, and a page that is freed
in part is zeroed in that part, also where the pipe, or another one that the job spliced it to, still refers to it.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import termios

from ....schemas import fault_points
from ....schemas.private_parts.light_typing import NamedTuple, Protocol
from ..loop import Loop, Timer

_MOST_A_TURN = 1024 * 1024
# The worker is told again how much the job took after so many bytes.
_STEP_BYTES = 1024 * 1024
# Without splice, at a time.
_COPIED_BYTES = 65_536
_PIECE_BYTES = 2 * 1024 * 1024
# After this many times that the pipe was filled, the job counts as one that reads much.
_FULL_MOVES = 16
_WIDE_PIPE_BYTES = 262_144
_END = fcntl.F_SEAL_GROW
_CUT = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
_CLOSED = "the job has closed its standard input"


class Ends(NamedTuple):
    """The file in memory, and the write end of the job's pipe."""

    memory: int
    pipe: int


class Owner(Protocol):
    """Receives events about a feed."""

    def input_given(self) -> None:
        """Handle that the job has read more."""

    def input_cut(self, why: str) -> None:
        """Handle that the input ends early, before the job notices."""

    def input_over(self, why: str) -> None:
        """Handle that the pipe is closed; `why` no more is accepted, empty if the job got everything."""


def create() -> tuple[Ends, int]:
    """Return the descriptors of a feed, and the read end for the job. Raises OSError."""
    memory = os.memfd_create("jobwire-stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
    except OSError:
        os.close(memory)
        raise
    # Only of the write end: the job finds its own end as it expects it.
    os.set_blocking(write_end, False)
    return Ends(memory, write_end), read_end


class Feed:
    """The input of a job, from its start until it has everything, wants no more, or has ended. Owns both descriptors."""

    __slots__ = ("_freed", "_full_moves", "_is_fed", "_loop", "_memory", "_owner", "_pipe", "_splices", "_timer", "_told", "_wait_seconds")

    def __init__(self, loop: Loop, ends: Ends, wait_seconds: float, owner: Owner) -> None:
        self._loop = loop
        self._memory, self._pipe = ends
        self._wait_seconds = wait_seconds
        self._owner = owner
        # Whether somebody feeds it at present; otherwise the timer runs.
        self._is_fed = False
        self._timer: Timer | None = None
        self._told = self._freed = 0
        self._full_moves = 0
        self._splices = True

    @property
    def is_open(self) -> bool:
        """Whether the job may get more input."""
        return self._pipe >= 0

    @property
    def memory(self) -> int:
        """The descriptor of the memfd, for the worker."""
        return self._memory

    def begin(self) -> None:
        """Give the job what has arrived, and wait for a feeder."""
        self._told = self._given()
        self.wait(self._wait_seconds)
        self.move()

    def attach(self) -> None:
        """Note that a client feeds it."""
        self._is_fed = True
        self._loop.cancel(self._timer)
        self._timer = None

    def detach(self) -> None:
        """Note that no client feeds it at present."""
        self._is_fed = False
        self.wait(self._wait_seconds)

    def wait(self, seconds: float) -> None:
        """Wait this long for a feeder from now on, if there is none; then the input ends."""
        self._wait_seconds = seconds
        self._loop.cancel(self._timer)
        self._timer = None
        if self.is_open and not self._is_fed and not self._seals() & _END:
            self._timer = self._loop.after(seconds, self._cut)

    def move(self) -> None:
        """Give the job what has arrived, as far as its pipe has room now."""
        if not self.is_open:
            return
        left = _MOST_A_TURN
        # Read before the size: what was written before the seal is not missed.
        ended = self._seals() & _END
        while (waiting := os.fstat(self._memory).st_size - self._given()) and left > 0:
            try:
                left -= self._give(min(waiting, left))
            except BlockingIOError:
                self._widen()
                break
            except BrokenPipeError:
                self._close(_CLOSED)
                return
        if fault_points.ARMED and left < _MOST_A_TURN:
            fault_points.reach("while-input-is-given")
        self._tell()
        if ended and not waiting:
            self._close("")
        else:
            # Without EPOLLOUT it is still reported when the job closes its end.
            self._loop.watch(self._pipe, select.EPOLLOUT if waiting else 0, self._ready)

    def _give(self, most: int) -> int:
        """Give the job at most this many bytes and return how many. Raises BlockingIOError if its pipe is full, and BrokenPipeError."""
        if self._splices:
            try:
                return os.splice(self._memory, self._pipe, most, flags=os.SPLICE_F_NONBLOCK)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # This kernel cannot. Then a supervisor that is killed between the two calls below gives the same bytes again.
                self._splices = False
        given = os.write(self._pipe, os.pread(self._memory, min(most, _COPIED_BYTES), self._given()))
        os.lseek(self._memory, given, os.SEEK_CUR)
        return given

    def close(self) -> None:
        """Close it, because the job has ended."""
        if self.is_open:
            self._close("the job has ended")

    def _ready(self, events: int) -> None:
        if self.is_open and events & select.EPOLLERR:
            self._close(_CLOSED)
        else:
            self.move()

    def _cut(self) -> None:
        if self._seals() & _END:
            # It ended just now.
            self.move()
            return
        arrived = os.fstat(self._memory).st_size
        self.cut(f"no client sent its standard input for {self._wait_seconds:g} s, so it was closed after {arrived} bytes")

    def cut(self, why: str) -> None:
        """End it after what has arrived, which is not the whole input."""
        if not self.is_open or self._seals() & _END:
            return
        self._owner.input_cut(why)
        fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, _CUT)
        self.move()

    def _tell(self) -> None:
        given = self._given()
        if given - self._told >= _STEP_BYTES:
            self._told = given
            self._owner.input_given()
        read = given - int.from_bytes(fcntl.ioctl(self._pipe, termios.FIONREAD, bytes(4)), "little")
        while read - self._freed >= _PIECE_BYTES:
            with mmap.mmap(self._memory, _PIECE_BYTES, offset=self._freed) as piece:
                piece.madvise(mmap.MADV_REMOVE)
            self._freed += _PIECE_BYTES

    def _widen(self) -> None:
        self._full_moves += 1
        if self._full_moves == _FULL_MOVES:
            try:
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _WIDE_PIPE_BYTES)
            except OSError:
                # This user has too many of them; it works all the same.
                return

    def _given(self) -> int:
        return os.lseek(self._memory, 0, os.SEEK_CUR)

    def _seals(self) -> int:
        return fcntl.fcntl(self._memory, fcntl.F_GET_SEALS)

    def _close(self, why: str) -> None:
        self._loop.cancel(self._timer)
        self._loop.unwatch(self._pipe)
        os.close(self._pipe)
        os.close(self._memory)
        self._pipe = self._memory = -1
        self._owner.input_over(why)


def was_cut(memory: int) -> bool:
    """Return whether the input in this memfd ended early."""
    return fcntl.fcntl(memory, fcntl.F_GET_SEALS) & _CUT == _CUT

"""The three standard streams in any state: closed, non-blocking, full, without a reader, or with an encoding that lacks a character.

The only module that writes to them. It waits for a non-blocking stream (other programs, such as node, set O_NONBLOCK on a shared open
file). Characters that the encoding lacks are written as escapes.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, TextIO

from ....schemas.refusal import Code, Refused
from ...batch.reading import read_some

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

STDIN, STDOUT, STDERR = range(3)
_NAMES = {STDOUT: "the standard output", STDERR: "the standard error"}
# A socket whose other end was closed or does not exist.
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN, errno.ESHUTDOWN}


class ReaderGone(BrokenPipeError):  # noqa: N818 -- a fact
    """Raised when output has no reader any more: the other end of a pipe or socket was closed, or the terminal hung up."""


class CannotWrite(Refused):
    """Raised if output cannot be written for another reason: a full disk, a limit on the file's size, a closed stream."""

    def __init__(self, fd: int, error: OSError) -> None:
        what = _NAMES.get(fd, "the output")
        super().__init__(Code.INTERNAL, f"write error: {what} cannot be written: {error.strerror}")


# Called before something is written, with the standard stream and the bytes: something else may be shown at the moment, see waiting.py.
make_room: Callable[[int, ReadableBuffer], None] | None = None


def end_command() -> None:
    """Note that a command has ended: temporary lines are removed."""
    if make_room is not None:
        make_room(STDERR, b"")


def write_some(fd: int, data: ReadableBuffer, name: int | None = None) -> int:
    """Write as much as fits now and return the number of bytes. `name` is the standard stream that `fd` stands for.

    Raises ReaderGone and CannotWrite.
    """
    if make_room is not None:
        make_room(fd if name is None else name, data)
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise_unwritable(fd if name is None else name, error)


def raise_unwritable(fd: int, error: OSError) -> NoReturn:
    """Raise the reason why a write failed. Python ignores SIGPIPE, so a closed pipe shows here; EIO means a hung-up terminal.

    Raises ReaderGone or CannotWrite.
    """
    if error.errno in _GONE or (error.errno == errno.EIO and stat.S_ISCHR(os.fstat(fd).st_mode)):
        raise ReaderGone from None
    raise CannotWrite(fd, error) from None


class Readers:
    """Notices that a descriptor has no reader any more, even if there is nothing to write. `fd` is readable then."""

    def __init__(self, fds: Iterable[int]) -> None:
        self._epoll = select.epoll()
        self.fd = self._epoll.fileno()
        for fd in fds:
            try:
                # For no event: hang-up and error are always reported. Input of a terminal or socket does not matter.
                self._epoll.register(fd, 0)
            except OSError as error:
                # A file has no reader. Of one that was opened with O_PATH, the first write tells that it cannot be written.
                if error.errno not in {errno.EPERM, errno.EBADF}:
                    raise

    def check(self) -> None:
        """Raise ReaderGone if one has gone."""
        if self._epoll.poll(0):
            raise ReaderGone

    def close(self) -> None:
        """Stop watching."""
        self._epoll.close()


class Patient(io.RawIOBase):
    """A descriptor that is waited for even if it is non-blocking, as another process that shares it may have set it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Wait for bytes, and return how many were read; 0 at the end."""
        room = memoryview(buffer).cast("B")
        data = read_some(self._fd, len(room))
        room[: len(data)] = data
        return len(data)


class _Stream(Patient):
    """A standard stream, as a base for Python's buffers."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        # Something could not be written, and nothing is written any more.
        self.is_lost = False

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def readable(self) -> bool:
        return self._fd == STDIN

    def writable(self) -> bool:
        return self._fd != STDIN

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of it.

        Raises ReaderGone and CannotWrite, but only once: data left in a buffer must not raise again at exit. Never raises for messages:
        nothing could show it.
        """
        try:
            while not self.is_lost:
                if count := write_some(self._fd, data):
                    return count
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
        except (ReaderGone, CannotWrite):
            # Only here: the descriptor stays what it is, for the output of a job may go there too, and must not vanish in silence.
            self.is_lost = True
            if self._fd != STDERR:
                raise
        return memoryview(data).nbytes


def open_streams() -> None:
    """Replace Python's streams by these."""
    _fill_missing()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Stream(STDIN)), _encoding(sys.stdin), "surrogateescape")
    sys.stdout = _writer(STDOUT, sys.stdout, is_prompt=os.isatty(STDOUT))
    sys.stderr = _writer(STDERR, sys.stderr, is_prompt=True)


def is_output_lost() -> bool:
    """Return whether something could not be written to stdout; whatever is printed after that is dropped."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Stream) and raw.is_lost


def _writer(fd: int, replaced: TextIO, *, is_prompt: bool) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(_Stream(fd)), _encoding(replaced), "backslashreplace", line_buffering=is_prompt)


def _encoding(replaced: TextIO | None) -> str:
    # None: it was closed at the start.
    return replaced.encoding if replaced is not None else "utf-8"


def _fill_missing() -> None:
    """Fill a standard descriptor that the caller closed; otherwise the next file opened would get its number, and the output.

    Uses /dev/null opened for the wrong direction, so that reading or writing fails as on a closed descriptor. Errors on a closed stderr are
    not reported.
    """
    for fd, mode in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)

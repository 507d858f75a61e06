"""The three standard streams, whatever who started us gave us: closed, non-blocking, full, without a reader, or unable to hold a character.

The one place that writes to them. A stream that is non-blocking (its other users, such as node, made it so; the flag belongs to the open
file, which we share) is waited for. What its encoding does not have is written with a backslash.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, TextIO

from ...schemas.refusal import Code, Refused
from ..reading import read_some

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

STDIN, STDOUT, STDERR = range(3)
_NAMES = {STDOUT: "the standard output", STDERR: "the standard error"}
# A socket whose other end was closed, or is not there.
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN, errno.ESHUTDOWN}


class ReaderGone(BrokenPipeError):  # noqa: N818 -- a fact
    """Raised when nobody reads any more: the other end of a pipe or socket was closed, or the terminal hung up."""


class CannotWrite(Refused):
    """Raised where an output cannot be written for another reason: a full disk, a file that may not grow, a stream that was closed."""

    def __init__(self, fd: int, error: OSError) -> None:
        what = _NAMES.get(fd, "the output")
        super().__init__(Code.INTERNAL, f"write error: {what} cannot be written: {error.strerror}")


def write_some(fd: int, data: ReadableBuffer, name: int | None = None) -> int:
    """Write as much as fits now; say how many bytes that was. `name` is the standard stream that `fd` stands for.

    Raises ReaderGone and CannotWrite.
    """
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise_unwritable(fd if name is None else name, error)


def raise_unwritable(fd: int, error: OSError) -> NoReturn:
    """Say why a write failed. Python ignores SIGPIPE, so a closed pipe shows here; EIO of a terminal means that it hung up.

    Raises ReaderGone or CannotWrite.
    """
    if error.errno in _GONE or (error.errno == errno.EIO and stat.S_ISCHR(os.fstat(fd).st_mode)):
        raise ReaderGone from None
    raise CannotWrite(fd, error) from None


class Readers:
    """Tells when one of some descriptors has no reader any more, though there is nothing to write. `fd` is readable then."""

    def __init__(self, fds: Iterable[int]) -> None:
        self._epoll = select.epoll()
        self.fd = self._epoll.fileno()
        for fd in fds:
            try:
                # For no event: hang-up and error are always told. A terminal's or socket's input is not our business.
                self._epoll.register(fd, 0)
            except PermissionError:
                # A file has no reader that could go.
                continue

    def check(self) -> None:
        """Raise ReaderGone if one has gone."""
        if self._epoll.poll(0):
            raise ReaderGone

    def close(self) -> None:
        """Look no more."""
        self._epoll.close()


class _Stream(io.RawIOBase):
    """A descriptor that is waited for where it is non-blocking; for the interpreter's own buffers to stand on."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_lost = False

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def readable(self) -> bool:
        return self._fd == STDIN

    def writable(self) -> bool:
        return self._fd != STDIN

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        data = read_some(self._fd, len(room))
        room[: len(data)] = data
        return len(data)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of it.

        Raises ReaderGone and CannotWrite, but once: what still waits in a buffer must not complain again at the end. And never of messages:
        there is nowhere to tell it.
        """
        try:
            while not self._is_lost:
                if count := write_some(self._fd, data):
                    return count
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
        except (ReaderGone, CannotWrite):
            # Only here: the descriptor stays what it is, for the output of a job may go there too, and must not vanish in silence.
            self._is_lost = True
            if self._fd != STDERR:
                raise
        return memoryview(data).nbytes


def open_streams() -> None:
    """Put our streams in the places of the interpreter's."""
    _fill_missing()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Stream(STDIN)), _encoding(sys.stdin), "surrogateescape")
    sys.stdout = _writer(STDOUT, sys.stdout, is_prompt=os.isatty(STDOUT))
    sys.stderr = _writer(STDERR, sys.stderr, is_prompt=True)


def _writer(fd: int, replaced: TextIO, *, is_prompt: bool) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(_Stream(fd)), _encoding(replaced), "backslashreplace", line_buffering=is_prompt)


def _encoding(replaced: TextIO | None) -> str:
    # None: it was closed when we were started.
    return replaced.encoding if replaced is not None else "utf-8"


def _fill_missing() -> None:
    """Take the place of a standard descriptor that the caller closed, or the next file opened would get its number and our output.

    With /dev/null opened the wrong way round, so that reading or writing it fails as it would on a closed one; but nobody who closed the
    standard error wants to hear of that.
    """
    for fd, mode in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)

"""Writes to a descriptor of ours as fast as its reader takes, and never holds up the rest while the reader is slow.

Knows descriptors and their kinds; not what is written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat

from ...schemas.refusal import Code, Refused

_PIPE_BYTES = 1024 * 1024


class ReaderGone(BrokenPipeError):  # noqa: N818 -- a fact
    """Raised when nobody reads any more: the other end of a pipe was closed, or the terminal hung up."""


class Outlet:
    """A standard stream, without what the interpreter buffers. `fd` is what to poll until more can be written."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        mode = os.fstat(fd).st_mode
        self.is_pipe = stat.S_ISFIFO(mode)
        self._is_ours = False
        # A pipe or terminal can be opened a second time: O_NONBLOCK belongs to an open file, and setting it on the one that we share
        # with the shell and its other programs would make them fail. What cannot be opened again is written to as it is.
        if self.is_pipe or stat.S_ISCHR(mode):
            with contextlib.suppress(OSError):
                self.fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
                self._is_ours = True
        if self.is_pipe:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as fits now; say how many bytes that was.

        Raises ReaderGone, and `Refused(INTERNAL)` where it cannot be written for another reason.
        """
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            # EIO: the terminal hung up. Python ignores SIGPIPE, so a closed pipe shows here.
            if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:
                raise ReaderGone from None
            raise Refused(Code.INTERNAL, f"the output cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Let go of what was opened here."""
        if self._is_ours:
            os.close(self.fd)

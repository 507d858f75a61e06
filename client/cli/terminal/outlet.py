"""Write to a standard stream as fast as its reader reads, without blocking the rest of the program.

Knows descriptors and their kinds, not what is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

from .streams import raise_unwritable, write_some

if TYPE_CHECKING:
    import socket

_PIPE_BYTES = 1024 * 1024
_MESSAGE_BYTES = 16 * 1024
_MOST_BYTES = sys.maxsize


class Outlet:
    """A standard stream without Python's buffer. `fd` is what to poll until more can be written."""

    def __init__(self, fd: int) -> None:
        self._standard = fd
        self.fd = fd
        self._socket: socket.socket | None = None
        self._is_ours = False
        mode = os.fstat(fd).st_mode
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            # It was closed or cannot be written. Opened again it could be, which would hide that.
            return
        # A pipe or terminal can be opened a second time: O_NONBLOCK belongs to an open file, and setting it on the one that is shared
        # with the shell and its other programs would make them fail. A socket takes it with each write. What cannot be opened again
        # is written to as it is.
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            with contextlib.suppress(OSError):
                self.fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
                self._is_ours = True
        if stat.S_ISFIFO(mode):
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        if stat.S_ISSOCK(mode):
            import socket  # noqa: PLC0415 -- 3 ms that only such a stream pays

            self._socket = socket.socket(fileno=os.dup(fd))
            # A socket that is not a stream accepts a whole message or nothing.
            self._most_bytes = _MOST_BYTES if self._socket.type is socket.SOCK_STREAM else _MESSAGE_BYTES
            self._flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as fits now and return the number of bytes.

        Raises ReaderGone and CannotWrite.
        """
        if self._socket is None:
            return write_some(self.fd, data, self._standard)
        try:
            return self._socket.send(memoryview(data)[: self._most_bytes], self._flags)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise_unwritable(self._standard, error)

    def close(self) -> None:
        """Close what was opened here."""
        if self._is_ours:
            os.close(self.fd)
        if self._socket is not None:
            self._socket.close()

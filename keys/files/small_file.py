"""Files of at most a megabyte that jobwire wrote and anybody may have replaced since."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path

from ..held_signals import held_back

LARGEST = 1 << 20


def open_to_read(path: Path) -> FileIO:
    """Open a file of any kind but a folder, without waiting for the other end of a FIFO of that name.

    Returns an object, which closes the file with its last reference: if a signal handler raises before it is used, a plain descriptor would
    leak in a program that continues.

    Raises OSError.
    """
    file = None
    try:
        with held_back():
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            try:
                file = FileIO(fd)
            except OSError as error:
                os.close(fd)
                raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:
        if file is not None:
            file.close()
        raise
    return file


def read_small(path: Path) -> bytes:
    """Return the content of a file.

    Raises OSError, also if it is larger than a megabyte, or not a regular file: reading a FIFO or a link to /dev/zero would never end.
    """
    with open_to_read(path) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise OSError(errno.EINVAL, f"it is not a file of at most {LARGEST} bytes", str(path))
        return read_all(file.fileno(), LARGEST)


def read_all(fd: int, most_bytes: int) -> bytes:
    """Return the content of a file, at most its first `most_bytes`. Raises OSError."""
    content = bytearray()
    # Some file systems, as those of FUSE, give less at a time than there is.
    while part := os.read(fd, most_bytes - len(content)):
        content += part
    return bytes(content)

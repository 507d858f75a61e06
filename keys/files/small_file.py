"""Files of at most a megabyte that a program of ours has written, and anybody may have replaced since."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST = 1 << 20


def read_small(path: Path) -> bytes:
    """Return the content of a file.

    Raises OSError, also if it is larger, or not a file: a FIFO of that name would never end, nor would a link to /dev/zero.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise OSError(errno.EINVAL, f"it is not a file of at most {LARGEST} bytes", str(path))
        return read_all(fd, LARGEST)
    finally:
        os.close(fd)


def read_all(fd: int, most_bytes: int) -> bytes:
    """Return what a file has, or its first `most_bytes`. Raises OSError."""
    content = bytearray()
    # Some file systems, as those of FUSE, give less at a time than there is.
    while part := os.read(fd, most_bytes - len(content)):
        content += part
    return bytes(content)

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
        parts: list[bytes] = []
        # A file system of the network may give less at a time.
        while part := os.read(fd, LARGEST - sum(map(len, parts))):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)

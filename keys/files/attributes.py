"""File attributes (chattr(1)) that keep even root from writing, renaming or removing a file: EPERM, although the mode permits it."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import struct
from contextlib import suppress
from pathlib import Path

# ioctl_fs(2): FS_IOC_GETFLAGS, FS_IMMUTABLE_FL, FS_APPEND_FL.
_GET_FLAGS = 0x80086601
_NAMES = ((0x10, "immutable", "i"), (0x20, "append-only", "a"))


def reason_with(error: OSError, path: Path) -> str:
    """Return why a file could not be written at a path; if an attribute of it or its folder forbids it, also the command that helps."""
    reason = error.strerror or str(error)
    if error.errno == errno.EPERM:
        for place in (path, path.parent):
            for flag, name, letter in _NAMES:
                if _flags(place) & flag:
                    return f"{reason}: {place} is {name} (chattr -{letter} {shlex.quote(str(place))} changes that)"
    return reason


def _flags(path: Path) -> int:
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return int(struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, bytes(struct.calcsize("l"))))[0])
        finally:
            os.close(fd)
    # Most file systems have none.
    return 0

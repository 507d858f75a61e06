"""Paths at which a file must not replace what is there: devices, pipes, sockets, and links of the system to open files."""

# pathlib takes no bytes.
# ruff: noqa: PTH116, PTH120
from __future__ import annotations

import os
import stat

# Not /dev/shm, which is for files.
_DEVICES = (b"/dev", b"/dev/pts")
_OF_THE_KERNEL = (b"/proc/", b"/sys/")


def is_of_the_system(path: bytes) -> bool:
    """Return whether a path is in a folder for devices or of the kernel, where only the system creates files."""
    folder = os.path.realpath(os.path.dirname(path) or b".")
    return folder in _DEVICES or folder.startswith(_OF_THE_KERNEL)


def is_special(path: bytes) -> bool:
    """Return whether a path leads to anything but a file or folder, or is in a folder of the system.

    /dev/stdout is a link, perhaps to a file: root would replace the link itself.
    """
    if is_of_the_system(path):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))

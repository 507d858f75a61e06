"""Tells that a keeper or a supervisor lives in the working folder: each shares a lock on the folder itself.

Unlike the file `supervisor.lock` the folder cannot be removed from under them. Imports next to nothing.
"""

from __future__ import annotations

import fcntl
import os
import struct

from ..keeper.light_process import say

# struct flock of fcntl(2): type, whence, start, length, pid. Of the whole folder.
_LOCK = struct.Struct("hhqqi4x")


def move_in() -> int:
    """Share the lock for as long as the descriptor that this gives is open."""
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Of the open file, and beside flock(2), which the worker uses on the same folder.
        fcntl.fcntl(folder, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        say(f"the state folder cannot be locked: {error.strerror}; supervisor.lock must not be removed while this runs")
    return folder


def is_inhabited(folder: int = -1) -> bool:
    """Tell whether somebody shares the lock; somebody else, where `folder` is what `move_in` gave."""
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if folder < 0 else folder
    try:
        found = fcntl.fcntl(opened, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(_LOCK.unpack(found)[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        if folder < 0:
            os.close(opened)

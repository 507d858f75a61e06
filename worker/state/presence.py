"""Whether a keeper or supervisor is running in the working folder: each holds a shared lock on the folder itself.

Unlike the file `supervisor.lock`, the locked folder cannot be replaced. Imports almost nothing.
"""

from __future__ import annotations

import fcntl
import os
import struct

from ..keeper.light_process import say

# struct flock of fcntl(2): type, whence, start, length, pid. For the whole folder.
_LOCK = struct.Struct("hhqqi4x")


def move_in() -> int:
    """Acquire the shared lock, and return the descriptor that holds it until it is closed."""
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A lock of the open file description, independent of flock(2), which the worker uses on the same folder.
        fcntl.fcntl(folder, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        say(f"the state folder cannot be locked: {error.strerror}; do not remove supervisor.lock while this process is running")
    return folder


def is_inhabited(folder: int = -1) -> bool:
    """Return whether a process holds the lock; with `folder` from `move_in`, whether another one does."""
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if folder < 0 else folder
    try:
        found = fcntl.fcntl(opened, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(_LOCK.unpack(found)[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        if folder < 0:
            os.close(opened)

"""Whether a keeper or supervisor is running in the working folder: each holds a shared lock on the folder itself.

Unlike the file `supervisor.lock`, the locked folder cannot be replaced. Supervisors hold the folders of their cgroups in the same way.
Imports almost nothing.
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
    folder = _open(".")
    try:
        _hold(folder)
    except OSError as error:
        say(f"the state folder cannot be locked: {error.strerror}; do not remove supervisor.lock while this process is running")
    return folder


def is_inhabited(folder: int = -1) -> bool:
    """Return whether a process holds the lock; with `folder` from `move_in`, whether another one does."""
    return _is_held(folder) if folder >= 0 else is_held(".")


def hold(path: str) -> int:
    """Acquire a shared lock on a folder, and return the descriptor that holds it until it is closed. Raises OSError."""
    folder = _open(path)
    try:
        _hold(folder)
    except OSError:
        os.close(folder)
        raise
    return folder


def is_held(path: str) -> bool:
    """Return whether somebody holds a folder. Raises OSError if it cannot be opened."""
    folder = _open(path)
    try:
        return _is_held(folder)
    finally:
        os.close(folder)


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _hold(folder: int) -> None:
    # A lock of the open file description, independent of flock(2), which the worker uses on the state folder.
    fcntl.fcntl(folder, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))


def _is_held(folder: int) -> bool:
    try:
        found = fcntl.fcntl(folder, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError:
        return False
    return bool(_LOCK.unpack(found)[0] != fcntl.F_UNLCK)

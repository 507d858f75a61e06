"""Notice changes of files and folders: inotify(7). Knows no particular file.

The package inotify-simple does the same, but it looks up libc by running ldconfig at each start of a worker, and loads half a megabyte for
that.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from io import FileIO
from os import PathLike
from typing import NamedTuple, Self

# <sys/inotify.h>
MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
MOVE_SELF = 0x800
ONLYDIR = 0x1000000
DONT_FOLLOW = 0x2000000

_HEAD = struct.Struct("iIII")
# inotify(7): more than the largest event.
_MOST_BYTES = 65536
_libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """One event: its watch (-1: events were lost), the bits above, and the name within a folder, or an empty name."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One inotify instance. `fileno` is readable when there are events.

    Raises OSError: EMFILE if the user has too many instances.
    """

    def __init__(self) -> None:
        self._file = FileIO(_checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)), "rb")

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file.fileno()

    def add_watch(self, path: str | PathLike[str], mask: int) -> int:
        """Watch a file or folder for these events, and return the watch descriptor, an existing one if it is watched already.

        Raises OSError: ENOSPC if the user has too many watches.
        """
        return _checked(_libc.inotify_add_watch(self.fileno(), os.fsencode(path), ctypes.c_uint32(mask)), path)

    def rm_watch(self, watch: int) -> None:
        """Remove a watch."""
        _checked(_libc.inotify_rm_watch(self.fileno(), watch))

    def read(self, timeout_ms: int | None = 0) -> list[Event]:
        """Return the pending events; waits if there are none, for ever if `timeout_ms` is None."""
        if not (found := self._read()) and timeout_ms != 0:
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            poll.poll(timeout_ms)
            found = self._read()
        return found

    def _read(self) -> list[Event]:
        try:
            said = os.read(self.fileno(), _MOST_BYTES)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(said):
            watch, mask, _, size = _HEAD.unpack_from(said, at)
            at += _HEAD.size + size
            events.append(Event(watch, mask, os.fsdecode(said[at - size : at].rstrip(b"\0"))))
        return events

    def close(self) -> None:
        """Remove all watches."""
        self._file.close()

    def __enter__(self) -> Self:
        """Return the instance; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _checked(result: int, path: str | PathLike[str] | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), None if path is None else os.fspath(path))
    return result

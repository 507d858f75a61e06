"""Room that is reserved on the disk, and given back when it is full, so that outcomes can still be recorded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from .free_space import free_bytes

_log = logging.getLogger(__name__)

BALLAST_BYTES = 8 * 1024 * 1024


class Ballast:
    """The file that takes the room, laid at once; without it all goes on, only a full disk is felt earlier."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Whether it is to be laid when there is room.
        self._missing = False
        self._lay()

    def drop(self) -> bool:
        """Give the room back; False if that was done before, or cannot be: on a disk that became read-only nothing can be removed."""
        try:
            self._path.unlink()
        except OSError as error:
            self._missing = self._missing or isinstance(error, FileNotFoundError)
            return False
        self._missing = True
        return True

    def restore(self) -> None:
        """Lay it again where it is missing and the disk has twice its room: the other half is for what is recorded meanwhile."""
        if not self._missing:
            return
        if free_bytes(self._path.parent) >= 2 * BALLAST_BYTES:
            # One attempt: where it fails for another reason than room, a warning with each commit would not help.
            self._missing = False
            self._lay()

    def _lay(self) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("no ballast file: %s", error)
            # What little it took is worth nothing.
            self.drop()

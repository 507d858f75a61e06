"""A file that reserves disk space. It is removed when the disk is full, so that outcomes can still be recorded."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from pathlib import Path

from .free_space import free_bytes

_log = logging.getLogger(__name__)

BALLAST_BYTES = 8 * 1024 * 1024
_NAME = "ballast"
# SQLite creates two files beside a store that was closed, and a daemon describes itself in another one.
_LEAST_BYTES = 512 * 1024


def make_room(store: Path) -> None:
    """Remove the ballast of a store that is to be opened, if its disk is full: otherwise it could not even be read."""
    with contextlib.suppress(OSError):
        if free_bytes(store.parent) < _LEAST_BYTES:
            store.with_name(_NAME).unlink()
            _log.warning("the disk of %s is full: the space that was reserved for the store is used now", store.parent)


class Ballast:
    """The file that reserves the space for a store, created at once. Without it everything works, but a full disk is felt earlier."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(_NAME)
        # Whether the file is to be created when there is space.
        self.is_missing = False
        # Errors that do not pass: it is not tried again.
        self._is_forbidden = False
        if self._was_used():
            self.is_missing = True
        else:
            self._create()

    @property
    def is_there(self) -> bool:
        """Whether the space is reserved."""
        try:
            return self._path.stat().st_size >= BALLAST_BYTES
        except OSError:
            return False

    def drop(self) -> bool:
        """Remove the file. Return False if that was done before or is impossible: on a read-only disk nothing can be removed."""
        try:
            self._path.unlink()
        except OSError as error:
            self.is_missing = self.is_missing or isinstance(error, FileNotFoundError)
            return False
        self.is_missing = True
        return True

    def restore(self) -> None:
        """Create the file again if it is missing and twice its size is free: the other half is for records written meanwhile."""
        if self.is_missing and not self._is_forbidden and free_bytes(self._path.parent) >= 2 * BALLAST_BYTES:
            # Only one attempt: if it fails for a reason other than space, a warning with each commit would not help.
            self.is_missing = False
            self._create()

    def _was_used(self) -> bool:
        """Return whether it is missing, and the disk would be full with it."""
        try:
            return not self._path.exists() and free_bytes(self._path.parent) < BALLAST_BYTES + _LEAST_BYTES
        except OSError:
            return False

    def _create(self) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("no ballast file: %s", error)
            self._is_forbidden = error.errno == errno.EFBIG
            # A file that is too small is useless.
            self.drop()

"""Room that is reserved on the disk, and given back when it is full, so that outcomes can still be recorded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)

BALLAST_BYTES = 8 * 1024 * 1024


def lay(path: Path) -> None:
    """Reserve the room; without it all goes on, only a full disk is felt earlier."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _log.warning("no ballast file: %s", error)
        return
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
    except OSError as error:
        _log.warning("no ballast file: %s", error)
    finally:
        os.close(descriptor)


def drop(path: Path) -> bool:
    """Give the room back; False if that was done before."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True

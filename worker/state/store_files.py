"""The files of a store, as recorded by the worker that has it open; and whether a write-ahead log belongs to another store.

SQLite applies the log beside a store to whatever file has the store's name. After a backup was copied there, pages of the former store
would be written into it. A file that was overwritten in place (`cp`) keeps its inode, and cannot be distinguished from the former one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import layout

LOG = f"{layout.STORE}-wal"
STORE_FILES = (layout.STORE, LOG, f"{layout.STORE}-shm")
# In the description of a worker.
NOTED = "store_files"

Noted = dict[str, tuple[int, int]]


def note(folder: int) -> Noted:
    """Return device and inode of each existing file."""
    return {name: (status.st_dev, status.st_ino) for name in STORE_FILES if (status := find(folder, name)) is not None}


def find(folder: int, name: str, *, follow: bool = True) -> os.stat_result | None:
    """Return the status of a file in a folder; None if it does not exist."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=follow)
    except FileNotFoundError:
        return None


def strange_log(state: Path, description: Mapping[str, Any] | None) -> str:
    """Return why the log of a store must not be applied to it; empty if it may.

    `description` is that of the last worker. The log must not be applied if that worker wrote it for another file. Raises OSError.
    """
    noted = (description or {}).get(NOTED)
    log, store = _status(state / LOG), _status(state / layout.STORE)
    if log is None or not log.st_size:
        return ""
    if store is None or not store.st_size:
        return f"it is gone, or empty, while its log {LOG} is there"
    if not isinstance(noted, Mapping) or not _is_noted(noted.get(LOG), log) or _is_noted(noted.get(layout.STORE), store):
        return ""
    return f"it was replaced, and the log beside it, {LOG}, is that of the one before"


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_noted(noted: object, status: os.stat_result) -> bool:
    # The device may have got another number when the machine was restarted.
    return isinstance(noted, list) and noted[1:] == [status.st_ino]

"""Files and folders that only their owner may read: written whole or not at all.

Knows nothing of what stands in them.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, each 0700; those that exist are left as they are."""
    # Path.mkdir(parents=True) would give the parents the mode of the umask.
    for folder in [*reversed(path.parents), path]:
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)


def create(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, mode 0600; it appears whole and survives power loss.

    Raises FileExistsError where there is one, which is left alone.
    """
    made = _write_beside(path, data)
    try:
        # Unlike rename(2), link(2) never replaces: of several at once exactly one wins.
        os.link(made, path)
    finally:
        made.unlink()
    sync_folder(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Write a file, mode 0600, in the place of one that may be there; readers see the old one or the new one, whole.

    It belongs to whom the old one, or else the folder, belongs to.
    """
    made = _write_beside(path, data)
    try:
        # root who edits the file of a service must not shut the service out.
        before = (path if path.exists() else path.parent).stat()
        if before.st_uid != os.geteuid():
            os.chown(made, before.st_uid, before.st_gid)
        made.rename(path)
    except OSError:
        made.unlink()
        raise
    sync_folder(path.parent)


def _write_beside(path: Path, data: bytes) -> Path:
    made = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 -- a descriptor has no path
            file.write(data)
            file.flush()
            os.fsync(fd)
    except OSError:
        made.unlink()
        raise
    return made


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: fsync(2) of a file does not reach the name that it has there."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

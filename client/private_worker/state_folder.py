"""The state folder of the private worker: its holder, a lock among processes that start a worker, and files for this user only."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from ...keys.files import private_files
from ...keys.files.file_kind import demand_file
from ...keys.files.ownership import reason_of
from ...keys.files.shortage import demand_descriptors
from ...keys.held_signals import held_back
from ...keys.holder import LOCK, holder_of, reason_in
from ...schemas.refusal import Code, Refused


def holder_in(folder: Path) -> str | None:
    """Return which worker holds the folder, as `holder_of` does.

    Raises `Refused(UNAVAILABLE)` if the folder cannot be used.
    """
    try:
        return holder_of(folder)
    except OSError as error:
        raise unusable(folder, error) from None


def unusable(folder: Path, error: OSError) -> Refused:
    """Return the refusal of a folder with something unusable in it.

    Raises `Refused(UNAVAILABLE)` if it is not the folder's fault.
    """
    demand_descriptors(error.errno)
    reason = reason_in(folder, error)
    if isinstance(error, PermissionError) and reason.endswith(error.strerror or ""):
        # Not about a file in it.
        reason = reason_of(error, folder / LOCK)
    return Refused(
        Code.UNAVAILABLE,
        f"the state folder {folder} cannot be used: {reason}",
        "use another folder: JOBWIRE_STATE=DIR",
    )


@contextmanager
def locked(path: Path, how: int) -> Iterator[None]:
    """Hold a lock of flock(2), shared or exclusive, on a file that is created if necessary.

    Raises `Refused(UNAVAILABLE)` if the folder cannot be used.
    """
    try:
        file = _open_locked(path, how)
    except OSError as error:
        raise unusable(path.parent, error) from None
    with file:
        yield


def _open_locked(path: Path, how: int) -> FileIO:
    # Who only waits until nobody starts a worker needs no write permission, so a worker is also found while its disk is read-only.
    flags, mode = (os.O_RDONLY, "r") if how == fcntl.LOCK_SH else (os.O_RDWR, "r+")
    while True:
        file = None
        try:
            # An object, which is closed with its last reference: if a handler raises before it is used, a program that goes on would keep
            # the lock, and nobody could start a worker.
            with held_back():
                # Through a link, somebody else's file would be locked, and its mode changed.
                file = FileIO(open_private(path, flags | os.O_CREAT | os.O_NOFOLLOW), mode)
            fcntl.flock(file, how)
            if _is_at(path, file):
                return file
        except BaseException:
            if file is not None:
                file.close()
            raise
        # It was removed meanwhile, and others lock a new one.
        file.close()


def _is_at(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_private(path: Path, flags: int) -> int:
    """Open a file that only this user may read, in a folder that is created if necessary; return its descriptor. Raises OSError."""
    # A pipe of that name would be waited for.
    flags |= os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError:
        private_files.make_folder(path.parent)
        fd = os.open(path, flags, 0o600)
    try:
        demand_file(fd, path)
    except OSError:
        os.close(fd)
        raise
    if not path.is_symlink():
        with suppress(OSError):
            # Regardless of the umask. The mode of a file that somebody keeps elsewhere is theirs.
            os.fchmod(fd, 0o600)
    return fd

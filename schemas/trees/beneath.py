"""Open files and folders beneath a folder, and nowhere else: no symbolic link is followed, not even one that is created meanwhile.

Each component of a path is opened relative to the folder before it (openat(2), O_NOFOLLOW). A folder is a descriptor, a path bytes without
`..`, which the caller has checked (`brought_files.path_problem`).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Callable, Generator, Iterator

from ..text.printable import printable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO is opened without waiting for its other end, and refused then.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FOLDER_MODE = 0o700
# open(2): a link in place of a folder is ENOTDIR, or ELOOP in place of a file.
LED_AWAY = (errno.ELOOP, errno.ENOTDIR)


def _to_the_end() -> bool:
    return True


def open_folder(root: int, path: bytes, *, create: bool = False) -> int:
    """Return a new descriptor of a folder beneath `root`; with `create`, missing folders are created.

    Raises OSError; ENOTDIR or ELOOP also for a symbolic link.
    """
    folder = os.dup(root)
    try:
        for name in path.split(b"/") if path else ():
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, _NEW_FOLDER_MODE, dir_fd=folder)
            inner = os.open(name, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


def remove_tree(parent: int, name: bytes, go_on: Callable[[], bool] = _to_the_end) -> None:
    """Remove a file, a link, or a folder with everything in it, however deep. A missing one is not an error.

    What is mounted in there belongs to others: nothing of it is touched. `go_on()` is asked before each file of a folder. Raises OSError,
    EBUSY if something is mounted, and ECANCELED if it may not go on.
    """
    try:
        if not _unlinked(parent, name):
            _empty(parent, name, _mount_of(parent), go_on)
            os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return


def statuses(root: int) -> Iterator[os.stat_result]:
    """Iterate over the status of a folder and of everything in it, however deep, as far as it can be read. Nothing mounted is entered.

    Ends early if a folder is moved meanwhile. Raises OSError if there is no /proc.
    """
    mount = _mount_of(root)
    # Only one folder is open at a time: a job can nest them deeper than there are descriptors, or than Python calls functions.
    here = os.dup(root)
    above: list[tuple[os.stat_result, list[str]]] = []
    try:
        yield os.fstat(here)
        folders = yield from _statuses_in(here)
        while True:
            if folders:
                inner = _enter(here, folders.pop(), mount)
                if inner >= 0:
                    above.append((os.fstat(here), folders))
                    os.close(here)
                    here = inner
                    folders = yield from _statuses_in(here)
            elif above:
                outer = os.open("..", FOLDER, dir_fd=here)
                os.close(here)
                here = outer
                was, folders = above.pop()
                if not os.path.samestat(was, os.fstat(here)):
                    return
            else:
                return
    finally:
        os.close(here)


def _statuses_in(folder: int) -> Generator[os.stat_result, None, list[str]]:
    inner: list[str] = []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                yield status
                if stat.S_ISDIR(status.st_mode):
                    inner.append(name)
    return inner


def _enter(folder: int, name: str, mount: bytes) -> int:
    """Return a descriptor of an inner folder; -1 if it cannot be read and left again, or something is mounted on it."""
    try:
        inner = os.open(name, FOLDER, dir_fd=folder)
    except OSError:
        return -1
    # One that may be listed only tells nothing about what is in it, and has no way back: that is looked up in it too.
    with contextlib.suppress(PermissionError):
        os.stat(".", dir_fd=inner)
        if _mount_of(inner) == mount:
            return inner
    os.close(inner)
    return -1


def _mount_of(held: int) -> bytes:
    """Return the number of the mount that a descriptor is in. The device does not tell: a folder can be mounted on another of its disk."""
    # See proc_pid_fdinfo(5): also of a descriptor that only holds a place (O_PATH).
    with open(f"/proc/self/fdinfo/{held}", "rb", buffering=0) as file:  # noqa: PTH123 -- pathlib adds nothing here
        return file.read().partition(b"mnt_id:")[2].partition(b"\n")[0]


def _unlinked(folder: int, name: bytes) -> bool:
    """Remove anything but a folder; return False for a folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        return False
    return True


def _names_in(folder: int, go_on: Callable[[], bool]) -> Iterator[bytes]:
    for name in map(os.fsencode, os.listdir(folder)):
        if not go_on():
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        yield name


def _empty(parent: int, name: bytes, mount: bytes, go_on: Callable[[], bool]) -> None:
    # What is in an inner folder moves up instead of being visited: a job can nest folders deeper than Python calls functions, or than
    # there are descriptors.
    top = _open_anyway(parent, name, mount)
    try:
        numbers = itertools.count()
        while folders := [inner for inner in _names_in(top, go_on) if not _unlinked(top, inner)]:
            for folder in folders:
                inner = _open_anyway(top, folder, mount)
                try:
                    for deeper in _names_in(inner, go_on):
                        if not _unlinked(inner, deeper):
                            _move_up(inner, deeper, top, numbers, mount)
                finally:
                    os.close(inner)
                os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)


def _move_up(inner: int, name: bytes, top: int, numbers: Iterator[int], mount: bytes) -> None:
    # rename(2) wants to write in a folder that moves.
    os.close(_open_anyway(inner, name, mount))
    while True:
        number = next(numbers)
        try:
            os.rename(name, b".removed-%d" % number, src_dir_fd=inner, dst_dir_fd=top)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            return


def _open_anyway(folder: int, name: bytes, mount: bytes) -> int:
    """Open a folder even if its permissions deny that to its owner.

    Raises OSError, also if a link has taken its place, or if something is mounted on it.
    """
    # chmod(2) follows links, and whoever runs as the job's user may put one there at any moment: so it is held first.
    held = os.open(name, os.O_PATH | FOLDER, dir_fd=folder)
    try:
        if _mount_of(held) != mount:
            raise OSError(errno.EBUSY, f"something is mounted on {printable(os.fsdecode(name))}; unmount it")
        path = f"/proc/self/fd/{held}"
        os.chmod(path, _NEW_FOLDER_MODE)  # noqa: PTH101 -- as all here
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(held)

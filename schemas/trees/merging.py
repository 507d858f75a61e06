"""Move unpacked files into a folder: files replace files, folders are merged, and no symbolic link is followed.

Whether everything fits is checked before anything is moved. Each file appears under its name when it is complete, by rename(2): processes
that have the old one open keep it. Calls the kernel in the calling thread.
"""

from __future__ import annotations

import os
import stat

from ..refusal import Code, Refused
from . import beneath
from .reading import MOST_DEPTH


def check_path(root: int, path: bytes, *, is_folder: bool) -> None:
    """Check that a file or folder can be put at a path beneath `root`, which is a descriptor.

    Raises `Refused(FAILED_PRECONDITION)` for a file where a folder is, the reverse, or a path through something that is not a folder.
    """
    *outer, name = path.split(b"/")
    folder = os.dup(root)
    try:
        for depth, part in enumerate(outer):
            found = _mode_of(folder, part)
            if found is None:
                return
            if not stat.S_ISDIR(found):
                raise _no_folder(b"/".join(outer[: depth + 1]), found)
            inner = os.open(part, beneath.FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        if name:
            _check_replaces(path, _mode_of(folder, name), is_folder=is_folder)
    finally:
        os.close(folder)


def check_beneath(source: int, name: bytes, root: int, path: bytes) -> None:
    """Check that the content of the folder `name` of `source` fits into a folder beneath `root`. Raises as `check_path` does."""
    try:
        target = beneath.open_folder(root, path)
    except FileNotFoundError:
        return
    try:
        with _Opened(source, name) as fd:
            _check_folder(fd, target, path, 0)
    finally:
        os.close(target)


def merge(source: int, name: bytes, root: int, path: bytes) -> None:
    """Move `name`, a file or folder in the folder `source`, to a path beneath `root`; with an empty path, move its content into `root`.

    Raises OSError, also if another process creates something at the target meanwhile.
    """
    outer, _, last = path.rpartition(b"/")
    folder = beneath.open_folder(root, outer, create=True)
    try:
        if last:
            _move(source, name, folder, last)
        else:
            _move_content(source, name, os.dup(root))
    finally:
        os.close(folder)


class _Opened:
    """A folder whose permissions may deny access to its owner: granted while it is open, and restored when it is closed."""

    def __init__(self, parent: int, name: bytes) -> None:
        mode = stat.S_IMODE(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        # rename(2) wants to write in a folder that moves. What is beside the target belongs to nobody else.
        os.chmod(name, 0o700, dir_fd=parent)
        self._fd = os.open(name, beneath.FOLDER, dir_fd=parent)
        self._mode = mode

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.fchmod(self._fd, self._mode)
        os.close(self._fd)


def _check_folder(source: int, target: int, path: bytes, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise Refused(Code.INVALID_ARGUMENT, f"{_shown(path)} has folders that are nested more than {MOST_DEPTH} deep", "archive it")
    for name in map(os.fsencode, os.listdir(source)):
        inner = path + b"/" + name if path else name
        is_folder = stat.S_ISDIR(_mode_of(source, name) or 0)
        found = _mode_of(target, name)
        _check_replaces(inner, found, is_folder=is_folder)
        if is_folder and found is not None:
            below = os.open(name, beneath.FOLDER, dir_fd=target)
            try:
                with _Opened(source, name) as fd:
                    _check_folder(fd, below, inner, depth + 1)
            finally:
                os.close(below)


def _move(source: int, name: bytes, target: int, target_name: bytes) -> None:
    if not stat.S_ISDIR(_mode_of(source, name) or 0):
        os.rename(name, target_name, src_dir_fd=source, dst_dir_fd=target)
        return
    try:
        folder = os.open(target_name, beneath.FOLDER, dir_fd=target)
    except FileNotFoundError:
        with _Opened(source, name):
            os.rename(name, target_name, src_dir_fd=source, dst_dir_fd=target)
        return
    _move_content(source, name, folder)


def _move_content(source: int, name: bytes, target: int) -> None:
    """Move the content of a folder into another one, given as a descriptor that is closed afterwards."""
    try:
        with _Opened(source, name) as fd:
            for inner in map(os.fsencode, os.listdir(fd)):  # noqa: PTH208 -- of a descriptor
                _move(fd, inner, target, inner)
    finally:
        os.close(target)


def _mode_of(folder: int, name: bytes) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _check_replaces(path: bytes, found: int | None, *, is_folder: bool) -> None:
    if found is None or stat.S_ISDIR(found) == is_folder:
        return
    if is_folder:
        raise _no_folder(path, found)
    message = f"{_shown(path)} is a folder in the folder of the job, and cannot be replaced by a file"
    raise Refused(Code.FAILED_PRECONDITION, message, f"to put the file into it, write {_shown(path)}/")


def _no_folder(path: bytes, found: int) -> Refused:
    if stat.S_ISLNK(found):
        message = f"{_shown(path)} is a symbolic link in the folder of the job; links are not followed"
        return Refused(Code.FAILED_PRECONDITION, message, "name the folder that it points to")
    message = f"{_shown(path)} in the folder of the job is not a folder, and cannot be replaced by one"
    return Refused(Code.FAILED_PRECONDITION, message, "write another name: FILE:PATH")


def _shown(path: bytes) -> str:
    return os.fsdecode(path)

"""The folders of jobs: STATE/work/ID.OWNER/ATTEMPT, filled before the job starts with the files it brings, and read at any time.

Removed with the job. Knows only the key of a job. Blocks in system calls: for threads.
"""

# ruff: noqa: PTH103, PTH208 -- relative to descriptors, and in the words of folders.py
from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence

from ...schemas import fault_points
from ...schemas.jobs.brought_files import BroughtFile, FileKind
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.trees import beneath
from ...schemas.trees.reading import Source
from ...schemas.trees.writing import Unpacking, finish_at, write_at
from .log_folders import folders

_READ_BYTES = 1024 * 1024
_FILLING = b".filling"
# Of st_blocks, stat(2).
_BLOCK_BYTES = 512


class Cancelled(Exception):  # noqa: N818 -- a fact, not an error
    """Raised when a folder no longer needs to be filled."""


def fill(
    work: str,
    key: AttemptKey,
    files: Sequence[BroughtFile],
    path_of: Callable[[bytes], str],
    go_on: Callable[[], bool],
    add: Callable[[int, int], None],
) -> None:
    """Create the folder of an attempt, replacing an incomplete one and those of earlier attempts, and fill it with contents.

    `path_of` returns the path of a content by its digest.

    `add` is called last, with descriptors of the job's folder and that of the attempt. The latter is not visible before it is complete.

    Raises `Cancelled` when `go_on` returns False, Refused for a content that is gone or cannot be unpacked, and OSError.
    """
    with opened(work, key, create=True) as parent:
        name = b"%d" % key.attempt
        # Nobody fetches from those before any more.
        for old in (*(b"%d" % number for number in range(1, key.attempt)), name, _FILLING):
            beneath.remove_tree(parent, old)
        os.mkdir(_FILLING, folders.FOLDER_MODE, dir_fd=parent)
        try:
            root = os.open(_FILLING, beneath.FOLDER, dir_fd=parent)
            try:
                # A folder before what lies in it.
                for file in sorted(files):
                    bring(root, file, path_of(file.digest), os.fsdecode(file.path) or "the folder", go_on)
                    if fault_points.ARMED:
                        fault_points.reach("while-files-are-unpacked")
                add(parent, root)
            finally:
                os.close(root)
        except BaseException:
            # Whoever waits for space must not take it.
            beneath.remove_tree(parent, _FILLING)
            raise
        os.rename(_FILLING, name, src_dir_fd=parent, dst_dir_fd=parent)
        if fault_points.ARMED:
            fault_points.reach("after-unpack-before-start")


@contextlib.contextmanager
def opened(work: str, key: JobKey | AttemptKey, *, create: bool = False) -> Iterator[int]:
    """Open the folder of a job, which holds those of its attempts. Raises OSError."""
    path = folders.job_folder(work, key)
    if create:
        os.makedirs(path, folders.FOLDER_MODE, exist_ok=True)
    fd = os.open(path, beneath.FOLDER)
    try:
        yield fd
    finally:
        os.close(fd)


def bring(root: int, file: BroughtFile, content: str, said: str, go_on: Callable[[], bool]) -> None:
    """Write or unpack a content beneath a folder, given as a descriptor; messages call it `said`.

    Raises `Cancelled`, Refused, and OSError.
    """
    try:
        source = os.open(content, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Refused(Code.NOT_FOUND, f"the content of {said!r} is no longer on this worker") from None
    try:
        if file.kind is FileKind.TREE:
            _unpack(root, file.path, source, said, go_on)
        else:
            _copy(root, file, source, go_on)
    except FileExistsError:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is in the job twice") from None
    except OSError as error:
        if error.errno in beneath.LED_AWAY:
            raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is below something that is not a folder") from None
        raise
    finally:
        os.close(source)


def _copy(root: int, file: BroughtFile, source: int, go_on: Callable[[], bool]) -> None:
    path, _, name = file.path.rpartition(b"/")
    folder = beneath.open_folder(root, path, create=True)
    try:
        target = os.open(name, beneath.CREATE, file.mode, dir_fd=folder)
        try:
            position = 0
            while data := os.read(source, _READ_BYTES):
                _check(go_on)
                write_at(target, data, position)
                position += len(data)
            finish_at(target, position)
            os.fchmod(target, file.mode)
        finally:
            os.close(target)
    finally:
        os.close(folder)


def _unpack(root: int, path: bytes, source: int, said: str, go_on: Callable[[], bool]) -> None:
    folder = beneath.open_folder(root, path, create=True)
    try:
        unpacking = Unpacking(folder, said)
        try:
            while data := os.read(source, _READ_BYTES):
                _check(go_on)
                unpacking.feed(data)
            unpacking.finish()
        finally:
            unpacking.close()
    finally:
        os.close(folder)


def _check(go_on: Callable[[], bool]) -> None:
    if not go_on():
        raise Cancelled


def open_source(work: str, key: AttemptKey, path: bytes) -> Source:
    """Return a file or folder in the folder of an attempt.

    Raises Refused: NOT_FOUND if there is none, FAILED_PRECONDITION if a symbolic link is on the way.
    """
    said = os.fsdecode(path) or "the folder of the job"
    try:
        root = os.open(f"{folders.job_folder(work, key)}/{key.attempt}", beneath.FOLDER)
        try:
            outer, _, name = path.rpartition(b"/")
            folder = beneath.open_folder(root, outer)
            try:
                return Source(os.open(name, beneath.READ, dir_fd=folder) if name else os.dup(root), said, names_others=True)
            finally:
                os.close(folder)
        finally:
            os.close(root)
    except FileNotFoundError:
        raise Refused(Code.NOT_FOUND, f"there is no {said} in the folder of the job", reason=Reason.NO_SUCH_FILE) from None
    except OSError as error:
        raise cannot_be_read(said, error) from None


def cannot_be_read(said: str, error: OSError) -> Refused:
    """Return why something in the folder of a job cannot be read."""
    if error.errno in beneath.LED_AWAY:
        message = f"{said} is a symbolic link, or behind one or behind a file; links are not followed"
        return Refused(Code.FAILED_PRECONDITION, message, "fetch the folder that it is in")
    if error.errno == errno.ENOENT:
        return Refused(Code.FAILED_PRECONDITION, f"{said} changed while it was being read", "try again", reason=Reason.CHANGED)
    return Refused(Code.FAILED_PRECONDITION, f"{said} cannot be read: {error.strerror}")


def remove(work: str, key: JobKey, go_on: Callable[[], bool]) -> None:
    """Remove the folder of a job, with those of all attempts. Raises OSError, ECANCELED if it may not go on."""
    with contextlib.suppress(FileNotFoundError):
        parent = os.open(work, beneath.FOLDER)
        try:
            beneath.remove_tree(parent, folders.job_folder_name(key), go_on)
        finally:
            os.close(parent)


def size_of(work: str, key: JobKey, go_on: Callable[[], bool]) -> int:
    """Return how many bytes the folder of a job takes on the disk, with its content. What cannot be read counts as 0.

    Less if it may not go on.
    """
    total = 0
    with contextlib.suppress(OSError), opened(work, key) as top:
        for status in beneath.statuses(top):
            if not go_on():
                break
            total += status.st_blocks * _BLOCK_BYTES
    return total


def find_all(work: str) -> list[JobKey]:
    """Return the jobs that have a folder. Other content is ignored."""
    found: list[JobKey] = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(work):
            with contextlib.suppress(ValueError):
                key = folders.key_of(name)
                if key.attempt == 1:
                    found.append(key.job)
    return found

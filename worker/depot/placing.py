"""Put contents into the folder of a job that exists: beside it first, and into it when everything is there and fits.

    STATE/work/ID.OWNER/.put/         what is being unpacked
    STATE/work/ID.OWNER/added/N       a content for an attempt that has not started; the JobFile that it is, in N.file

Files for a waiting job are on the disk before they are acknowledged, because an attempt is filled anew after a crash. Blocks in system
calls: for threads.
"""

# ruff: noqa: PTH101, PTH116, PTH208 -- relative to descriptors, and in the words of folders.py
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator

from google.protobuf.message import DecodeError

from ...broker.depot import Placement
from ...schemas import fault_points
from ...schemas.frames import MOST_MISSING
from ...schemas.generated import job_pb2
from ...schemas.jobs import brought_files
from ...schemas.jobs.brought_files import BroughtFile, FileKind
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.trees import beneath, merging
from ...schemas.trees.writing import is_disk_full
from ..state import job_folders
from ..state.blobs import Blobs
from ..state.log_folders import folders

_STAGE = b".put"
_ADDED = b"added"
_FILE = ".file"


def place(work: str, blobs: Blobs, wanted: Placement, go_on: Callable[[], bool]) -> Refused | None:
    """Put everything into the folder, or return why nothing was; a failure during the final move is reported as such."""
    try:
        with contextlib.ExitStack() as stack:
            try:
                parent = stack.enter_context(job_folders.opened(work, wanted.key, create=wanted.is_queued))
                root = _open_attempt(parent, wanted.key.attempt, stack)
            except FileNotFoundError:
                parent, root = -1, -1
            if root < 0 and not wanted.is_queued:
                message = "the job has no folder: it ended before it started, or the folder was removed"
                return Refused(Code.NOT_FOUND, message, reason=Reason.NO_SUCH_FILE)
            for file in wanted.files if root >= 0 else ():
                merging.check_path(root, file.path, is_folder=file.kind is FileKind.TREE)
            if not wanted.only_check:
                _Stage(work, parent, wanted.key, stack).place(wanted, blobs, root, go_on)
    except job_folders.Cancelled:
        return Refused(Code.UNAVAILABLE, "the worker is being stopped", "try again")
    except Refused as refused:
        return refused
    except OSError as error:
        if is_disk_full(error):
            message = "the worker's disk is full: the files cannot be put into the folder of the job"
            return Refused(Code.RESOURCE_EXHAUSTED, message, "free some space there", reason=Reason.DISK_FULL)
        return Refused(Code.FAILED_PRECONDITION, f"the files cannot be put into the folder of the job: {_explained(error)}")
    return None


def bring_added(work: str, key: AttemptKey, parent: int, root: int, go_on: Callable[[], bool]) -> None:
    """Move files that were placed while the job waited into the folder of an attempt. Raises Refused and OSError."""
    with contextlib.ExitStack() as stack:
        if added := _added_files(parent):
            stage = _Stage(work, parent, key, stack)
            stage.move_in([(file, f"{folders.job_folder(work, key)}/added/{number}") for number, file in added], root, go_on)


def measure(work: str, key: JobKey, go_on: Callable[[], bool]) -> int:
    """Return how many bytes the folder of an ended job takes; files that were kept for its start are removed."""
    with contextlib.suppress(OSError), job_folders.opened(work, key) as parent:
        beneath.remove_tree(parent, _ADDED)
    return job_folders.size_of(work, key, go_on)


class _Stage:
    """A temporary folder beside that of an attempt."""

    def __init__(self, work: str, parent: int, key: AttemptKey, stack: contextlib.ExitStack) -> None:
        self._parent = parent
        self._path = folders.job_folder(work, key)
        beneath.remove_tree(parent, _STAGE)
        os.mkdir(_STAGE, folders.FOLDER_MODE, dir_fd=parent)
        stack.callback(beneath.remove_tree, parent, _STAGE)
        self._fd = os.open(_STAGE, beneath.FOLDER, dir_fd=parent)
        stack.callback(os.close, self._fd)

    def place(self, wanted: Placement, blobs: Blobs, root: int, go_on: Callable[[], bool]) -> None:
        """Receive the contents here, and move them to their paths."""
        contents = self._take(wanted, blobs)
        if wanted.is_queued:
            self._keep(wanted.files, contents)
        if root >= 0:
            self.move_in([(file, contents[file.digest]) for file in wanted.files], root, go_on)

    def _take(self, wanted: Placement, blobs: Blobs) -> dict[bytes, str]:
        contents: dict[bytes, str] = {}
        missing: list[bytes] = []
        for file in wanted.files:
            if file.digest not in contents:
                contents[file.digest] = f"{self._path}/.put/{len(contents)}.content"
                if not blobs.take(wanted.sender, file.digest, contents[file.digest]):
                    missing.append(file.digest)
        if missing:
            refused = Refused(
                Code.FAILED_PRECONDITION,
                "the worker does not have the content of these files",
                "send them again",
                reason=Reason.FILES_MISSING,
            )
            refused.missing = tuple(missing[:MOST_MISSING])
            raise refused
        return contents

    def _keep(self, files: Iterable[BroughtFile], contents: dict[bytes, str]) -> None:
        """Store contents durably for the attempt that will be filled."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(_ADDED, folders.FOLDER_MODE, dir_fd=self._parent)
        folder = os.open(_ADDED, beneath.FOLDER, dir_fd=self._parent)
        try:
            numbers = [number for number, _ in _added_files(self._parent)]
            for number, file in enumerate(files, max(numbers, default=0) + 1):
                beneath.remove_tree(folder, b"%d" % number)
                os.link(contents[file.digest], b"%d" % number, dst_dir_fd=folder)
                _sync(os.open(b"%d" % number, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder))
                note = os.open(".note", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
                os.write(note, brought_files.to_wire(file).SerializeToString())
                _sync(note)
                os.rename(".note", f"{number}{_FILE}", src_dir_fd=folder, dst_dir_fd=folder)
                if fault_points.ARMED:
                    fault_points.reach("while-files-are-kept")
            os.fsync(folder)
        finally:
            os.close(folder)
        os.fsync(self._parent)

    def move_in(self, files: Iterable[tuple[BroughtFile, str]], root: int, go_on: Callable[[], bool]) -> None:
        """Write files and unpack folders here, and move them into `root` when all are complete and fit."""
        # A folder before what lies in it.
        ordered = sorted(files, key=lambda one: one[0].path)
        for number, (file, content) in enumerate(ordered):
            name = b"%d" % number
            is_last = all(other != content for _, other in ordered[number + 1 :])
            if not (is_last and self._can_have(file, content)):
                job_folders.bring(self._fd, file._replace(path=name), content, os.fsdecode(file.path) or "the folder", go_on)
                continue
            os.chmod(content, file.mode)
            os.rename(content, name, dst_dir_fd=self._fd)
        for number, (file, _) in enumerate(ordered):
            merging.check_path(root, file.path, is_folder=file.kind is FileKind.TREE)
            if file.kind is FileKind.TREE:
                merging.check_beneath(self._fd, b"%d" % number, root, file.path)
        for number, (file, _) in enumerate(ordered):
            merging.merge(self._fd, b"%d" % number, root, file.path)
            if fault_points.ARMED:
                fault_points.reach("while-files-are-placed")

    def _can_have(self, file: BroughtFile, content: str) -> bool:
        """Return whether a content need not be copied: it is a file, and nothing else refers to it."""
        return file.kind is FileKind.FILE and content.endswith(".content") and os.stat(content).st_nlink == 1


def _open_attempt(parent: int, attempt: int, stack: contextlib.ExitStack) -> int:
    try:
        root = os.open(b"%d" % attempt, beneath.FOLDER, dir_fd=parent)
    except FileNotFoundError:
        return -1
    stack.callback(os.close, root)
    return root


def _added_files(parent: int) -> list[tuple[int, BroughtFile]]:
    """Return the files that were kept, in the order of their arrival."""
    return sorted(_read_added(parent), key=lambda one: one[0])


def _read_added(parent: int) -> Iterator[tuple[int, BroughtFile]]:
    try:
        folder = os.open(_ADDED, beneath.FOLDER, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        for name in os.listdir(folder):
            number = name.removesuffix(_FILE)
            if number != name and number.isdigit():
                with os.fdopen(os.open(name, beneath.READ, dir_fd=folder), "rb") as file, contextlib.suppress(DecodeError, Refused):
                    yield int(number), brought_files.from_wire(job_pb2.JobFile.FromString(file.read()))
    finally:
        os.close(folder)


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _explained(error: OSError) -> str:
    name = error.filename2 or error.filename
    said = f"{os.fsdecode(name)!r}: " if isinstance(name, str | bytes) else ""
    return f"{said}{error.strerror}"

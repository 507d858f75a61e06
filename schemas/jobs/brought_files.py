"""Files that a job brings into its folder, and paths that are fetched from it: relative paths, and contents named by their digests."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from ..generated import job_pb2
from ..refusal import Code, Refused

LONGEST_PATH = 4_095
# Files that a job brings, and paths that are wanted of its folder.
MOST_FILES = 64
DIGEST_BYTES = 32
DEFAULT_MODE = 0o644
# NAME_MAX of Linux.
_LONGEST_NAME = 255


class FileKind(enum.IntEnum):
    """The kind of a content: one file, or an archive of a folder; the numbers are those on the wire."""

    FILE = 1
    TREE = 2


class BroughtFile(NamedTuple):
    """A file or tree that is put into the job's folder. `digest` is the SHA-256 of its content, `size` the length of the content in bytes.

    `path`: relative to the job's folder; empty, only for a tree, means the folder itself. `mode`: permissions of a file.
    """

    path: bytes
    digest: bytes
    size: int
    kind: FileKind = FileKind.FILE
    mode: int = DEFAULT_MODE

    def parts(self) -> tuple[bytes, bytes, bytes]:
        """Return all values that distinguish it from another one."""
        return self.path, self.digest, b"%d:%d:%d" % (self.size, self.kind, self.mode)


def check(files: Sequence[BroughtFile], outputs: Sequence[bytes]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a job can have these files, and these paths can be fetched from its folder."""
    for what, things in (("files", files), ("outputs", outputs)):
        if len(things) > MOST_FILES:
            raise _refuse(f"{len(things)} {what} are too many, the limit is {MOST_FILES}")
    for file in files:
        _check_file(file)
    seen: set[bytes] = set()
    for file in files:
        if file.path in seen:
            raise _refuse(f"two files of the job have the path {file.path.decode(errors='replace')!r}")
        seen.add(file.path)
    for path in outputs:
        if problem := path_problem(path):
            raise _refuse(f"{path.decode(errors='replace')!r} cannot be fetched from the job's folder: {problem}")


def _check_file(file: BroughtFile) -> None:
    if problem := path_problem(file.path):
        raise _refuse(f"the file {file.path.decode(errors='replace')!r} cannot be put into the job's folder: {problem}")
    if len(file.digest) != DIGEST_BYTES:
        raise _refuse(f"the digest of a file has {DIGEST_BYTES} bytes, not {len(file.digest)}")
    if not file.path and file.kind is not FileKind.TREE:
        raise _refuse("a file of the job has no path")
    if file.mode & ~0o777:
        raise _refuse(f"the mode {file.mode:o} of a file has bits other than permissions")


def program_of(script: bytes, *, elsewhere: bool, by_shell: bool) -> tuple[bytes, ...]:
    """Return the start of the argv of a job that runs a script of its own folder, in that folder or `elsewhere`, directly or `by_shell`."""
    # Only the worker knows where the folder is, and says it to the job. The shell also runs what the kernel does not.
    if elsewhere:
        return (b"/bin/sh", b"-c", b'exec "$JOBWIRE_JOB_DIR/$0" "$@"', script)
    return (b"/bin/sh", b"./" + script) if by_shell else (b"./" + script,)


def path_problem(path: bytes) -> str:
    """Return why a path does not name something inside a folder; empty if it does. An empty path is the folder itself."""
    problems = (
        (path.startswith(b"/"), "the path is absolute"),
        (b"\0" in path, "the path has a NUL byte"),
        (len(path) > LONGEST_PATH, f"the path is longer than {LONGEST_PATH} bytes"),
    )
    parts = path.split(b"/") if path else []
    inner = (
        (b".." in parts, "the path leaves the folder with .."),
        (b"" in parts or b"." in parts, "the path has an empty part, or a part ."),
        (max(map(len, parts), default=0) > _LONGEST_NAME, f"a name in the path is longer than {_LONGEST_NAME} bytes"),
    )
    return next((problem for found, problem in problems + inner if found), "")


def digest_parts(files: Sequence[BroughtFile], outputs: Sequence[bytes]) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Iterate over the values that go into the digest of a spec, with their field numbers."""
    for file in files:
        yield 14, file.parts()
    for path in outputs:
        yield 15, (path,)


def from_wire(message: job_pb2.JobFile) -> BroughtFile:
    """Return a file that came over the wire.

    Raises `Refused(INVALID_ARGUMENT)` if it is of an unknown kind.
    """
    try:
        kind = FileKind(message.kind)
    except ValueError:
        raise _refuse(f"a file of the job is of a kind, {message.kind}, that this worker does not know") from None
    return BroughtFile(message.path, message.digest, message.size, kind, message.mode or DEFAULT_MODE)


def to_wire(file: BroughtFile) -> job_pb2.JobFile:
    """Return a file as it is sent and stored."""
    kind = cast("job_pb2.FileKind", file.kind.value)
    return job_pb2.JobFile(path=file.path, digest=file.digest, size=file.size, kind=kind, mode=file.mode)


def _refuse(message: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message)

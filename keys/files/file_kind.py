"""The kind of a file system object: a FIFO in the place of a file would block on open or never end, and errno(3) gives no clear reason."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from ...schemas.refusal import Code, Refused
from .ownership import name_of

_OWN = stat.S_IRUSR | stat.S_IWUSR

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


def kind_problem(status: os.stat_result) -> str:
    """Return in words what is there instead of a regular file; empty if it is a regular file."""
    return f"{problem}; remove it, or move it away" if (problem := _other_kind(status)) else ""


def _other_kind(status: os.stat_result) -> str:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "")
    return f"is {kind}, not a file" if kind else ""


def demand_kind(path: Path, what: str, status: os.stat_result | None = None) -> None:
    """Raise `Refused(FAILED_PRECONDITION)`, with the command that clears the path, unless `what` at a path is a regular file.

    `status`: fstat of the opened file; without it, the path is examined now.
    """
    try:
        problem = _other_kind(path.stat() if status is None else status)
    except OSError as error:
        problem = _link_problem(path, error)
    if problem:
        name, aside = (shlex.quote(f"{path}{suffix}") for suffix in ("", ".old"))
        raise Refused(Code.FAILED_PRECONDITION, f"{what} {path} {problem}", f"move it away: mv {name} {aside}")


def demand_file(fd: int, path: Path) -> None:
    """Raise OSError with these words unless a descriptor is that of a regular file."""
    if problem := kind_problem(os.fstat(fd)):
        raise OSError(errno.EINVAL, problem, str(path))


def kind_problem_at(path: Path, *, follow: bool = True) -> str:
    """Return the same for a path, or that it is a dangling link or a file that this user may not use.

    Empty if it can be used, is missing, or that cannot be determined.
    """
    try:
        status = path.stat(follow_symlinks=follow)
    except OSError as error:
        return f"{problem}; remove it, or move it away" if (problem := _link_problem(path, error)) else ""
    return kind_problem(status) or _mode_problem(path, status)


def way_to_read(path: Path) -> str:
    """Return the command that makes a file readable, if its own mode forbids reading; empty if the reason is something else."""
    with suppress(OSError):
        status = path.stat()
        if status.st_uid == os.geteuid() and not status.st_mode & stat.S_IRUSR:
            return f"type: chmod u+r {shlex.quote(str(path))}"
    return ""


def _link_problem(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a symbolic link that points to itself"
    return "is a broken symbolic link" if error.errno == errno.ENOENT and path.is_symlink() else ""


def _mode_problem(path: Path, status: os.stat_result) -> str:
    if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return ""
    if status.st_uid != os.geteuid():
        return f"belongs to {name_of(status.st_uid)}, and you may not read and write it"
    if status.st_mode & _OWN == _OWN:
        # A file system that can only be read, or a rule of the system's security.
        return ""
    return f"cannot be read and written (mode {stat.S_IMODE(status.st_mode):04o}); type: chmod u+rw {shlex.quote(str(path))}"

"""What kind of thing has the name of a file: a pipe of that name would never open or end, and errno(3) calls it an invalid argument."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from ...schemas.refusal import Code, Refused

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


def kind_problem(status: os.stat_result) -> str:
    """Return what is there instead of a regular file, in words; empty if it is one."""
    return f"{problem}; remove it, or move it away" if (problem := _other_kind(status)) else ""


def _other_kind(status: os.stat_result) -> str:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "")
    return f"is {kind}, not a file" if kind else ""


def demand_kind(path: Path, what: str, status: os.stat_result | None = None) -> None:
    """Raise `Refused(FAILED_PRECONDITION)`, with the command that makes way, if `what` at a path is no regular file.

    `status`: of what was opened; or, where it could not be opened, nothing: then it is looked at now.
    """
    try:
        problem = _other_kind(path.stat() if status is None else status)
    except OSError:
        return
    if problem:
        name, aside = (shlex.quote(f"{path}{suffix}") for suffix in ("", ".old"))
        raise Refused(Code.FAILED_PRECONDITION, f"{what} {path} {problem}", f"move it away: mv {name} {aside}")


def demand_file(fd: int, path: Path) -> None:
    """Raise OSError with these words if an open descriptor is not that of a regular file."""
    if problem := kind_problem(os.fstat(fd)):
        raise OSError(errno.EINVAL, problem, str(path))


def kind_problem_at(path: Path, *, follow: bool = True) -> str:
    """Return the same of what is at a path, or that it is a link that leads nowhere; empty if that cannot be determined."""
    try:
        return kind_problem(path.stat(follow_symlinks=follow))
    except FileNotFoundError:
        return "is a link that leads nowhere" if path.is_symlink() else ""
    except OSError:
        return ""

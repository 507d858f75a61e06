"""What kind of thing has the name of a file: a pipe of that name would never open or end, and errno(3) calls it an invalid argument."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

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
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "")
    return f"is {kind}, not a file; remove it, or move it away" if kind else ""


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

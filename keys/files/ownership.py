"""Who owns a file or folder and who else can change it: jobwire trusts only what belongs to its user, like sshd's StrictModes.

Otherwise a root shell that kept the HOME of a user would start a worker that runs this user's jobs as root. Knows no file's content.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...schemas.refusal import Code, Refused

_ROOT = 0
# uid_map outside of any user namespace, see user_namespaces(7).
_ALL_USERS = ["0", "0", "4294967295"]


def demand_own(path: Path, what: str) -> None:
    """Check that a file or folder belongs to the user who runs this, and that nobody else can change it; a missing one passes.

    For root, also check that nobody but root can replace it. `what` names it in messages: "the state folder".

    Raises `Refused(FAILED_PRECONDITION)` that names the owner and what to do.
    """
    try:
        judge(path.stat(), path, what)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"{what} {path} cannot be used by {name_of(os.geteuid())}: {error.strerror}",
            _remedy(os.geteuid()),
        ) from None
    demand_fixed(path, what)


def demand_fixed(path: Path, what: str) -> None:
    """For root, check that nobody but root can replace a file or folder.

    Raises `Refused(FAILED_PRECONDITION)` that names the folder above and its owner.
    """
    if os.geteuid() == _ROOT:
        for folder in _above(path):
            _judge_above(folder, path, what)


def judge(status: os.stat_result, path: Path, what: str, *, roots_too: bool = False) -> None:
    """Refuse what does not belong to the user who runs this, or what others can write; `roots_too`: accept what belongs to root.

    Uses fstat(2) of an open file if there is one: then nobody can change it between check and use.

    Raises `Refused(FAILED_PRECONDITION)`.
    """
    judge_owner(status, path, what, roots_too=roots_too)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        # Not `chmod`: it may be a link to /dev/null.
        raise Refused(Code.FAILED_PRECONDITION, f"{what} {path} is a device", "remove it, or the link to it")
    if others_may_write(status):
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"others may write to {what} {path} (mode {stat.S_IMODE(status.st_mode):04o})",
            f"type: chmod go-w {shlex.quote(str(path))}",
        )


def judge_owner(status: os.stat_result, path: Path, what: str, *, roots_too: bool = False) -> None:
    """Refuse as `judge` does, but check the owner only."""
    me = os.geteuid()
    if status.st_uid != me and not (roots_too and status.st_uid == _ROOT):
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"{what} {path} belongs to {name_of(status.st_uid)}, but jobwire runs as {name_of(me)}",
            _remedy(status.st_uid),
        )


def others_may_write(status: os.stat_result) -> bool:
    """Return whether anybody but the owner may write; the owner's private group, which many distributions create, does not count."""
    mode = status.st_mode
    return bool(mode & stat.S_IWOTH) or (bool(mode & stat.S_IWGRP) and not _is_private(status.st_gid, status.st_uid))


def outsiders() -> set[int]:
    """Return the user as which a user namespace shows every user it does not map; empty outside of such a namespace."""
    try:
        if Path("/proc/self/uid_map").read_text().split() == _ALL_USERS:
            return set()
        return {int(Path("/proc/sys/kernel/overflowuid").read_text())}
    except (OSError, ValueError):
        return set()


def name_of(uid: int) -> str:
    """Return a user in words: `joe (uid 1000)`."""
    with suppress(KeyError):
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    return f"uid {uid}"


def reason_of(error: OSError, path: Path) -> str:
    """Return why a file could not be written at a path; if permission is denied, also the owner of the folder."""
    if not isinstance(error, PermissionError):
        return error.strerror or str(error)
    from .attributes import reason_with  # noqa: PLC0415 -- only where something is wrong

    if (reason := reason_with(error, path)) != error.strerror:
        return reason
    for folder in path.parents:
        with suppress(OSError):
            return f"{error.strerror}, {folder} belongs to {name_of(folder.stat().st_uid)}"
    return error.strerror or str(error)


def _is_private(gid: int, uid: int) -> bool:
    try:
        import grp  # noqa: PLC0415 -- only where a group may write

        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _above(path: Path) -> Iterator[Path]:
    """Return the folders above a path, as written and with links resolved."""
    yield from dict.fromkeys((*path.absolute().parents, *Path(os.path.realpath(path)).parents))


def _judge_above(folder: Path, path: Path, what: str) -> None:
    try:
        status = folder.stat()
    except OSError:
        # Root creates what is missing.
        return
    if status.st_uid != _ROOT and status.st_uid not in outsiders():
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"{what} {path} is in {folder}, which belongs to {name_of(status.st_uid)}, but jobwire runs as {name_of(_ROOT)}",
            _remedy(status.st_uid),
        )
    if not stat.S_ISDIR(status.st_mode):
        # Some accounts have /dev/null as their home.
        raise Refused(Code.FAILED_PRECONDITION, f"{what} {path} is in {folder}, which is not a folder", _remedy(os.geteuid()))
    if others_may_write(status) and not status.st_mode & stat.S_ISVTX:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"{what} {path} is in {folder}, to which others may write (mode {stat.S_IMODE(status.st_mode):04o})",
            f"type: chmod go-w {shlex.quote(str(folder))}; or use another folder",
        )


def _remedy(owner: int) -> str:
    me = os.geteuid()
    own = "use folders of your own: set HOME, or JOBWIRE_STATE and JOBWIRE_CONFIG"
    if owner == me:
        return own
    with suppress(KeyError):
        name = pwd.getpwuid(owner).pw_name
        return f"run it as that user (sudo -u {shlex.quote(name)} -H jobwire ...), or {own}"
    return f"run it as that user, or {own}"

"""Which worker holds a state folder. Whether one is running is known from the kernel's locks, which end with it; files only name it.

Locks are held on the folder itself, which cannot be replaced, and on a file in it, the only lock of earlier versions.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path

from ..schemas.clock import SHIFT_US, boot_id
from .files.file_kind import kind_problem_at
from .files.small_file import read_small
from .held_signals import held_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOCK = "lock"
DESCRIPTION = "worker.json"

_LONGEST_PID = 32
# After the name in /proc/PID/stat, which may hold anything: see proc(5).
_START_FIELD = 19
# What open(2) says of something else than a file, and of a file or link that cannot be used.
_OF_NO_FILE = {errno.EINVAL, errno.ENXIO, errno.EISDIR, errno.ELOOP, errno.ENOENT, errno.EACCES}


class Whereabouts(Enum):
    """Where a recorded process is, seen from this one."""

    HERE = auto()
    ELSEWHERE = auto()
    GONE = auto()


def holder_of(state: Path) -> str | None:
    """Return the pid of the worker that holds a folder, as it recorded it; empty if it did not, None if none is running.

    Raises OSError if that cannot be determined.
    """
    # The folder's lock is valid even if the file was removed or replaced.
    if not (_is_locked(state, os.O_DIRECTORY) or _is_locked(state / LOCK, os.O_NOFOLLOW)):
        return None
    try:
        said = read_small(state / LOCK)[:_LONGEST_PID].strip()
    except FileNotFoundError:
        return ""
    return said.decode() if said.isdigit() else ""


def _is_locked(path: Path, flags: int) -> bool:
    # The lock must not stay with a program that goes on after an interruption: no worker could hold the folder.
    with held_back():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            return not locks(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)


def locks(fd: int, how: int) -> bool:
    """Lock a descriptor with flock(2), without waiting; return False if another process holds it."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def reason_in(state: Path, error: OSError) -> str:
    """Return why a folder cannot be used, with the file in it that is the cause."""
    name = Path(os.fsdecode(error.filename)).name if error.filename else ""
    if (
        name
        and error.errno in _OF_NO_FILE
        and (problem := kind_problem_at(state / name, follow=name != LOCK and error.errno != errno.ELOOP))
    ):
        return f"{name} {problem}"
    from .files.attributes import reason_with  # noqa: PLC0415 -- only where something is wrong

    reason = reason_with(error, state / name)
    return f"{name}: {reason}" if name and name != state.name else reason


def identify() -> dict[str, Any]:
    """Return a text that identifies this process uniquely, for `locate`."""
    return {
        "pid": os.getpid(),
        "start_ticks": _start_ticks(os.getpid()),
        "boot_id": boot_id(),
        "pid_namespace": _pid_namespace(),
    }


def locate(description: Mapping[str, Any]) -> Whereabouts:
    """Return where the process is that `identify` described; a pid alone may have been reused.

    To signal it, open its pidfd first and then call this: the answer is valid while the pidfd is open.
    """
    # An earlier version recorded less.
    for name, here in (("boot_id", boot_id()), ("pid_namespace", _pid_namespace())):
        if here and description.get(name, here) != here:
            return Whereabouts.ELSEWHERE
    pid = description.get("pid")
    ticks = _start_ticks(pid) if isinstance(pid, int) else 0
    return Whereabouts.HERE if ticks and description.get("start_ticks", ticks) == ticks else Whereabouts.GONE


def _pid_namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


# The states of a suspended process: by a signal, or by a debugger.
SUSPENDED = frozenset("Tt")


def process_state(pid: int) -> str:
    """Return the state of a process, a letter of proc_pid_stat(5), such as `T` if it is stopped; empty if unknown."""
    fields = _stat(pid)
    return fields[0].decode() if fields else ""


def _start_ticks(pid: int) -> int:
    """Return when a process started, in ticks since boot; 0 if there is no such process. All time namespaces see the same value."""
    fields = _stat(pid)
    return int(fields[_START_FIELD]) - SHIFT_US * os.sysconf("SC_CLK_TCK") // 1_000_000 if fields else 0


def _stat(pid: int) -> list[bytes]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return []
    return stat[stat.rindex(b")") + 2 :].split()

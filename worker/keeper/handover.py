"""How a keeper becomes one of a newer version: it executes itself, keeps its pid and so its children, and finds here what it held.

All of it is lines in a file in memory, the first one with the version of this form; descriptors are inherited under their numbers.

    jobwire-handover VERSION
    supervisors COUNT                              how many this keeper has started
    deposit HANDLE FOLDER SETTLED STDOUT STDERR    as in loop.py, with the read ends; none once it was drained
    died PID ...                                   as in loop.py: not yet on disk
    stranger PID PIDFD                             as in loop.py

Before anything is done the installation on the disk is asked, by running it, what it can take over: see probe.py.
"""

# The keeper imports this, and should stay small: no pathlib.
from __future__ import annotations

import os

VERSION = 1
# What this version reads.
READABLE = (1,)
# In the environment of a supervisor: in which version its keeper can hand over. A keeper that does not say so must not be asked to.
VARIABLE = "JOBWIRE_HANDOVER"
_TITLE = "jobwire-handover"


class Handed:
    """What was handed over."""

    __slots__ = ("deposits", "died", "strangers", "supervisors")

    def __init__(self) -> None:
        self.supervisors = 0
        # Handle, folder, settled, read ends.
        self.deposits: list[tuple[str, str, bool, tuple[int, ...]]] = []
        self.died: list[str] = []
        # The pidfds, by pid.
        self.strangers: dict[int, int] = {}


def write(handed: Handed) -> int:
    """Write it down, and let all descriptors of it be inherited; gives the file."""
    lines = [f"{_TITLE} {VERSION}", f"supervisors {handed.supervisors}", *handed.died]
    for handle, folder, settled, ends in handed.deposits:
        lines.append(" ".join(["deposit", handle, folder, str(int(settled)), *map(str, ends)]))
    lines += [f"stranger {pid} {pidfd}" for pid, pidfd in handed.strangers.items()]
    file = os.memfd_create("jobwire-handover")
    data = memoryview("\n".join(lines).encode())
    while data:
        data = data[os.write(file, data) :]
    _inherit(handed, inheritable=True)
    os.set_inheritable(file, True)  # noqa: FBT003 -- it takes no name
    return file


def take_back(handed: Handed, file: int) -> None:
    """Undo `write`: nothing became of it."""
    _inherit(handed, inheritable=False)
    os.close(file)


def read(file: int) -> Handed:
    """Read what was written, before an exec, and close the file.

    Raises ValueError for a form that this version does not know.
    """
    parts = []
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 65536):
        parts.append(part)
    os.close(file)
    title, *lines = b"".join(parts).decode().split("\n")
    if title not in [f"{_TITLE} {version}" for version in READABLE]:
        raise ValueError(f"{title!r} is no form of a handover that this version reads")
    handed = Handed()
    for line in lines:
        match line.split(" "):
            case ["supervisors", count]:
                handed.supervisors = int(count)
            case ["deposit", handle, folder, settled, *ends]:
                handed.deposits.append((handle, folder, settled == "1", tuple(map(int, ends))))
            case ["stranger", pid, pidfd]:
                handed.strangers[int(pid)] = int(pidfd)
            case ["died", *_]:
                handed.died.append(line)
            case _:
                # Of a newer minor form, which this one can do without.
                continue
    _inherit(handed, inheritable=False)
    return handed


def _inherit(handed: Handed, *, inheritable: bool) -> None:
    for _, _, _, ends in handed.deposits:
        for end in ends:
            os.set_inheritable(end, inheritable)
    for pidfd in handed.strangers.values():
        os.set_inheritable(pidfd, inheritable)

"""How a keeper executes a newer version of itself: it keeps its pid, and so its children, and reads here what it held.

The handover is a memfd with lines of text, the first with the version of the format; descriptors are inherited with their numbers.

    jobwire-handover VERSION
    supervisors COUNT                              how many this keeper has started
    deposit HANDLE FOLDER SETTLED STDOUT STDERR    as in wire/words.py, with the read ends; none if it was drained
    feed HANDLE MEMORY PIPE                        as in wire/words.py, with the two descriptors
    died PID ...                                   as in wire/words.py: not yet on disk
    stranger PID PIDFD                             as in wire/words.py

Before that, the installation on the disk is run to report what it can take over, see probe.py.
"""

# The keeper imports this, and should stay small: no pathlib.
from __future__ import annotations

import os

from ..wire.words import FromKeeper

VERSION = 1
# The versions that this version can read.
READABLE = (1,)
# In the environment of a supervisor: the version of its keeper's handover. A keeper that does not set it cannot reload.
VARIABLE = "JOBWIRE_HANDOVER"
_TITLE = "jobwire-handover"


class Handed:
    """What was handed over."""

    __slots__ = ("deposits", "died", "feeds", "strangers", "supervisors")

    def __init__(self) -> None:
        self.supervisors = 0
        # Handle, folder, settled, read ends.
        self.deposits: list[tuple[str, str, bool, tuple[int, ...]]] = []
        # What belongs to the inputs of jobs that are fed, by handle.
        self.feeds: dict[str, tuple[int, ...]] = {}
        self.died: list[str] = []
        # The pidfds, by pid.
        self.strangers: dict[int, int] = {}


def write(handed: Handed) -> int:
    """Write the handover to a memfd, make all its descriptors inheritable, and return the memfd."""
    lines = [f"{_TITLE} {VERSION}", f"supervisors {handed.supervisors}", *handed.died]
    for handle, folder, settled, ends in handed.deposits:
        lines.append(" ".join([FromKeeper.DEPOSIT, handle, folder, str(int(settled)), *map(str, ends)]))
    lines += [" ".join([FromKeeper.FEED, handle, *map(str, feed)]) for handle, feed in handed.feeds.items()]
    lines += [f"{FromKeeper.STRANGER} {pid} {pidfd}" for pid, pidfd in handed.strangers.items()]
    file = os.memfd_create("jobwire-handover")
    data = memoryview("\n".join(lines).encode())
    while data:
        data = data[os.write(file, data) :]
    _inherit(handed, inheritable=True)
    os.set_inheritable(file, True)  # noqa: FBT003 -- it takes no name
    return file


def take_back(handed: Handed, file: int) -> None:
    """Undo `write`, because the exec failed."""
    _inherit(handed, inheritable=False)
    os.close(file)


def read(file: int) -> Handed:
    """Return the handover written before an exec, and close the memfd.

    Raises ValueError for a format that this version does not know.
    """
    parts = []
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 65536):
        parts.append(part)
    os.close(file)
    title, *lines = b"".join(parts).decode().split("\n")
    if title not in [f"{_TITLE} {version}" for version in READABLE]:
        raise ValueError(f"{title!r} is not a version of the handover that this version can read")
    handed = Handed()
    for line in lines:
        match line.split(" "):
            case ["supervisors", count]:
                handed.supervisors = int(count)
            case [FromKeeper.DEPOSIT, handle, folder, settled, *ends]:
                handed.deposits.append((handle, folder, settled == "1", tuple(map(int, ends))))
            case [FromKeeper.FEED, handle, *feed]:
                handed.feeds[handle] = tuple(map(int, feed))
            case [FromKeeper.STRANGER, pid, pidfd]:
                handed.strangers[int(pid)] = int(pidfd)
            case [FromKeeper.DIED, *_]:
                handed.died.append(line)
            case _:
                # From a newer minor version; not needed here.
                continue
    _inherit(handed, inheritable=False)
    return handed


def _inherit(handed: Handed, *, inheritable: bool) -> None:
    for ends in (*(ends for _, _, _, ends in handed.deposits), *handed.feeds.values()):
        for end in ends:
            os.set_inheritable(end, inheritable)
    for pidfd in handed.strangers.values():
        os.set_inheritable(pidfd, inheritable)

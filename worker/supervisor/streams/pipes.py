"""A job's two pipes: created, passed to the job, and found again through any process that has an end of them.

The job's descriptors 1 and 2 are write-only, as under any launcher: a descriptor that can also be read looks like a closed pipe to programs
that poll it (`tail -f`), and lets them consume what was written. The job also inherits the read ends, with high numbers that programs do
not use. So there is always a reader: if all daemons are killed at once, a write waits instead of causing SIGPIPE, and the next supervisor
can reopen the pipe. A program that closes all inherited descriptors, as sudo does, loses this protection.

A pipe is identified by device and inode, which are on the disk before the fork. A job can change everything else about it. For a job on a
terminal, the first of the two is the master of the terminal instead: see terminal.py.
"""

# ruff: noqa: PTH101, PTH116, PTH208 -- pathlib is not light
from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from stat import S_IMODE, S_IRUSR, S_ISFIFO

from ....schemas.private_parts.light_typing import NamedTuple
from ...state.log_folders.notes import PipeName
from ..containment.processes import all_pids, may_look_into, read_stat

# An earlier version identified the pipes by their modes; its jobs may still be running.
FORMER_MODES = (0o1600, 0o1700)
_LOST_IN_IT = "output that was still in its pipe when supervisor and keeper were killed is lost"
_LOST_TERMINAL = "supervisor and keeper were killed together, and its terminal can no longer be reached"
# In the name of a terminal, which is identified by its number.
NO_DEVICE = 0
# ioctl_tty(2); the module termios of this Python does not have it.
_TIOCGPTN = 0x80045430
_PTMX = os.makedev(5, 2)
# The same number on every architecture.
_PIDFD_GETFD = 438


class Pipe:
    """One pipe, before its job is started."""

    __slots__ = ("name", "read_end", "write_end")

    def __init__(self) -> None:
        # The job inherits the same read end that is kept here, and can change whether it blocks: pump.py does not depend on that.
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        self.name = _name(os.fstat(self.read_end))

    def give_away(self) -> None:
        """Close the end that only the job needs."""
        os.close(self.write_end)


class Found(NamedTuple):
    """A reopened read end of a pipe. If the pipe was not found, the end reads as closed, and `problem` says what may be missing."""

    end: int
    problem: str = ""


class Pipes:
    """Finds pipes of jobs through all processes."""

    def __init__(self) -> None:
        # Which processes have which pipe: looked up once, and only if a job's own processes do not have it.
        self._holders: dict[PipeName, list[str]] | None = None

    def find(self, names: tuple[PipeName, ...] | None, members: list[int]) -> tuple[Found, ...]:
        """Return reopened read ends of a job's pipes, through its own or any other processes. `names` None: a job of an earlier version."""
        if names is None:
            return _find_former(members)

        def which(stat: os.stat_result) -> int | None:
            return names.index(name) if (name := _name(stat)) in names else None

        ends, refusals = _search(_holdings(members), which, len(names))
        for number, name in enumerate(names):
            if number not in ends:
                found, more = _search(self._holders_of(name), which, 1)
                ends |= found
                refusals += more
        refusals += [f"the descriptors of process {pid} are not visible" for pid in members if _hides(pid)]
        why = f"{_LOST_IN_IT} ({refusals[0]})" if refusals else _LOST_IN_IT
        return tuple(Found(ends[number]) if number in ends else Found(hung_up(), why) for number in range(len(names)))

    def _holders_of(self, name: PipeName) -> list[str]:
        if self._holders is None:
            self._holders = {}
            for path in _holdings(all_pids()):
                try:
                    stat = os.stat(path)
                except OSError:
                    continue
                if S_ISFIFO(stat.st_mode):
                    self._holders.setdefault(_name(stat), []).append(path)
        return self._holders.get(name, [])


def _find_former(members: list[int]) -> tuple[Found, ...]:
    """Return the read ends for a job of an earlier version, whose descriptors were readable and which recorded no names."""
    ends, _ = _search((one for one in _holdings(members) if _is_read_write(one)), _index_of_mode, len(FORMER_MODES))
    return tuple(Found(ends[number]) if number in ends else Found(hung_up(), _LOST_IN_IT) for number in range(len(FORMER_MODES)))


def riding_in(pid: int, numbers: Sequence[int]) -> tuple[PipeName, ...] | None:
    """Return the pipes that a process has at the numbers of the read ends; None if it no longer has all of them."""
    try:
        stats = [os.stat(f"/proc/{pid}/fd/{number}") for number in numbers]
    except OSError:
        return None
    return tuple(_name(stat) for stat in stats) if all(S_ISFIFO(stat.st_mode) for stat in stats) else None


def name_of(end: int) -> PipeName:
    """Return the name of the pipe of a descriptor, or of the terminal whose master it is."""
    stat = os.fstat(end)
    if stat.st_rdev == _PTMX:
        return PipeName(NO_DEVICE, int.from_bytes(fcntl.ioctl(end, _TIOCGPTN, bytes(4)), sys.byteorder))
    return _name(stat)


def is_master(end: int) -> bool:
    """Return whether a descriptor is the master of a terminal."""
    return os.fstat(end).st_rdev == _PTMX


def find_terminal(names: tuple[PipeName, ...], members: list[int]) -> tuple[Found, Found]:
    """Return the master of a job's terminal and the read end of its pipe, through its processes."""
    terminal, pipe = names
    number = f"tty-index:\t{terminal.inode}\n"
    master = Found(hung_up(), _LOST_TERMINAL)
    for path in _holdings(members):
        if not _is_master(path, number):
            continue
        try:
            found = copy_descriptor(*(int(part) for part in path.split("/")[2::2]))
        except OSError as error:
            master = master._replace(problem=f"{_LOST_TERMINAL} ({path}: {error.strerror})")
            continue
        os.close(master.end)
        master = Found(found)
        break
    ends, _ = _search(_holdings(members), lambda stat: 0 if _name(stat) == pipe else None, 1)
    return master, Found(ends[0]) if ends else Found(hung_up(), _LOST_IN_IT)


def _is_master(path: str, number: str) -> bool:
    try:
        if os.stat(path).st_rdev != _PTMX:
            return False
        with open(path.replace("/fd/", "/fdinfo/")) as file:  # noqa: PTH123 -- as above
            return number in file.read()
    except OSError:
        return False


def copy_descriptor(pid: int, number: int) -> int:
    """Return a duplicate of a descriptor of another process, see pidfd_getfd(2). Raises OSError."""
    # Only where supervisor and keeper were killed together; this costs a megabyte.
    import ctypes  # noqa: PLC0415 -- see above

    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copied: int = libc.syscall(_PIDFD_GETFD, pidfd, number, 0)
    finally:
        os.close(pidfd)
    if copied < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    # It is closed on exec already.
    return copied


def hung_up() -> int:
    """Return the read end of a pipe without a writer."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.close(write_end)
    return read_end


def open_anew(end: int) -> int:
    """Reopen a read end, and return a descriptor that never blocks, whatever others do to the first one. Raises OSError."""
    return _open_held(f"/proc/self/fd/{end}", S_IMODE(os.fstat(end).st_mode))


def has_pipe(pid: int, names: tuple[PipeName, ...]) -> bool:
    """Return whether a process has an end of one of these pipes."""
    for path in _holdings([pid]):
        try:
            if _name(os.stat(path)) in names:
                return True
        except OSError:
            continue
    return False


def _name(stat: os.stat_result) -> PipeName:
    return PipeName(stat.st_dev, stat.st_ino)


def _index_of_mode(stat: os.stat_result) -> int | None:
    mode = S_IMODE(stat.st_mode)
    return FORMER_MODES.index(mode) if S_ISFIFO(stat.st_mode) and mode in FORMER_MODES else None


def _holdings(pids: Iterable[int]) -> Iterator[str]:
    """Iterate over all visible descriptors, with any number: a shell moves them for a moment (`echo >&2`, `>> file`)."""
    for pid in pids:
        # A first thread that has ended has no descriptors, while other threads of its process continue.
        folders = (
            [f"/proc/{pid}/fd"] if _list(f"/proc/{pid}/fd") else [f"/proc/{pid}/task/{thread}/fd" for thread in _list(f"/proc/{pid}/task")]
        )
        for folder in folders:
            for number in _list(folder):
                yield f"{folder}/{number}"


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        # It ended, or may not be read.
        return []


def _search(holdings: Iterable[str], which: Callable[[os.stat_result], int | None], count: int) -> tuple[dict[int, int], list[str]]:
    """Open each of `count` pipes once; `which` returns its number. Return the descriptors, and which could not be opened."""
    ends: dict[int, int] = {}
    refusals: list[str] = []
    for path in holdings:
        try:
            index = which(os.stat(path))
        except OSError:
            # Closed meanwhile; or not visible, which is reported for the whole process.
            continue
        if index is None or index in ends:
            continue
        try:
            end = _open(path, which)
        except OSError as error:
            refusals.append(f"{path}: {error.strerror}")
            continue
        if end is not None:
            ends[index] = end
        if len(ends) == count:
            break
    return ends, refusals


def _open(path: str, which: Callable[[os.stat_result], int | None]) -> int | None:
    # Hold it first, because the number may be reused for another file.
    held = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        stat = os.fstat(held)
        return _open_held(f"/proc/self/fd/{held}", S_IMODE(stat.st_mode)) if which(stat) is not None else None
    finally:
        os.close(held)


def _open_held(path: str, mode: int) -> int:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except PermissionError:
        # The job removed the permission to read (`chmod 0 /dev/stdout`). The pipe belongs to this user, so restore it for a moment.
        os.chmod(path, mode | S_IRUSR)
        try:
            return os.open(path, flags)
        finally:
            os.chmod(path, mode)


def _hides(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.alive and not may_look_into(pid)


def _is_read_write(path: str) -> bool:
    # A pipe that the job created itself has separate ends, and must be left alone.
    try:
        with open(path.replace("/fd/", "/fdinfo/")) as file:  # noqa: PTH123 -- as above
            for line in file:
                if line.startswith("flags:"):
                    return int(line.split()[1], 8) & os.O_ACCMODE == os.O_RDWR
    except OSError:
        pass
    return False

"""What /proc tells of processes. Knows no job. The keeper uses it too, and is kept small: it imports next to nothing."""

from __future__ import annotations

import os
import select
import time

# Marks are this large, and the limit that they are is hardly ever.
LEAST_MARK = 1 << 62
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
DEAD = (b"Z", b"X")
LESS_THAN_A_PAGE = 2048


class Stat:
    """A few fields of /proc/PID/stat; see proc_pid_stat(5)."""

    __slots__ = ("parent", "session", "start_ticks", "state", "threads", "wait_status")

    def __init__(self, line: bytes) -> None:
        # The name stands in parentheses and may itself hold any character: only the last one ends it.
        fields = line[line.rindex(b")") + 2 :].split()
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.threads = int(fields[17])
        self.start_ticks = int(fields[19])
        # The kernel says 0 to who may not look: see may_look_into.
        self.wait_status = int(fields[49])

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not.

        A program whose first thread has ended shows as a zombie too. It runs while it has other threads: until the last of them has
        ended its parent cannot reap it, and no pidfd of it is readable.
        """
        return self.state not in DEAD or self.threads > 1


def read_stat(pid: int) -> Stat | None:
    """Look at a process; None if there is none."""
    line = _read(f"/proc/{pid}/stat")
    return Stat(line) if line else None


def may_look_into(pid: int) -> bool:
    """Tell whether the kernel shows us all fields of a process, see PTRACE_MODE_READ in ptrace(2).

    Some it shows as 0 to all others, and to say which process is whose is not enough: it may not be dumpable, or we may lack a capability.
    This link is behind the very same check, of a zombie too.
    """
    try:
        os.readlink(f"/proc/{pid}/ns/user")  # noqa: PTH115 -- pathlib is not light
    except OSError:
        return False
    return True


def cgroup_of(pid: int) -> str:
    """Say the cgroup v2 path of a process, also of a zombie; empty if there is none."""
    for line in _read(f"/proc/{pid}/cgroup").decode(errors="replace").splitlines():
        if line.startswith("0::"):
            return line[3:].removesuffix(" (deleted)")
    return ""


def mark_of(pid: int) -> int:
    """Read the mark that a job's processes bear, also zombies; 0 where there is none. spawn.py tells what it is."""
    for line in _read(f"/proc/{pid}/limits").splitlines():
        if line.startswith(b"Max realtime timeout"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() and int(soft) >= LEAST_MARK else 0
    return 0


def all_pids() -> list[int]:
    """List all processes that we can see."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 -- pathlib is not light


def open_children(pid: int) -> int:
    """Open the list of the children of a process that has one thread; -1 where the kernel has none (CONFIG_PROC_CHILDREN)."""
    try:
        return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def read_children(opened: int) -> list[int]:
    """Read such a list; empty where there is none."""
    if opened < 0:
        return []
    text = b""
    while part := os.pread(opened, 65536, len(text)):
        text += part
        # The kernel writes pages.
        if len(part) < LESS_THAN_A_PAGE:
            break
    return [int(child) for child in text.split()]


def children_of(pid: int) -> list[int]:
    """List the children of a process, of all its threads. One may be missing if its elder was reaped meanwhile; see proc_pid_task(5)."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 -- as above
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def is_there(pid: int) -> bool:
    """Tell whether a process runs, also one that /proc hides from us (its option hidepid)."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = poll.poll(0)
    os.close(pidfd)
    return not ended


def thread_states(pid: int) -> set[bytes]:
    """Read the states of the threads of a process that have not ended."""
    stat = read_stat(pid)
    if stat is None or not stat.alive:
        return set()
    if stat.state not in DEAD:
        return {stat.state}
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 -- as above
    except OSError:
        return set()
    lines = [_read(f"/proc/{pid}/task/{thread}/stat") for thread in threads]
    return {Stat(line).state for line in lines if line} - set(DEAD)


def started_at_us(start_ticks: int) -> int:
    """Say when a process started, UTC, as exact as ticks are; the clock may have been set since."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return int((booted + start_ticks / TICKS_PER_SECOND) * 1_000_000)


def age_seconds(start_ticks: int) -> float:
    """Say for how long a process has been there."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / TICKS_PER_SECOND


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    parts = []
    try:
        while part := os.read(file, 65536):
            parts.append(part)
    except OSError:
        # ESRCH: it ended between open and read.
        return b""
    finally:
        os.close(file)
    return b"".join(parts)


def next_zombie() -> int:
    """Find a child of ours that ended and is not reaped; 0: there is none."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return found.si_pid if found else 0

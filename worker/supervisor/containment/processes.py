"""What /proc says about processes. Knows no job. Imports almost nothing, because the keeper uses it too."""

from __future__ import annotations

import os
import resource
import select
import time

# Marks are at least this large; the resource limit that holds them is practically never set to such a value.
LEAST_MARK = 1 << 62
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
DEAD = (b"Z", b"X")
_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)
LESS_THAN_A_PAGE = 2048


def can_mark() -> bool:
    """Return whether this process can give its children marks: under a hard limit, no value is large enough."""
    return resource.getrlimit(resource.RLIMIT_RTTIME)[1] == resource.RLIM_INFINITY


class Stat:
    """A few fields of /proc/PID/stat; see proc_pid_stat(5)."""

    __slots__ = ("parent", "session", "start_ticks", "state", "threads", "wait_status")

    def __init__(self, line: bytes) -> None:
        # The name is in parentheses and may contain any character, so it ends with the last parenthesis.
        fields = line[line.rindex(b")") + 2 :].split()
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.threads = int(fields[17])
        self.start_ticks = int(fields[19])
        # The kernel shows 0 without permission, see may_look_into.
        self.wait_status = int(fields[49])

    @property
    def alive(self) -> bool:
        """Whether it is running; a zombie is not.

        A process whose first thread has ended is shown as a zombie too. It is running while it has other threads: until the last of them
        has ended, its parent cannot reap it, and no pidfd of it is readable.
        """
        return self.state not in DEAD or self.threads > 1


def read_stat(pid: int) -> Stat | None:
    """Return the state of a process; None if it does not exist."""
    line = _read(f"/proc/{pid}/stat")
    return Stat(line) if line else None


def may_look_into(pid: int) -> bool:
    """Return whether the kernel shows this process all fields of another one, see PTRACE_MODE_READ in ptrace(2).

    Without permission it shows some fields as 0. Ownership alone is not enough: the process may not be dumpable, or this one may lack a
    capability. Reading this link needs the same permission, even for a zombie.
    """
    try:
        os.readlink(f"/proc/{pid}/ns/user")  # noqa: PTH115 -- pathlib is not light
    except OSError:
        return False
    return True


def cgroup_of(pid: int, controller: str = "") -> str:
    """Return the cgroup v2 path of a process or zombie; empty if there is none. With `controller`: that in its v1 hierarchy."""
    # Its path may have any character but a newline, and need not be UTF-8.
    for line in filter(None, _read(f"/proc/{pid}/cgroup").split(b"\n")):
        number, names, path = os.fsdecode(line).split(":", 2)
        if controller in names.split(",") if controller else number == "0":
            return path.removesuffix(" (deleted)")
    return ""


def mark_of(pid: int) -> int:
    """Return the mark of a process or zombie; 0 if it has none. See spawner.py for what a mark is."""
    for line in _read(f"/proc/{pid}/limits").splitlines():
        if line.startswith(b"Max realtime timeout"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() and int(soft) >= LEAST_MARK else 0
    return 0


def read_moved(pid: int) -> tuple[int, int] | None:
    """Return the bytes read from and written to disks; None if not permitted, see proc_pid_io(5).

    Includes the children that the process waited for.
    """
    try:
        io = os.open(f"/proc/{pid}/io", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        _, found, moved = os.read(io, LESS_THAN_A_PAGE).partition(b"\nread_bytes: ")
    except OSError:
        return None
    finally:
        os.close(io)
    if not found:
        return None
    # The names in between are `write_bytes:` and `cancelled_write_bytes:`.
    read_bytes, _, write_bytes, _, cancelled = moved.split()
    return int(read_bytes), max(0, int(write_bytes) - int(cancelled))


def all_pids() -> list[int]:
    """Return all visible processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 -- pathlib is not light


def open_children(pid: int) -> int:
    """Return a descriptor of the list of children of a process with one thread; -1 if the kernel has none (CONFIG_PROC_CHILDREN)."""
    try:
        return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def read_children(opened: int) -> list[int]:
    """Return the children in such a list; empty if there is no list."""
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
    """Return the children of all threads of a process. One may be missing if another was reaped meanwhile; see proc_pid_task(5)."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 -- as above
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def is_there(pid: int) -> bool:
    """Return whether a process is running, even one that /proc hides (mount option hidepid)."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        return not is_over(pidfd)
    finally:
        os.close(pidfd)


def is_over(pidfd: int) -> bool:
    """Return whether the process of a pidfd has ended; a zombie has."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def thread_states(pid: int) -> set[bytes]:
    """Return the states of the threads of a process that have not ended."""
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


def has_pending(pid: int, number: int) -> bool:
    """Return whether a signal is pending for a process, see proc_pid_status(5)."""
    # The name of the process is in there too, which may have any character but a newline.
    lines = _read(f"/proc/{pid}/status").split(b"\n")
    return any(int(line.split()[1], 16) >> number - 1 & 1 for line in lines if line.startswith((b"SigPnd:", b"ShdPnd:")))


def started_at_us(start_ticks: int) -> int:
    """Return the start time of a process in UTC, with the precision of ticks; wrong if the clock was set since."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return int((booted + start_ticks / TICKS_PER_SECOND) * 1_000_000)


def age_seconds(start_ticks: int) -> float:
    """Return the age of a process."""
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
    """Return a child of this process that has ended and is not reaped; 0 if there is none."""
    try:
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_code in _ENDS:
                return found.si_pid
            # It called PTRACE_TRACEME, see ptrace(2): the kernel reports its stops too, although only ends were asked for. The stop is
            # taken, so that the next child is looked at; without WEXITED, its end cannot be taken with it.
            os.waitid(os.P_PID, found.si_pid, os.WSTOPPED | os.WNOHANG)
    except ChildProcessError:
        return 0
    return 0


def has_ended(child: int) -> bool:
    """Return whether a child of this process has ended, without reaping it. Raises ChildProcessError if it is not a child."""
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None and found.si_code in _ENDS

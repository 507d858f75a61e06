"""The cgroups (version 2) of jobs: one write kills all processes in one, see cgroups(7). union.py adds processes outside of the cgroup.

Cgroups are pooled: creating, opening and removing one for each job would be the most expensive part of a start. Below the cgroup of this
process there is one for the state folder, and in that one for each running job.
"""

# pathlib is not light.
# ruff: noqa: PTH102, PTH106, PTH116, PTH208
from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
from collections.abc import Callable

from ...keeper.light_process import say
from ..loop import Loop
from .cgroup_tree import JOB_PREFIX, Tree, below, find_tree, job_name, leave_for, read_cpu_us, remove_tree
from .containment import all_stopped, signal_members, signal_until_none_is_new
from .leftovers import Hold, remove_leftovers

_MOST_KEPT = 64
# A folder without folders in it.
_LINKS_OF_A_FOLDER = 2


class Cgroup:
    """The cgroup of one job."""

    def __init__(self, pool: Cgroups, path: str, *, own: str = "", used_us: int | None = 0) -> None:
        """`own`: the handle of the only job that may use it. `used_us`: the CPU time that was used in it before; None: not known."""
        self._pool = pool
        self._own = own
        self._disturbed = bool(own)
        self._used_before_us = used_us
        self._used_us = used_us
        self.path = path
        self._open()

    def _open(self) -> None:
        self._procs = os.open(f"{self.path}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._events = os.open(f"{self.path}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._procs)
            raise

    def enter(self) -> None:
        """Move this process into it, so that its children start there. Raises OSError that names the cgroup."""
        try:
            self._demand_thawed()
        except OSError as error:
            raise _in_words(self.path, error) from None
        try:
            os.write(self._procs, b"0")
        except OSError:
            self._make_again()

    def _demand_thawed(self) -> None:
        """Refuse to enter while the cgroup or one above it is frozen: this process would be frozen too, and no job would be watched."""
        try:
            frozen = b"frozen 1" in os.pread(self._events, 256, 0)
        except OSError:
            # It was removed.
            return
        if frozen:
            raise OSError(errno.EBUSY, "it is frozen, or one above it is; write 0 to the cgroup.freeze there")

    def _make_again(self) -> None:
        """Create it again if it was removed while it was in the pool. If its name is in use now, take another one."""
        # It must not return to the pool unless all of this succeeds.
        self._disturbed = True
        self.path = self._pool.make_folder(self._own)
        self._used_before_us = self._used_us = 0
        try:
            former = self._procs, self._events
            self._open()
            for fd in former:
                os.close(fd)
            self._demand_thawed()
            os.write(self._procs, b"0")
        except OSError as error:
            raise _in_words(self.path, error) from error
        self._disturbed = bool(self._own)

    def leave(self) -> None:
        """Move this process back to its own cgroup."""
        self._pool.go_home()

    def pids(self) -> list[int]:
        """Return the processes, including those in cgroups that the job created below."""
        found = self._read_pids(None, self.path)
        with contextlib.suppress(OSError):
            # The job may remove them meanwhile.
            for above, name in below(self.path):
                found += self._read_pids(above, name)
        return found

    @staticmethod
    def _read_pids(above: int | None, folder: str) -> list[int]:
        try:
            with open(os.open(f"{folder}/cgroup.procs", os.O_RDONLY | os.O_CLOEXEC, dir_fd=above)) as file:  # noqa: PTH123 -- as above
                return [int(line) for line in file]
        except OSError:
            # It was removed, or it is a threaded one, whose processes its parent lists.
            return []

    def is_empty(self) -> bool:
        """Return whether no process is running; a zombie does not count."""
        try:
            return b"populated 0" in os.pread(self._events, 256, 0)
        except OSError:
            # ENODEV: it was removed, perhaps by this process after an earlier supervisor died; only an empty one can be. It must not return
            # to the pool.
            self._disturbed = True
            return True

    def has(self, pid: int) -> bool:
        """Return whether a process is in it or below it."""
        return f"{self._pool.tree.folder_of(pid)}/".startswith(f"{self.path}/")

    def disturb(self) -> None:
        """Note that it was changed so that it must not return to the pool."""
        self._disturbed = True

    def _send(self, number: int) -> set[int]:
        self.disturb()
        return signal_members(self.pids(), number, self.has)

    def kill(self) -> None:
        """Send SIGKILL to every process, including those that are being forked."""
        self._disturbed = True
        try:
            with open(f"{self.path}/cgroup.kill", "w") as file:  # noqa: PTH123 -- as above
                file.write("1")
        except FileNotFoundError:
            # Before Linux 5.14.
            signal_until_none_is_new(self.pids, lambda: self._send(signal.SIGKILL))

    def freeze(self) -> None:
        """Freeze every process, as soon as it leaves the kernel, until `thaw`."""
        if not self._write_freeze("1"):
            signal_until_none_is_new(self.pids, lambda: self._send(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process continue."""
        if not self._write_freeze("0"):
            self._send(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Return whether all processes are frozen, by the kernel's state: anybody may have frozen them."""
        try:
            with open(f"{self.path}/cgroup.freeze") as file:  # noqa: PTH123 -- as above
                return file.read().strip() == "1"
        except FileNotFoundError:
            return all_stopped(self.pids())

    def _write_freeze(self, value: str) -> bool:
        self._disturbed = True
        try:
            with open(f"{self.path}/cgroup.freeze", "w") as file:  # noqa: PTH123 -- as above
                file.write(value)
        except FileNotFoundError:
            # Before Linux 5.2.
            return False
        return True

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when no process is running any more; perhaps immediately."""

        def look(_events: int) -> None:
            if self.is_empty():
                loop.unwatch(self._events)
                callback()

        # The kernel reports EPOLLPRI when the file has changed since it was last read through this descriptor.
        loop.watch(self._events, select.EPOLLPRI, look)
        look(0)

    def cpu_us(self) -> int:
        """Return the CPU time in microseconds of all processes of the job, including ended ones; 0: not known."""
        if self._used_before_us is None:
            return 0
        self._used_us = read_cpu_us(self.path)
        # The kernel's sum was seen to be smaller than before; then it tells nothing.
        return 0 if self._used_us is None else max(0, self._used_us - self._used_before_us)

    def release(self) -> None:
        """Return it to the pool; no process may be running in it."""
        # It may be frozen, by this process or by the job, which then left it or was killed. This process would freeze when it enters it.
        if self._disturbed or self._is_changed() or not self._pool.keep(self):
            self.remove()
            return
        # That of a job that could not be started was not read.
        self._used_before_us = read_cpu_us(self.path) if self._used_us == self._used_before_us else self._used_us
        self._used_us = self._used_before_us

    def _is_changed(self) -> bool:
        """Return whether the job left it frozen, or left cgroups of its own below."""
        try:
            return b"frozen 1" in os.pread(self._events, 256, 0) or os.stat(self.path).st_nlink > _LINKS_OF_A_FOLDER
        except OSError:
            return True

    def remove(self) -> None:
        """Remove it, with cgroups that the job created below."""
        os.close(self._procs)
        os.close(self._events)
        remove_tree(self.path)


class Cgroups:
    """The pool of cgroups for one state folder."""

    def __init__(self, tree: Tree, name: str) -> None:
        self.tree = tree
        self._name = name
        home = tree.folder_of(os.getpid())
        self._above = tree.above(os.getpid())
        self._base = f"{self._above}/{name}"
        self._hold = Hold(self._base)
        self._hold.take()
        self._home = os.open(f"{home}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        self._free: list[Cgroup] = []
        numbers = (one.removeprefix(JOB_PREFIX) for one in self._names())
        self._next = max((int(number) for number in numbers if number.isdigit()), default=0) + 1

    def take(self) -> Cgroup:
        """Return one for a job that is about to be spawned."""
        return self._free.pop() if self._free else self.make()

    def of_process(self, pid: int) -> Cgroup | None:
        """Return the cgroup that a process of the job runs in; None if it is not one of this state folder."""
        # The state folder's cgroup may have been elsewhere, if another service started the job.
        above, base, below = self.tree.folder_of(pid).partition(f"/{self._name}/")
        name = below.partition("/")[0]
        own = name.removeprefix(JOB_PREFIX)
        # What was used in one of the pool before is not known any more.
        is_of_pool = own.isdigit()
        try:
            path = f"{above}{base}{name}"
            return Cgroup(self, path, own="" if is_of_pool else own, used_us=None if is_of_pool else 0) if base else None
        except OSError:
            return None

    def keep(self, box: Cgroup) -> bool:
        """Keep an empty cgroup for a later job; return False if there are enough, or if it is elsewhere in the tree."""
        if len(self._free) >= _MOST_KEPT or not box.path.startswith(f"{self._base}/"):
            return False
        self._free.append(box)
        return True

    def go_home(self) -> None:
        """Move this process back to the cgroup in which it was started."""
        leave_for(self._home)

    def remove_empty(self) -> None:
        """Remove cgroups that an earlier supervisor left behind, of this state folder and of others."""
        if self._hold.is_only():
            self._remove_own()
        remove_leftovers(self._above, self._name)

    def _remove_own(self) -> None:
        kept = {box.path for box in self._free}
        for path in (f"{self._base}/{name}" for name in self._names()):
            if path not in kept:
                try:
                    os.rmdir(path)
                except OSError:
                    # A job is running in it.
                    continue

    def close(self) -> None:
        """Remove all cgroups that are empty."""
        for box in self._free:
            box.remove()
        self._free = []
        if self._hold.release():
            self._remove_own()
            remove_tree(self._base)

    def make(self, own: str = "") -> Cgroup:
        """Return a new one, named after `own`, the handle of the only job that may use it. Raises OSError that names it."""
        path = self.make_folder(own)
        try:
            return Cgroup(self, path, own=own)
        except OSError as error:
            raise _in_words(path, error) from error

    def make_folder(self, own: str = "") -> str:
        """Create the folder of a new one. Raises OSError that names it."""
        while True:
            path = f"{self._base}/{job_name(own or str(self._next))}"
            self._next += not own
            try:
                # Somebody may have removed the one above it.
                self._hold.take()
                os.mkdir(path)
            except OSError as error:
                if not isinstance(error, FileExistsError):
                    raise _in_words(path, error) from error
                # One without a handle is somebody else's.
                if not own:
                    continue
            return path

    def _names(self) -> list[str]:
        try:
            return [one for one in os.listdir(self._base) if one.startswith(JOB_PREFIX)]
        except FileNotFoundError:
            # Somebody removed it; it is created again with the next one in it.
            return []


def open_cgroups(name: str) -> Cgroups | None:
    """Return a pool if this process can create cgroups and move itself into one; else None, after a line in the log."""
    tree = find_tree()
    if tree is None:
        say("there is no cgroup v2: jobs are contained by session, mark and descent")
        return None
    try:
        pool = Cgroups(tree, name)
        box = pool.take()
        try:
            box.enter()
        finally:
            pool.go_home()
    except OSError as error:
        say(f"cgroups cannot be used ({error}): jobs are contained by session, mark and descent")
        return None
    box.release()
    return pool


def _in_words(path: str, error: OSError) -> OSError:
    return OSError(error.errno, f"its cgroup {path} cannot be used: {error.strerror}")

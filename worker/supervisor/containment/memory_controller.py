"""The memory of all processes of a job together, limited and measured by the memory controller of cgroups.

With cgroup v2 it belongs to the cgroup that is the job's box, with v1 to another one in a hierarchy of its own, which the job enters in the
same way. Only jobs with a limit have such a cgroup. It is new for each job: memory used by an earlier job would still be counted, and only
the newest kernels can reset the peak.

The limit is set when this process has left the cgroup again: otherwise it would apply to this process too.
"""

# pathlib is not light.
# ruff: noqa: PTH103, PTH106, PTH123
from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from contextlib import suppress

from ...keeper.light_process import say
from ..loop import Loop
from .cgroup_tree import CONTROLLED, Tree, find_tree, job_name, leave_for, remove_unused
from .leftovers import Hold, remove_leftovers
from .memory import Group, Memory, NoMemory

# Of memory that a process is given at a time, if not as a huge page.
_LARGEST_CHARGE = 1 << 20
_SUBTREE = "cgroup.subtree_control"


class _UnifiedGroup:
    """With version 2: the cgroup of the job's box."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._events = os.open(f"{path}/memory.events", os.O_RDONLY | os.O_CLOEXEC)

    def enter(self) -> None:
        """Do nothing: the box is entered."""

    def leave(self) -> None:
        """Do nothing."""

    def limit(self, limit_bytes: int) -> None:
        """Set the limit, after `leave`. Raises OSError that names the cgroup."""
        _write(f"{self._path}/memory.oom.group", "1", may_be_missing=True)
        _write(f"{self._path}/memory.swap.max", "0", may_be_missing=True)
        _write(f"{self._path}/memory.max", str(limit_bytes))

    def await_excess(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back when the job needed more than its limit; possibly several times, possibly at once."""

        def look(_events: int) -> None:
            if self.is_exceeded():
                callback()

        # As for cgroup.events: reported when it has changed since it was last read through this descriptor.
        loop.watch(self._events, select.EPOLLPRI, look)
        look(0)

    def is_exceeded(self) -> bool:
        """Return whether the job needed more than its limit, so that the kernel had to kill."""
        try:
            counts = _counts(os.pread(self._events, 1024, 0))
        except OSError:
            # It was removed.
            return False
        # `oom`: this very limit was reached. A kill alone may be for the limit of a cgroup above, or of the machine.
        return counts.get(b"oom", 0) > 0 and counts.get(b"oom_kill", 0) > 0

    def peak_bytes(self) -> int:
        """Return the peak memory use; 0: this kernel does not report it."""
        return _read_number(f"{self._path}/memory.peak")

    def release(self, loop: Loop) -> None:
        """Stop watching it, and remove it if no process is in it."""
        loop.unwatch(self._events)
        os.close(self._events)


class UnifiedMemory:
    """With cgroup v2, in cgroups below `base`, where `make` expects them to exist."""

    why_not = ""

    def __init__(self, base: str) -> None:
        self._base = base
        self._is_enabled = False

    def make(self, handle: str) -> Group:
        """Return a new group for a job that is about to be spawned. Raises OSError that names the cgroup."""
        if not self._is_enabled:
            _write(f"{self._base}/{_SUBTREE}", "+memory")
            self._is_enabled = True
        return self._group(handle)

    def find(self, handle: str) -> Group | None:
        """Return the group of a job that an earlier supervisor started; None if there is none."""
        try:
            return self._group(handle)
        except OSError:
            return None

    def _group(self, handle: str) -> Group:
        path = f"{self._base}/{job_name(handle)}"
        try:
            return _UnifiedGroup(path)
        except OSError as error:
            raise _in_words(path, error) from error

    def remove_empty(self) -> None:
        """Do nothing: they are removed with the boxes."""

    def close(self) -> None:
        """Do nothing."""


class _FormerGroup:
    """With cgroup v1: a cgroup in the hierarchy of the memory controller."""

    def __init__(self, path: str, home: int) -> None:
        self._path = path
        self._home = home
        self._excess = -1
        self._is_born_above = False

    def enter(self) -> None:
        """Move this process into it, so that its children start there."""
        _write(f"{self._path}/cgroup.procs", "0")

    def leave(self) -> None:
        """Move this process back."""
        leave_for(self._home)

    def limit(self, limit_bytes: int) -> None:
        """Set the limit, after `leave`. Raises OSError that names the cgroup."""
        try:
            _write(f"{self._path}/memory.limit_in_bytes", str(limit_bytes))
            # Memory and swap together. Missing if the kernel does not account for swap.
            _write(f"{self._path}/memory.memsw.limit_in_bytes", str(limit_bytes), may_be_missing=True)
        except OSError as error:
            # It uses more already, and the kernel found nothing that it could take away.
            if error.errno != errno.EBUSY:
                raise
            self._is_born_above = True

    def await_excess(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back when the job needed more than its limit; possibly several times, possibly at once."""
        # See Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control".
        self._excess = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        control = os.open(f"{self._path}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _write(f"{self._path}/cgroup.event_control", f"{self._excess} {control}")
        except OSError as error:
            # Then it is noticed only at the end of the job.
            say(f"{self._path} does not report when its limit is reached: {error.strerror}")
        finally:
            os.close(control)

        def look(_events: int) -> None:
            with suppress(BlockingIOError):
                os.eventfd_read(self._excess)
            if self._was_reached():
                callback()

        loop.watch(self._excess, select.EPOLLIN, look)
        if self.is_exceeded():
            callback()

    def is_exceeded(self) -> bool:
        """Return whether the job needed more than its limit, so that the kernel had to kill."""
        killed = _counts(_read(f"{self._path}/memory.oom_control")).get(b"oom_kill", 0)
        return self._is_born_above or (killed > 0 and self._was_reached())

    def _was_reached(self) -> bool:
        """Return whether this limit was reached, rather than that of a cgroup above."""
        # Not failcnt, which newer kernels do not count. What did not fit was a few pages.
        return self.peak_bytes() >= _read_number(f"{self._path}/memory.limit_in_bytes") - _LARGEST_CHARGE

    def peak_bytes(self) -> int:
        """Return the peak memory use; 0: this kernel does not report it."""
        return _read_number(f"{self._path}/memory.max_usage_in_bytes")

    def release(self, loop: Loop) -> None:
        """Stop watching it, and remove it if no process is in it."""
        if self._excess >= 0:
            loop.unwatch(self._excess)
            os.close(self._excess)
            self._excess = -1
        try:
            os.rmdir(self._path)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.EBUSY}:
                say(f"the cgroup {self._path} cannot be removed: {error.strerror}")


class FormerMemory:
    """With version 1, in cgroups below one for the state folder, which is created with the first."""

    why_not = ""

    def __init__(self, tree: Tree, name: str) -> None:
        self._name = name
        self._above = tree.folder_of(os.getpid())
        self._base = f"{self._above}/{name}"
        self._hold = Hold(self._base)
        self._home = os.open(f"{self._above}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)

    def make(self, handle: str) -> Group:
        """Return a new group for a job that is about to be spawned. Raises OSError that names the cgroup."""
        path = f"{self._base}/{job_name(handle)}"
        try:
            self._hold.take()
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise _in_words(path, error) from error
        return _FormerGroup(path, self._home)

    def find(self, handle: str) -> Group | None:
        """Return the group of a job that an earlier supervisor started; None if there is none."""
        path = f"{self._base}/{job_name(handle)}"
        return _FormerGroup(path, self._home) if os.path.isdir(path) else None  # noqa: PTH112 -- as above

    def remove_empty(self) -> None:
        """Remove groups that an earlier supervisor left behind."""
        self.close()
        remove_leftovers(self._above, self._name)

    def close(self) -> None:
        """Remove everything that is not in use."""
        if not self._hold.release():
            return
        # A job may be running in one of them.
        remove_unused(self._base)


def open_memory(name: str, boxes: Tree | None) -> Memory:
    """Return a source of groups for a state folder. `boxes`: where cgroups of version 2 can be used; None: nowhere."""
    former = find_tree("memory")
    if former is not None:
        folder = former.folder_of(os.getpid())
        try:
            return FormerMemory(former, name) if os.access(folder, os.W_OK) else NoMemory(f"{folder} is not writable for this user")
        except OSError as error:
            return NoMemory(f"{folder} cannot be used: {error.strerror}")
    if boxes is None:
        return NoMemory("there is no cgroup that the worker may write to")
    above = boxes.above(os.getpid())
    if "memory" not in _words(f"{above}/{CONTROLLED}"):
        return NoMemory(f"the cgroup {above or '/'} has no memory controller")
    if "memory" not in _words(f"{above}/{_SUBTREE}"):
        try:
            _write(f"{above}/{_SUBTREE}", "+memory")
        except OSError as error:
            why = "the worker itself is in it" if error.errno == errno.EBUSY else error.strerror
            return NoMemory(f"the cgroup {above or '/'} does not enable its memory controller for others: {why}")
    return UnifiedMemory(f"{above}/{name}")


def _write(path: str, text: str, *, may_be_missing: bool = False) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    except FileNotFoundError as error:
        if not may_be_missing:
            raise _in_words(path, error) from error
    except OSError as error:
        raise _in_words(path, error) from error


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _read_number(path: str) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _counts(text: bytes) -> dict[bytes, int]:
    return {name: int(count) for name, _, count in (line.partition(b" ") for line in text.split(b"\n")) if count.isdigit()}


def _words(path: str) -> list[str]:
    return _read(path).decode().split()


def _in_words(path: str, error: OSError) -> OSError:
    return OSError(error.errno, f"the limit on its memory cannot be set, {path}: {error.strerror}")

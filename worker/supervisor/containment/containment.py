"""Contain the processes of a job, so that all of them can be signalled and killed, and their end can be seen.

A `Box` contains one job. A process belongs to it by its session, its mark or its descent (sessions.py); with cgroups (union.py) also by
the job's cgroup (cgroups.py).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

from ....schemas.private_parts.light_typing import Protocol
from ..loop import Loop
from .processes import has_pending, is_there, thread_states
from .sending import send

_MOST_ROUNDS = 1000
# Stopped by a signal or by a tracer. A parent in vfork(2) sleeps (D) until its child continues.
_STOPPED = {b"T", b"t"}
_STANDING = {*_STOPPED, b"D"}


class Place(Protocol):
    """What a process can be spawned in."""

    def enter(self) -> None:
        """Move this process into it, so that its children start there."""

    def leave(self) -> None:
        """Move this process back."""


class Box(Place, Protocol):
    """What contains the processes of one job."""

    def lead(self, pid: int) -> None:
        """Set the leader of the job."""

    def pids(self) -> list[int]:
        """Return the processes that are running."""

    def is_empty(self) -> bool:
        """Return whether no process is running, once the job's leader has ended; a zombie does not count."""

    def send(self, number: int) -> set[int]:
        """Send a signal to every process. Return those that this process may not signal, because they belong to another user."""

    def beyond(self, refused: set[int]) -> set[int]:
        """Return those of `refused` that `kill` cannot reach either."""

    def kill(self) -> None:
        """Send SIGKILL to every process, including those that are being forked."""

    def freeze(self) -> set[int]:
        """Freeze every process, as soon as it leaves the kernel, until `thaw`. Return those that cannot be frozen."""

    def thaw(self) -> None:
        """Let every process continue."""

    def is_frozen(self) -> bool:
        """Return whether all processes are frozen, by the kernel's state: anybody may have frozen them."""

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when no process is running any more; perhaps immediately."""

    def cpu_us(self) -> int:
        """Return the CPU time in microseconds of all its processes, including ended ones; 0: not known."""

    def release(self) -> None:
        """Release the box; no process may be running in it."""


class Boxes(Protocol):
    """A source of boxes."""

    @property
    def cgroups(self) -> bool:
        """Whether boxes are cgroups."""

    def take(self, mark: int, own: str = "") -> Box:
        """Return a box for a job that is about to be spawned; `own`: its handle, if it needs a box that no other job has used."""

    def of_process(self, pid: int, mark: int, leader: int) -> Box | None:
        """Return the box that a process of the job runs in; None if there is none. `leader` is a process that others descend from."""

    def remove_empty(self) -> None:
        """Remove what an earlier supervisor left behind."""

    def close(self) -> None:
        """Remove everything that is not in use."""


class NoBox:
    """A box without processes, for a job whose processes have all ended."""

    def enter(self) -> None:
        """Do nothing: no more processes are spawned."""

    def leave(self) -> None:
        """Do nothing."""

    def lead(self, pid: int) -> None:
        """Do nothing."""

    def pids(self) -> list[int]:
        """Return an empty list."""
        return []

    def is_empty(self) -> bool:
        """Return True."""
        return True

    def send(self, number: int) -> set[int]:
        """Return an empty set: there is no process to signal."""
        del number
        return set()

    def beyond(self, refused: set[int]) -> set[int]:
        """Do nothing."""
        return refused

    def kill(self) -> None:
        """Do nothing."""

    def freeze(self) -> set[int]:
        """Do nothing."""
        return set()

    def thaw(self) -> None:
        """Do nothing."""

    def is_frozen(self) -> bool:
        """Return False."""
        return False

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back immediately."""
        del loop
        callback()

    def cpu_us(self) -> int:
        """Return 0: it is not known."""
        return 0

    def release(self) -> None:
        """Do nothing."""


def signal_until_none_is_new(pids: Callable[[], list[int]], send: Callable[[], set[int]]) -> set[int]:
    """Send SIGKILL or SIGSTOP to all processes, repeated until there are no new ones: after either signal, a process cannot fork.

    Return those that this process may not signal.
    """
    reached: set[int] = set()
    refused: set[int] = set()
    for _ in range(_MOST_ROUNDS):
        new = set(pids()) - reached
        if not new:
            break
        refused = send()
        reached |= new
    return refused


def all_stopped(pids: Iterable[int]) -> bool:
    """Return whether there are processes, and all of them were stopped by a signal, or will be before their next instruction."""
    states: set[bytes] = set().union(*(_states_soon(pid) for pid in pids))
    return bool(states & _STOPPED) and states <= _STANDING


def _states_soon(pid: int) -> set[bytes]:
    """Return the states of the threads of a process; one that only waits for a processor to handle its SIGSTOP counts as stopped."""
    states = thread_states(pid)
    if states <= _STANDING:
        return states
    # It may take it between the two looks.
    return _STOPPED if has_pending(pid, signal.SIGSTOP) else thread_states(pid)


def signal_members(pids: Iterable[int], number: int, is_member: Callable[[int], bool]) -> set[int]:
    """Send a signal to processes, but never to another process with a reused pid. Return those that this process cannot signal.

    An open pidfd always refers to the same process, so `is_member` is called after opening it.
    """
    refused: set[int] = set()
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if is_member(pid):
                send(pid, pidfd, number)
        except ProcessLookupError:
            # It ended meanwhile.
            continue
        except OSError:
            if is_there(pid):
                refused.add(pid)
        finally:
            os.close(pidfd)
    return refused

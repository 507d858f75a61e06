"""Holds the processes of a job together, so that all of them can be signalled, killed, and seen to be gone.

A `Box` holds one job. To it belongs whatever one of these says: session, mark or descent (sessions.py), and with cgroups (union.py) also
the job's cgroup (cgroups.py).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from ..loop import Loop
from .processes import is_there, thread_states

_MOST_ROUNDS = 1000
# Stopped by a signal, or by a tracer. A parent within vfork(2) sleeps (D) until its child goes on.
_STOPPED = {b"T", b"t"}
_STANDING = {*_STOPPED, b"D"}


class Box(Protocol):
    """What holds the processes of one job."""

    def enter(self) -> None:
        """Move this process in, so that what it spawns is in from its first instruction on."""
        ...

    def leave(self) -> None:
        """Move this process back."""
        ...

    def lead(self, pid: int) -> None:
        """Say which process leads."""
        ...

    def pids(self) -> list[int]:
        """List what still runs."""
        ...

    def is_empty(self) -> bool:
        """Tell, once the job's leader has ended, whether nothing runs any more; a zombie does not run."""
        ...

    def send(self, number: int) -> set[int]:
        """Send a signal to every process. Gives those that the kernel does not let us signal: they belong to another user."""
        ...

    def beyond(self, refused: set[int]) -> set[int]:
        """Choose of these those that SIGKILL does not reach either."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to every process, also to those being forked just now."""
        ...

    def freeze(self) -> set[int]:
        """Let every process stand still, as soon as each leaves the kernel, until `thaw`; gives those that we cannot stop."""
        ...

    def thaw(self) -> None:
        """Let every process go on."""
        ...

    def is_frozen(self) -> bool:
        """Tell whether all stand still; the kernel knows, whoever asked for it."""
        ...

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when nothing runs any more; perhaps at once."""
        ...

    def release(self) -> None:
        """Let go of it; nothing runs in it any more."""
        ...


class Boxes(Protocol):
    """Where boxes come from."""

    @property
    def cgroups(self) -> bool:
        """Whether boxes are cgroups."""
        ...

    def take(self, mark: int) -> Box:
        """Get a box for a job that is about to be spawned."""
        ...

    def of_process(self, pid: int, mark: int, leader: int) -> Box | None:
        """Get the box again that a process of the job runs in; None if it is in none of these. `leader` is one that others descend from."""
        ...

    def remove_empty(self) -> None:
        """Remove what another supervisor left behind."""
        ...

    def close(self) -> None:
        """Leave nothing behind."""
        ...


class NoBox:
    """What is left of a box in which nothing runs any more."""

    def enter(self) -> None:
        """Nothing is spawned any more."""

    def leave(self) -> None:
        """As above."""

    def lead(self, pid: int) -> None:
        """As above."""

    def pids(self) -> list[int]:
        """List nothing."""
        return []

    def is_empty(self) -> bool:
        """Tell that nothing runs any more."""
        return True

    def send(self, number: int) -> set[int]:
        """Nobody is there to get it."""
        del number
        return set()

    def beyond(self, refused: set[int]) -> set[int]:
        """As above."""
        return refused

    def kill(self) -> None:
        """As above."""

    def freeze(self) -> set[int]:
        """As above."""
        return set()

    def thaw(self) -> None:
        """As above."""

    def is_frozen(self) -> bool:
        """Tell that nothing stands still."""
        return False

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back at once."""
        del loop
        callback()

    def release(self) -> None:
        """Nothing to let go of."""


def signal_until_none_is_new(pids: Callable[[], list[int]], send: Callable[[], set[int]]) -> set[int]:
    """Send SIGKILL or SIGSTOP to all processes, and again until no new ones appear: who has got one of these forks no more.

    Gives those that we may not signal.
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
    """Tell whether there are processes, and all of them were stopped by a signal."""
    states: set[bytes] = set().union(*(thread_states(pid) for pid in pids))
    return bool(states & _STOPPED) and states <= _STANDING


def signal_members(pids: Iterable[int], number: int, is_member: Callable[[int], bool]) -> set[int]:
    """Send a signal to processes, but never to a stranger under a reused pid; gives those that we may not signal.

    Once the pidfd is open it means one process for ever; only then it is asked whether that is a member.
    """
    refused: set[int] = set()
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if is_member(pid):
                signal.pidfd_send_signal(pidfd, number)
        except PermissionError:
            if is_there(pid):
                refused.add(pid)
        except OSError:
            # It ended meanwhile.
            continue
        finally:
            os.close(pidfd)
    return refused

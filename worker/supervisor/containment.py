"""Holds the processes of a job together, so that all of them can be signalled, killed, and seen to be gone.

A `Box` holds one job. With cgroups (cgroups.py) nothing leaves it; without (sessions.py) as far as session and mark reach.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from .loop import Loop
from .processes import read_stat

_MOST_ROUNDS = 1000
_STOPPED = b"T"


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
        """Tell whether nothing runs any more; a zombie does not run."""
        ...

    def send(self, number: int) -> None:
        """Send a signal to every process."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to every process, also to those being forked just now."""
        ...

    def freeze(self) -> None:
        """Let every process stand still, as soon as each leaves the kernel, until `thaw`."""
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

    def of_process(self, pid: int, mark: int) -> Box | None:
        """Get the box again that a process of the job runs in; None if it is in none of these."""
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

    def send(self, number: int) -> None:
        """Nobody is there to get it."""

    def kill(self) -> None:
        """As above."""

    def freeze(self) -> None:
        """As above."""

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


def signal_until_none_is_new(pids: Callable[[], list[int]], send: Callable[[], None]) -> None:
    """Send SIGKILL or SIGSTOP to all processes, and again until no new ones appear: who has got one of these forks no more."""
    reached: set[int] = set()
    for _ in range(_MOST_ROUNDS):
        new = set(pids()) - reached
        if not new:
            return
        send()
        reached |= new


def all_stopped(pids: Iterable[int]) -> bool:
    """Tell whether there are processes, and all of them were stopped by a signal."""
    states = {stat.state for pid in pids if (stat := read_stat(pid)) is not None and stat.alive}
    return states == {_STOPPED}


def signal_members(pids: Iterable[int], number: int, is_member: Callable[[int], bool]) -> None:
    """Send a signal to processes, but never to a stranger under a reused pid.

    Once the pidfd is open it means one process for ever; only then it is asked whether that is a member.
    """
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if is_member(pid):
                signal.pidfd_send_signal(pidfd, number)
        except OSError:
            # It ended meanwhile, or is another user's.
            continue
        finally:
            os.close(pidfd)

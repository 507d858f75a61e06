"""The memory of a job: the interface to what limits and measures it. memory_controller.py does, where the kernel supports it."""

from __future__ import annotations

from collections.abc import Callable

from ....schemas.private_parts.light_typing import Protocol
from ..loop import Loop
from .containment import Place


class Group(Protocol):
    """The memory of one job."""

    def enter(self) -> None:
        """Move this process into it, so that its children start there. Raises OSError that names the cgroup."""

    def leave(self) -> None:
        """Move this process back."""

    def limit(self, limit_bytes: int) -> None:
        """Set the limit, after `leave`. Raises OSError that names the cgroup."""

    def await_excess(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back when the job needed more than its limit; possibly several times, possibly at once."""

    def is_exceeded(self) -> bool:
        """Return whether the job needed more than its limit, so that the kernel had to kill."""

    def peak_bytes(self) -> int:
        """Return the peak memory use; 0: this kernel does not report it."""

    def release(self, loop: Loop) -> None:
        """Stop watching it, and remove it if no process is in it."""


class Memory(Protocol):
    """A source of groups. `why_not`: why it has none, in words; empty if it has."""

    why_not: str

    def make(self, handle: str) -> Group | None:
        """Return a new group for a job that is about to be spawned; None if there are none. Raises OSError that names the cgroup."""

    def find(self, handle: str) -> Group | None:
        """Return the group of a job that an earlier supervisor started; None if there is none."""

    def remove_empty(self) -> None:
        """Remove groups that an earlier supervisor left behind."""

    def close(self) -> None:
        """Remove everything that is not in use."""


class Joined:
    """A box and its memory group, entered together to spawn a process."""

    def __init__(self, box: Place, group: Group) -> None:
        self._box = box
        self._group = group

    def enter(self) -> None:
        """Move this process into both."""
        self._box.enter()
        try:
            self._group.enter()
        except OSError:
            self._box.leave()
            raise

    def leave(self) -> None:
        """Move this process back."""
        self._group.leave()
        self._box.leave()


class NoMemory:
    """No limits on memory."""

    def __init__(self, why_not: str) -> None:
        self.why_not = why_not

    def make(self, handle: str) -> None:
        """Return None."""

    def find(self, handle: str) -> None:
        """Return None."""

    def remove_empty(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


NO_MEMORY = NoMemory("memory limits are switched off")

"""Facts of starts, held back for a moment: if the job ends meanwhile, only the fact of its end is sent, which says the same.

So a short job costs the worker one message, one decision and one commit instead of two, and its end does not wait for the commit of its
start. Knows no line: facts are passed to `send`.
"""

from __future__ import annotations

from collections.abc import Callable

from .loop import Loop

# Where starts come one by one, somebody may wait for this one. Where there are many, their jobs and the worker have less time.
_ALONE_SECONDS = 0.002
_AMONG_OTHERS_SECONDS = 0.008


class HeldStarts:
    """The facts by handle, roughly in the order in which they are due."""

    def __init__(self, loop: Loop, send: Callable[[str], None]) -> None:
        self._loop = loop
        self._send = send
        self._held: dict[str, tuple[float, str]] = {}
        self._is_timed = False

    def __len__(self) -> int:
        """Return how many are held back."""
        return len(self._held)

    def add(self, handle: str, fact: str) -> None:
        """Send this fact in a moment, unless the job ends before."""
        seconds = _AMONG_OTHERS_SECONDS if self._held else _ALONE_SECONDS
        self._held[handle] = (self._loop.now() + seconds, fact)
        if not self._is_timed:
            self._wait(seconds)

    def drop(self, handle: str) -> None:
        """Drop the fact of a job whose end is sent now."""
        self._held.pop(handle, None)

    def send_all(self) -> None:
        """Send all facts now, because the next message may be about their jobs."""
        held, self._held = self._held, {}
        for _, fact in held.values():
            self._send(fact)

    def clear(self) -> None:
        """Drop all facts: there is no worker to send them to."""
        self._held.clear()

    def _wait(self, seconds: float) -> None:
        self._is_timed = True
        self._loop.after(seconds, self._send_due)

    def _send_due(self) -> None:
        self._is_timed = False
        now = self._loop.now()
        while self._held:
            handle, (due, fact) = next(iter(self._held.items()))
            if due > now:
                self._wait(due - now)
                return
            del self._held[handle]
            self._send(fact)

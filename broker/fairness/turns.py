"""Share the loop's turns among streams, so that a client with many of them, or with much to send, delays nobody.

A stream works while there is time in this turn; then it queues, and queued streams continue in the next turns: one of each member in turn,
and those of one member first come, first served. A single stream is not affected.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from .cpu_shares import TURN_SECONDS
from .sharing import Charge


class OwnTurns(Protocol):
    """The turns of a loop, as seen by one member."""

    def time_left(self) -> bool:
        """Return whether there is time left in this turn."""
        ...

    @property
    def queued(self) -> int:
        """How many callbacks of the member wait for a later turn."""
        ...

    def call_soon(self, callback: Callable[[], object], /) -> None:
        """Queue the callback for a later turn."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call after `delay` seconds."""
        ...


class Turns:
    """The turns of one loop; `seconds()` returns how long one is. Work that belongs to no member takes part as one more member."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: Callable[[], float] = lambda: TURN_SECONDS) -> None:
        self._loop = loop
        self._seconds = seconds
        self._until = 0.0
        # By public key; first the member who has waited longest.
        self._lines: dict[bytes, deque[Callable[[], object]]] = {}

    def of(self, public: bytes, charge: Charge) -> OwnTurns:
        """Return the turns for the member with this public key, which is charged for what it does in them."""
        return _Member(self, public, charge)

    def time_left(self) -> bool:
        """Return whether there is time left in this turn."""
        now = time.monotonic()
        if not self._until:
            self._until = now + self._seconds()
            self._loop.call_soon(self._next)
        return now < self._until

    def call_soon(self, callback: Callable[[], object], /, public: bytes = b"") -> None:
        """Queue the callback for a later turn."""
        self._lines.setdefault(public, deque()).append(callback)
        self.time_left()

    @property
    def queued(self) -> int:
        """How many callbacks wait that are queued for no member."""
        return self.queued_of(b"")

    def queued_of(self, public: bytes) -> int:
        """Return how many callbacks of the member with this public key wait for a later turn."""
        return len(self._lines.get(public, ()))

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call after `delay` seconds."""
        return self._loop.call_later(delay, callback)

    def _next(self) -> None:
        self._until = 0.0
        # Callbacks that are queued again meanwhile wait for the next turn.
        left = {public: len(line) for public, line in self._lines.items()}
        while left:
            for public in tuple(left):
                if not self.time_left():
                    return
                line = self._lines.pop(public)
                callback = line.popleft()
                if line:
                    self._lines[public] = line
                left[public] -= 1
                if not left[public]:
                    del left[public]
                callback()


class _Member:
    def __init__(self, turns: Turns, public: bytes, charge: Charge) -> None:
        self._turns = turns
        self._public = public
        self._charge = charge
        self.time_left = turns.time_left
        self.call_later = turns.call_later

    @property
    def queued(self) -> int:
        return self._turns.queued_of(self._public)

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self._turns.call_soon(partial(self._call, callback), self._public)

    def _call(self, callback: Callable[[], object]) -> None:
        begun = time.monotonic()
        try:
            callback()
        finally:
            self._charge(self._public, time.monotonic() - begun)

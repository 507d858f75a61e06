"""The ends that are durable, which the supervisor may forget: said together, as nobody waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from .supervisor_line import Message

# So many handles fit into one message of the line.
HANDLES_A_MESSAGE = 200
_WAIT_SECONDS = 0.05


class Settled:
    """Handles that are still to be said; one waking of the supervisor serves many."""

    def __init__(self, loop: asyncio.AbstractEventLoop, say: Callable[[Sequence[Message]], None]) -> None:
        self._loop = loop
        self._say = say
        self._handles: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, handles: Iterable[str]) -> None:
        """Say these soon."""
        self._handles += handles
        if len(self._handles) >= HANDLES_A_MESSAGE:
            self.say_now()
        elif self._timer is None:
            self._timer = self._loop.call_later(_WAIT_SECONDS, self.say_now)

    def say_now(self) -> None:
        """Say all that were added."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        handles, self._handles = self._handles, []
        self._say([{"do": "settled", "jobs": handles[at : at + HANDLES_A_MESSAGE]} for at in range(0, len(handles), HANDLES_A_MESSAGE)])

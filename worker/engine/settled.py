"""Tell the supervisor which ends are durable, so that it can forget them; several at once, because that is not urgent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from ..wire.words import DO, ToSupervisor
from .supervisor_line import Message

# The number of handles that fit into one message.
HANDLES_A_MESSAGE = 200
_WAIT_SECONDS = 0.05


class Settled:
    """Handles to send; the supervisor is woken once for many of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, say: Callable[[Sequence[Message]], None]) -> None:
        self._loop = loop
        self._say = say
        self._handles: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, handles: Iterable[str]) -> None:
        """Send these soon."""
        self._handles += handles
        if len(self._handles) >= HANDLES_A_MESSAGE:
            self.say_now()
        elif self._timer is None:
            self._timer = self._loop.call_later(_WAIT_SECONDS, self.say_now)

    def say_now(self) -> None:
        """Send all that were added."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        handles, self._handles = self._handles, []
        self._say(
            [{DO: ToSupervisor.SETTLED, "jobs": handles[at : at + HANDLES_A_MESSAGE]} for at in range(0, len(handles), HANDLES_A_MESSAGE)]
        )

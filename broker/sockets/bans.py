"""Members that were disconnected for a flood: for a few seconds, their handshakes are not completed.

Otherwise they would be back at once with the next flood, and what libzmq reads before that is noticed takes time from everybody.
Connections that they already have are not affected: another client of the same member may be using them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BAN_SECONDS = 5.0


class Bans:
    """Until when each member is banned. `now` is the time in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[bytes, float] = {}

    def ban(self, public: bytes) -> None:
        """Ban the member with this public key from now on."""
        self._until[public] = self._now() + BAN_SECONDS

    def is_banned(self, public: bytes) -> bool:
        """Return whether this member is banned at the moment."""
        until = self._until.get(public)
        if until is None:
            return False
        if until > self._now():
            return True
        del self._until[public]
        return False

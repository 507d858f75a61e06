"""What found no room at the worker, as one too many: a connection, or a stream of one. Pure. When it is tried again: backoff.py.

What had room before a connection was lost may find none on the next one, as the worker still counts the lost one.
"""

from __future__ import annotations

from ...schemas.refusal import Reason, Refused
from .exchange import Exchange

_NO_ROOM = frozenset({Reason.TOO_MANY_STREAMS, Reason.TOO_MANY_GRANTS})


class Room:
    """What waits for room in one conversation.

    `waits_outside`: any connection. `waits_for_room`: after a lost connection, the next one, and all that was open on the lost one.
    """

    def __init__(self, *, waits_outside: bool, waits_for_room: bool) -> None:
        # Why the worker refused this connection, if it may accept another one later.
        self.turned_away: Refused | None = None
        # It refused this connection for good, and all that was asked for has failed; another connection may find room.
        self.is_shut_out = False
        # What is to be asked for again, and why it found no room.
        self.postponed: dict[Exchange, Refused] = {}
        self._waits_outside = waits_outside
        self._waits_for_room = waits_for_room

    def turn_away(self, refused: Refused, *, was_in: bool) -> bool:
        """Return whether a refused connection waits for room, and note why. `was_in`: an earlier one was accepted."""
        if refused.reason is not Reason.TOO_MANY_CONNECTIONS:
            return False
        waits = self._waits_outside or (self._waits_for_room and was_in)
        if waits:
            self.turned_away = refused
        self.is_shut_out = not waits
        return waits

    def postpone(self, exchange: Exchange, refused: Refused) -> bool:
        """Return whether a refused exchange waits for room, and note why."""
        waits = refused.reason in _NO_ROOM and exchange.resumes and self._waits_for_room
        if waits:
            self.postponed[exchange] = refused
        return waits

    def lost(self) -> None:
        """Note that the connection is gone: on the next one, everything is asked for again."""
        self.turned_away = None
        self.is_shut_out = False
        self.postponed.clear()

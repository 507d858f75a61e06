"""Which connections may begin their handshake, and which wait for it. Pure: knows no socket, time is passed in.

A handshake costs the daemon a millisecond and more, whoever asks for it, and long before anybody is known. So connections from one
address may begin some handshakes at once and so many a second from then on. A connection over which something is said gives most of
that back: many commands of somebody who is let in hardly wait, connections that say nothing do, and connecting again costs its turn.

Of those that wait, the oldest and the newest go in turns. Alone, the newest would be whoever comes again at once when its turn is over, and
the oldest, where more come than may begin, those that are about to give up.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# From one address: handshakes that may begin at once, and a second from then on.
AT_ONCE = 32
A_SECOND = 50.0
# So much of one is given back when something is said over the connection: of these there may be four times as many.
_GIVEN_BACK = 0.75
# Addresses that are remembered, of those from which nobody waits; the one that was used least recently is forgotten.
MOST_ADDRESSES = 4096

Newcomer = TypeVar("Newcomer", bound=Hashable)


@dataclass(slots=True)
class _Address(Generic[Newcomer]):
    """How many handshakes were begun beyond what time gave back (a leaky bucket), and who waits, oldest first."""

    begun: float
    at: float
    waiting: dict[Newcomer, None] = field(default_factory=dict)
    newest_next: bool = True

    def pass_time(self, now: float) -> None:
        self.begun = max(0.0, self.begun - (now - self.at) * A_SECOND)
        self.at = now

    def take(self) -> Newcomer:
        chosen = next(reversed(self.waiting) if self.newest_next else iter(self.waiting))
        self.newest_next = not self.newest_next
        del self.waiting[chosen]
        self.begun += 1
        return chosen


class Gate(Generic[Newcomer]):
    """The gate of one socket."""

    def __init__(self) -> None:
        # The least recently used first.
        self._addresses: dict[bytes, _Address[Newcomer]] = {}
        self._crowded: dict[bytes, _Address[Newcomer]] = {}

    def arrive(self, address: bytes, newcomer: Newcomer, now: float) -> list[Newcomer]:
        """Take in a new connection; list those from there that may begin now, which wait no more."""
        place = self._addresses.pop(address, None) or _Address(0.0, now)
        self._addresses[address] = self._crowded[address] = place
        place.waiting[newcomer] = None
        self._forget_addresses()
        return self._open(address, place, now)

    def speak(self, address: bytes, now: float) -> list[Newcomer]:
        """Note that something was said over a connection that had begun; list those from there that may begin now."""
        place = self._addresses.get(address)
        if place is None:
            return []
        place.pass_time(now)
        place.begun = max(0.0, place.begun - _GIVEN_BACK)
        return self._open(address, place, now)

    def leave(self, address: bytes, newcomer: Newcomer) -> None:
        """Note that a connection has ended; nothing happens if it did not wait."""
        place = self._crowded.get(address)
        if place is not None:
            place.waiting.pop(newcomer, None)
            if not place.waiting:
                del self._crowded[address]

    def admit(self, now: float) -> list[Newcomer]:
        """List those that may begin now because time has passed."""
        return [one for address, place in list(self._crowded.items()) for one in self._open(address, place, now)]

    def due_in(self, now: float) -> float | None:
        """Say in how many seconds the next one may begin; None if nobody waits."""
        for place in self._crowded.values():
            place.pass_time(now)
        return min((max(0.0, place.begun - AT_ONCE + 1) / A_SECOND for place in self._crowded.values()), default=None)

    def _open(self, address: bytes, place: _Address[Newcomer], now: float) -> list[Newcomer]:
        admitted = []
        place.pass_time(now)
        while place.waiting and place.begun <= AT_ONCE - 1:
            admitted.append(place.take())
        if not place.waiting:
            self._crowded.pop(address, None)
        return admitted

    def _forget_addresses(self) -> None:
        if len(self._addresses) > MOST_ADDRESSES + len(self._crowded):
            forgotten = next(address for address in self._addresses if address not in self._crowded)
            del self._addresses[forgotten]

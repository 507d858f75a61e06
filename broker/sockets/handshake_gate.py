"""Which connections may start their handshake, and which wait. Pure: knows no socket; time is passed in.

A handshake costs the worker a millisecond and more, long before it knows who the peer is. So connections from one address may start a few
handshakes at once, and then some per second. A connection that sends a message gives most of that back: many commands of a member hardly
wait, connections that send nothing do, and each new connection has to wait again.

Of those that wait, the oldest and the newest take turns. If only the newest were chosen, a client that reconnects at once would always win;
if only the oldest were, then under overload those that are about to give up.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# From one address: handshakes that may begin at once, and per second from then on.
AT_ONCE = 16
A_SECOND = 50.0
# The part of a handshake that is given back when something is sent over the connection: four times as many of these may begin.
_GIVEN_BACK = 0.75
# Addresses without waiting connections that are remembered; the least recently used one is forgotten.
MOST_ADDRESSES = 4096

Newcomer = TypeVar("Newcomer", bound=Hashable)


@dataclass(slots=True)
class _Address(Generic[Newcomer]):
    """How many handshakes were started beyond the rate (a leaky bucket), and which connections wait, oldest first."""

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
        """Add a new connection; return the connections from this address that may start now, which no longer wait."""
        place = self._addresses.pop(address, None) or _Address(0.0, now)
        self._addresses[address] = self._crowded[address] = place
        place.waiting[newcomer] = None
        self._forget_addresses()
        return self._open(address, place, now)

    def speak(self, address: bytes, now: float) -> list[Newcomer]:
        """Note that a started connection has sent a message; return the connections from its address that may start now."""
        place = self._addresses.get(address)
        if place is None:
            return []
        place.pass_time(now)
        place.begun = max(0.0, place.begun - _GIVEN_BACK)
        return self._open(address, place, now)

    def leave(self, address: bytes, newcomer: Newcomer) -> None:
        """Note that a connection has ended; has no effect if it was not waiting."""
        place = self._crowded.get(address)
        if place is not None:
            place.waiting.pop(newcomer, None)
            if not place.waiting:
                del self._crowded[address]

    def admit(self, now: float) -> list[Newcomer]:
        """Return the connections that may start now because time has passed."""
        return [one for address, place in list(self._crowded.items()) for one in self._open(address, place, now)]

    def due_in(self, now: float) -> float | None:
        """Return in how many seconds the next one may start; None if none waits."""
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

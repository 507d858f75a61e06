"""Shares the time for requests among identities, so that one that asks for very much holds up nobody who asks for little.

An identity may take a tenth of the time of the loop, saved up for a moment at most. What it asks for beyond that waits in a line of its
own while somebody else asks who stays below; alone, or among others who ask for as much, it waits for nothing. Time left free is not
wasted: what others started needs the processor too. So that little is read that only waits, the endpoint is told when to go on.

Knows no request: what is asked are bytes that `work` handles.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .peers import Peer

# Of the time of the loop, for one identity while others ask for less. More would leave little of two cores: in milliseconds of others'
# p99 beside one that asks without end, 0.1 cost 5, 0.25 cost 9 and 0.5 cost 12, where a quiet worker has 3.
_SHARE = 0.1
_SAVED_SECONDS = 0.002
# One long request is not held against its sender for longer than a tenth of a second.
_MOST_SPENT_SECONDS = 0.01
# Who asked for something so long ago is there still.
_PRESENT_SECONDS = 0.25
# Then what else waits for the loop (a commit, a job's end) has its turn: libzmq takes from each peer in turn, but this would be nothing
# worth if one that asks for a thousand long lists held up everything behind the sockets.
_TURN_SECONDS = 0.001
# Shorter where several identities ask: each of them waits for such turns several times until it is answered. One alone would only pay.
_SHARED_TURN_SECONDS = 0.0002
_SHARED_FOR_SECONDS = 1.0
# The loop's clock knows no shorter times.
_LEAST_WAIT_SECONDS = 0.001
# What may wait of one identity, with what Python needs for each message.
_WAITING_BYTES = 32 * 1024 * 1024
_MESSAGE_BYTES = 160


@dataclass(slots=True, eq=False)
class _Line:
    """One identity: what it has taken beyond its share, and what waits for that."""

    spent: float = 0.0
    at: float = 0.0
    waiting: deque[tuple[Peer, bytes]] = field(default_factory=deque)
    size: int = 0

    def is_present(self, now: float) -> bool:
        """Say whether it may ask for something again at any moment."""
        return now - self.at < _PRESENT_SECONDS

    def is_over(self, now: float) -> bool:
        """Say whether it has taken more than its share."""
        return self.spent - (now - self.at) * _SHARE >= _SAVED_SECONDS

    def due_in(self, now: float) -> float:
        """Say in how many seconds it has a share again."""
        return max(_LEAST_WAIT_SECONDS, (self.spent - _SAVED_SECONDS) / _SHARE - (now - self.at))

    def spend(self, begun: float, ended: float) -> None:
        """Note time that was taken."""
        self.spent = min(_MOST_SPENT_SECONDS, max(0.0, self.spent - (ended - self.at) * _SHARE) + ended - begun)
        self.at = ended

    def put(self, peer: Peer, frame: bytes) -> None:
        """Let a request wait."""
        self.waiting.append((peer, frame))
        self.size += len(frame) + _MESSAGE_BYTES

    def get(self) -> tuple[Peer, bytes]:
        """Take the request that has waited longest."""
        peer, frame = self.waiting.popleft()
        self.size -= len(frame) + _MESSAGE_BYTES
        return peer, frame


class Shares:
    """What all identities asked for. `work(peer, frame)` answers it; `flooded(peer)` is told of who has too much waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[Peer, bytes], None], flooded: Callable[[Peer], None]) -> None:
        self._loop = loop
        self._work = work
        self._flooded = flooded
        # By public key. Those that were quiet for a while are left out when somebody comes: not when a connection is gone, or a new one
        # would be a new share.
        self._lines: dict[bytes, _Line] = {}
        self._waiting: deque[_Line] = deque()
        self._timer: asyncio.Handle | None = None
        self._asked_last = b""
        self._shared_until = 0.0

    def turn_seconds(self, now: float) -> float:
        """Say for how long requests may be read and worked on before everything else has its turn."""
        return _SHARED_TURN_SECONDS if now < self._shared_until else _TURN_SECONDS

    def take(self, peer: Peer, frame: bytes) -> float:
        """Work on what a peer asks now, or when its identity has a share again; in the order asked. Say how many seconds it waits, or 0."""
        now = time.monotonic()
        line = self._lines.get(peer.public) or self._new_line(peer.public, now)
        if peer.public != self._asked_last:
            if self._asked_last:
                self._shared_until = now + _SHARED_FOR_SECONDS
            self._asked_last = peer.public
        if not line.waiting and not self._must_wait(line, now):
            self._work(peer, frame)
            line.spend(now, time.monotonic())
            return 0.0
        if not line.waiting:
            self._waiting.append(line)
            self._go_on_in(line.due_in(now))
        line.put(peer, frame)
        if line.size > _WAITING_BYTES:
            self._flooded(peer)
        return line.due_in(now)

    def close(self) -> None:
        """Work on nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _new_line(self, public: bytes, now: float) -> _Line:
        self._lines = {key: line for key, line in self._lines.items() if line.waiting or line.is_present(now)}
        return self._lines.setdefault(public, _Line())

    def _must_wait(self, line: _Line, now: float) -> bool:
        return line.is_over(now) and any(
            other is not line and other.is_present(now) and not other.is_over(now) for other in self._lines.values()
        )

    def _go_on_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """Work on what waits, first come first served, for one turn."""
        self._timer = None
        now = time.monotonic()
        until = now + self.turn_seconds(now)
        soonest = _MOST_SPENT_SECONDS / _SHARE
        for _ in range(len(self._waiting)):
            line = self._waiting.popleft()
            soonest = min(soonest, self._work_off(line, until))
            if line.waiting:
                self._waiting.append(line)
        if self._waiting:
            self._go_on_in(soonest)

    def _work_off(self, line: _Line, until: float) -> float:
        """Work on what waits of one; say in how many seconds to go on."""
        now = time.monotonic()
        while line.waiting and now < until:
            if self._must_wait(line, now):
                return line.due_in(now)
            peer, frame = line.get()
            if not peer.gone:
                self._work(peer, frame)
            ended = time.monotonic()
            line.spend(now, ended)
            now = ended
        return 0.0

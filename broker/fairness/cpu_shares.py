"""Shares the time for requests among identities, so that one that asks for very much holds up nobody who asks for little.

An identity may take a tenth of the time of the loop, saved up for a moment at most, and more while the loop is free for half of its
time. What it asks for beyond that waits in a line of its own while somebody else asks who stays below; alone, or among others who ask
for as much, it waits for nothing. The half is not wasted: what others started needs the processor too, and a thread that always runs is
the one that the scheduler makes wait. So that little is read that only waits, the endpoint is told when to go on.

Knows no request: what is asked are bytes that `work` handles.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..sockets.peers import Peer

# Of the time of the loop, for one identity while others ask for less, and for everything together before that counts. In milliseconds of
# others' p99 beside one that asks without end, a share of 0.1 cost 5, 0.25 cost 9, and 0.5 cost 12, where a quiet worker has 3; a share
# of 0.1 in any case would make 500 starts, one by one, take 1.3 s instead of 0.1 s as soon as somebody else lists now and then.
_SHARE = 0.1
_BUSY = 0.5
_SAVED_SECONDS = 0.002
# What is done at once is bounded, and is not held against its sender for longer than a tenth of a second.
_MOST_SPENT_SECONDS = 0.01
# What is done in slices may take long, as a start of thousands of jobs does; nobody waits for more than two seconds for a share.
_MOST_CHARGED_SECONDS = 0.2
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


@dataclass(slots=True)
class _Bucket:
    """Time that was taken beyond a share, which runs out at the rate of the share (a leaky bucket)."""

    share: float
    spent: float = 0.0
    at: float = 0.0

    def is_over(self, now: float) -> bool:
        """Say whether more was taken than the share."""
        return self.spent - (now - self.at) * self.share >= _SAVED_SECONDS

    def due_in(self, now: float) -> float:
        """Say in how many seconds there is a share again."""
        return max(_LEAST_WAIT_SECONDS, (self.spent - _SAVED_SECONDS) / self.share - (now - self.at))

    def spend(self, seconds: float, now: float, most: float = _MOST_SPENT_SECONDS) -> None:
        """Note time that was taken until now; of all that was taken no more than `most` is kept in mind, unless it was more before."""
        left = max(0.0, self.spent - (now - self.at) * self.share)
        self.spent = max(left, min(most, left + seconds))
        self.at = now


@dataclass(slots=True, eq=False)
class _Line:
    """One identity: what it has taken, and what waits for its share."""

    taken: _Bucket = field(default_factory=lambda: _Bucket(_SHARE))
    waiting: deque[tuple[Peer, bytes]] = field(default_factory=deque)
    size: int = 0

    def is_present(self, now: float) -> bool:
        """Say whether it may ask for something again at any moment."""
        return now - self.taken.at < _PRESENT_SECONDS

    def put(self, peer: Peer, frame: bytes) -> None:
        """Let a request wait."""
        self.waiting.append((peer, frame))
        self.size += len(frame) + _MESSAGE_BYTES

    def get(self) -> tuple[Peer, bytes]:
        """Take the request that has waited longest."""
        peer, frame = self.waiting.popleft()
        self.size -= len(frame) + _MESSAGE_BYTES
        return peer, frame


class Timer(Protocol):
    """What is still to be called."""

    def cancel(self) -> None:
        """Let it not be called."""
        ...


class Shares:
    """What all identities asked for. `work(peer, frame)` answers it; `flooded(peer)` is told of who has too much waiting.

    `call_later(seconds, callback)` is the loop's, `now` its time, and `processor_seconds` how long its thread has had the processor.
    """

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Timer],
        work: Callable[[Peer, bytes], None],
        flooded: Callable[[Peer], None],
        *,
        now: Callable[[], float] = time.monotonic,
        processor_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._call_later = call_later
        self._now = now
        self._thread_time = processor_seconds
        self._work = work
        self._flooded = flooded
        # By public key. Those that were quiet for a while are left out when somebody comes: not when a connection is gone, or a new one
        # would be a new share.
        self._lines: dict[bytes, _Line] = {}
        self._waiting: deque[_Line] = deque()
        self._timer: Timer | None = None
        # Everything that the loop does, in time of the processor.
        self._loop_taken = _Bucket(_BUSY)
        self._processor_seconds = processor_seconds()
        self._asked_last = b""
        self._shared_until = 0.0

    def turn_seconds(self, now: float) -> float:
        """Say for how long requests may be read and worked on before everything else has its turn."""
        return _SHARED_TURN_SECONDS if now < self._shared_until else _TURN_SECONDS

    def take(self, peer: Peer, frame: bytes) -> float:
        """Work on what a peer asks now, or when its identity has a share again; in the order asked. Say how many seconds it waits, or 0."""
        now = self._now()
        line = self._lines.get(peer.public) or self._new_line(peer.public, now)
        if peer.public != self._asked_last:
            if self._asked_last:
                self._shared_until = now + _SHARED_FOR_SECONDS
            self._asked_last = peer.public
        if not line.waiting and not self._must_wait(line, now):
            self._work(peer, frame)
            ended = self._now()
            line.taken.spend(ended - now, ended)
            return 0.0
        if not line.waiting:
            self._waiting.append(line)
            self._go_on_in(self._due_in(line, now))
        line.put(peer, frame)
        if line.size > _WAITING_BYTES:
            self._flooded(peer)
        return self._due_in(line, now)

    def charge(self, public: bytes, seconds: float) -> None:
        """Count time that was taken for what an identity asked earlier, where that is worked on in slices."""
        now = self._now()
        line = self._lines.get(public) or self._new_line(public, now)
        line.taken.spend(seconds, now, _MOST_CHARGED_SECONDS)

    def close(self) -> None:
        """Work on nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _new_line(self, public: bytes, now: float) -> _Line:
        self._lines = {key: line for key, line in self._lines.items() if line.waiting or line.is_present(now)}
        return self._lines.setdefault(public, _Line())

    def _must_wait(self, line: _Line, now: float) -> bool:
        return (
            line.taken.is_over(now)
            and self._is_busy(now)
            and any(other is not line and other.is_present(now) and not other.taken.is_over(now) for other in self._lines.values())
        )

    def _is_busy(self, now: float) -> bool:
        before, self._processor_seconds = self._processor_seconds, self._thread_time()
        self._loop_taken.spend(self._processor_seconds - before, now)
        return self._loop_taken.is_over(now)

    def _due_in(self, line: _Line, now: float) -> float:
        return min(line.taken.due_in(now), self._loop_taken.due_in(now))

    def _go_on_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """Work on what waits, first come first served, for one turn."""
        self._timer = None
        now = self._now()
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
        now = self._now()
        while line.waiting and now < until:
            if self._must_wait(line, now):
                return self._due_in(line, now)
            peer, frame = line.get()
            if not peer.gone:
                self._work(peer, frame)
            ended = self._now()
            line.taken.spend(ended - now, ended)
            now = ended
        return 0.0

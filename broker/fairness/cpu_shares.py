"""Share the time for requests among identities, so that one that sends very many does not delay those that send few.

An identity may use a tenth of the loop's time, saved up for a moment at most, and more while the loop is idle for half of its time. Further
requests wait in a queue of their own while another active identity has clearly used less recently; if the identity is alone, or all others
use as much, nothing waits. A request waits at most three times as long as the sender's last one took. The idle half is not wasted: jobs
need the processor too, and the scheduler delays a thread that always runs. So that few requests are read only to wait, `take` tells the
router when to continue.

Knows no request: requests are bytes that `work` handles.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..sockets.peers import Peer
from .sharing import Sharing

# Shares of the loop's time: for one identity while others send less, and for everything together before that applies. In milliseconds of
# others' p99 beside one that sends without end, a share of 0.1 cost 5, 0.25 cost 9, and 0.5 cost 12, where an idle worker has 3; a share
# of 0.1 at all times would make 500 starts, one by one, take 1.3 s instead of 0.1 s as soon as another identity lists now and then.
_SHARE = 0.1
_BUSY = 0.5
_SAVED_SECONDS = 0.002
# Work that is done at once is bounded, and counts against its sender for no longer than a tenth of a second.
_MOST_SPENT_SECONDS = 0.01
# Work in slices may take long, for example a start of thousands of jobs; nobody waits for more than two seconds for a share.
_MOST_CHARGED_SECONDS = 0.2
# An identity is active for this long after a request, or a later part of one.
_PRESENT_SECONDS = 0.25
# What was used counts half after this long, when identities are compared; and what is clearly less.
_HALF_SECONDS = 0.25
_CLEARLY_LESS = 0.5
# What libzmq takes to receive and decrypt a message, on its thread, which is that of everybody.
_SECONDS_A_BYTE = 1.2e-9
# How long a request waits at most: so many times what the last one of the identity took, which is then a quarter of the time.
_MOST_WAIT = 3
# After this long, other work of the loop (a commit, a job's end) has its turn: libzmq reads from each peer in turn, but that would be
# useless if an identity with a thousand long lists delayed everything behind the sockets.
TURN_SECONDS = 0.001
# Shorter if several identities send requests: each waits for several such turns until it is answered. A single one would only lose time.
_SHARED_TURN_SECONDS = 0.0002
_SHARED_FOR_SECONDS = 1.0
# After so long at the latest, the line of an identity is looked at again of which a request is worked on elsewhere.
_HELD_SECONDS = 0.1
# The loop's clock has this resolution.
_LEAST_WAIT_SECONDS = 0.001
# Bytes of one identity that may wait, including what Python needs for each message.
_WAITING_BYTES = 32 * 1024 * 1024
_MESSAGE_BYTES = 160


@dataclass(slots=True)
class _Bucket:
    """Time used beyond a share, which decreases at the rate of the share (a leaky bucket)."""

    share: float
    spent: float = 0.0
    at: float = 0.0

    def is_over(self, now: float) -> bool:
        """Return whether more than the share was used."""
        return self.spent - (now - self.at) * self.share >= _SAVED_SECONDS

    def due_in(self, now: float) -> float:
        """Return in how many seconds the share is available again."""
        return max(_LEAST_WAIT_SECONDS, (self.spent - _SAVED_SECONDS) / self.share - (now - self.at))

    def spend(self, seconds: float, now: float, most: float = _MOST_SPENT_SECONDS) -> None:
        """Add time that was used until now; the sum is limited to `most`, unless it was higher before."""
        left = max(0.0, self.spent - (now - self.at) * self.share)
        self.spent = max(left, min(most, left + seconds))
        self.at = now


@dataclass(slots=True, eq=False)
class _Line:
    """One identity: the time it has used, and its waiting requests."""

    taken: _Bucket = field(default_factory=lambda: _Bucket(_SHARE))
    # Seconds of the loop's time that it has used recently, as of its last use.
    _used: float = 0.0
    # How long its last request took with its later parts, and until when the next one waits at most.
    _last: float = 0.0
    goes_at: float = 0.0
    waiting: deque[tuple[Peer, bytes, memoryview | None]] = field(default_factory=deque)
    size: int = 0
    # So many of its requests are worked on elsewhere.
    held: int = 0

    def is_present(self, now: float) -> bool:
        """Return whether it used time of the loop recently."""
        return self.held > 0 or now - self.taken.at < _PRESENT_SECONDS

    def used(self, now: float) -> float:
        """Return how many seconds of the loop's time it has used recently."""
        return self._used * math.exp2(-(now - self.taken.at) / _HALF_SECONDS)

    def begin(self, seconds: float, now: float) -> None:
        """Count a request that took so long until now, or whose first part did."""
        self._last = 0.0
        self.goes_at = now
        self.go_on(seconds, now)

    def go_on(self, seconds: float, now: float, most: float = _MOST_SPENT_SECONDS) -> None:
        """Count a later part of a request; `most` is that of its bucket."""
        self._used = self.used(now) + seconds
        self._last += seconds
        self.goes_at += _MOST_WAIT * seconds
        self.taken.spend(seconds, now, most)

    def put(self, peer: Peer, frame: bytes, bulk: memoryview | None, now: float) -> None:
        """Add a waiting request."""
        if not self.waiting:
            self.goes_at = now + _MOST_WAIT * self._last
        self.waiting.append((peer, frame, bulk))
        self.size += len(frame) + len(bulk or b"") + _MESSAGE_BYTES

    def get(self) -> tuple[Peer, bytes, memoryview | None]:
        """Remove and return the request that has waited longest."""
        peer, frame, bulk = self.waiting.popleft()
        self.size -= len(frame) + len(bulk or b"") + _MESSAGE_BYTES
        return peer, frame, bulk


class Timer(Protocol):
    """A pending call."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...


class Shares(Sharing):
    """The requests of all identities. `work(peer, frame, bulk, sharing)` handles one; `sharing` is this.

    `call_later(seconds, callback)` is the loop's, `now` its time, and `processor_seconds` the processor time of its thread.
    """

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Timer],
        work: Callable[[Peer, bytes, memoryview | None, Sharing], None],
        *,
        now: Callable[[], float] = time.monotonic,
        processor_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._call_later = call_later
        self._now = now
        self._thread_time = processor_seconds
        self._work = work
        # By public key. Inactive ones are removed when a new one arrives, not when a connection is closed: or a new connection would get
        # a new share.
        self._lines: dict[bytes, _Line] = {}
        self._waiting: deque[_Line] = deque()
        self._timer: Timer | None = None
        # Everything that the loop does, in processor time.
        self._loop_taken = _Bucket(_BUSY)
        self._processor_seconds = processor_seconds()
        self._asked_last = b""
        self._shared_until = 0.0

    def turn_seconds(self, now: float) -> float:
        """Return for how long requests may be read and handled before everything else has its turn."""
        return _SHARED_TURN_SECONDS if now < self._shared_until else TURN_SECONDS

    def take(self, peer: Peer, frame: bytes, bulk: memoryview | None = None) -> float:
        """Handle a request now, or in order of arrival once its identity has a share. Return how many seconds it waits, or 0.

        `bulk` is the second frame of the message, if it has one.
        """
        now = self._now()
        public = peer.public
        line = self._lines.get(public) or self._new_line(public, now)
        if public != self._asked_last:
            if self._asked_last:
                self._shared_until = now + _SHARED_FOR_SECONDS
            self._asked_last = public
        if not line.waiting and not self._must_wait(line, now):
            self._work(peer, frame, bulk, self)
            ended = self._now()
            line.begin(ended - now + _received_in(frame, bulk), ended)
            return 0.0
        is_first = not line.waiting
        line.put(peer, frame, bulk, now)
        if line.size > _WAITING_BYTES:
            peer.outlet.drop(peer, "sent more requests than can wait")
        if is_first:
            self._waiting.append(line)
            self._go_on_in(self._due_in(line, now))
        return self._due_in(line, now)

    def charge(self, public: bytes, seconds: float) -> None:
        """Count time used for an earlier request of an identity that is handled in slices."""
        now = self._now()
        line = self._lines.get(public) or self._new_line(public, now)
        line.go_on(seconds, now, _MOST_CHARGED_SECONDS)

    def hold(self, public: bytes) -> None:
        """Delay further requests of an identity until `let_go`: its last one is handled elsewhere."""
        line = self._lines.get(public) or self._new_line(public, self._now())
        line.held += 1

    def let_go(self, public: bytes, seconds: float) -> None:
        """Continue with an identity after `hold`, and count the time that this took."""
        self._lines[public].held -= 1
        self.charge(public, seconds)
        if self._waiting:
            self.close()
            self._timer = None
            self._go_on_in(_LEAST_WAIT_SECONDS)

    def serves_others(self, public: bytes) -> bool:
        """Return whether another identity used time of the loop recently."""
        now = self._now()
        return any(key != public and line.is_present(now) for key, line in self._lines.items())

    def close(self) -> None:
        """Stop handling requests."""
        if self._timer is not None:
            self._timer.cancel()

    def _new_line(self, public: bytes, now: float) -> _Line:
        self._lines = {key: line for key, line in self._lines.items() if line.waiting or line.is_present(now)}
        return self._lines.setdefault(public, _Line())

    def _must_wait(self, line: _Line, now: float) -> bool:
        if line.held:
            return True
        if not line.taken.is_over(now) or not self._is_busy(now):
            return False
        less = line.used(now) * _CLEARLY_LESS
        return any(other is not line and other.is_present(now) and other.used(now) < less for other in self._lines.values())

    def _is_busy(self, now: float) -> bool:
        before, self._processor_seconds = self._processor_seconds, self._thread_time()
        self._loop_taken.spend(self._processor_seconds - before, now)
        return self._loop_taken.is_over(now)

    def _due_in(self, line: _Line, now: float) -> float:
        if line.held:
            return _HELD_SECONDS
        return min(line.taken.due_in(now), self._loop_taken.due_in(now), max(_LEAST_WAIT_SECONDS, line.goes_at - now))

    def _go_on_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """Handle waiting requests for one turn, in order of arrival."""
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
        """Handle waiting requests of one identity; return in how many seconds to continue."""
        now = self._now()
        while line.waiting and now < until:
            if line.held or (now < line.goes_at and self._must_wait(line, now)):
                return self._due_in(line, now)
            peer, frame, bulk = line.get()
            if peer.left or not peer.gone:
                self._work(peer, frame, bulk, self)
            ended = self._now()
            line.begin(ended - now + _received_in(frame, bulk), ended)
            now = ended
        return 0.0


def _received_in(frame: bytes, bulk: memoryview | None) -> float:
    """Return how many seconds a message took to receive."""
    return (len(frame) + (len(bulk) if bulk is not None else 0)) * _SECONDS_A_BYTE

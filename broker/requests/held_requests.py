"""Requests that wait until the desk has found all its jobs after a restart. Queries are answered at once, from the store.

New jobs that depend on no others are accepted at once, and start later. The requests of one member stay in order, because a stream takes
several of them: while one is held, all later ones are, except queries.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..fairness.sharing import Sharing
from ..fairness.turns import Turns
from ..sockets.peers import Peer

# They depend on no job that may start or end, or read the store.
AT_ONCE = frozenset({"hello", "status", "list", "query_one", "query_proof", "replay", "pair"})
# A start, unless it is of a run, and what is said about the stream of its reports.
_OF_NEW_JOBS = frozenset({"start", "credit", "cancel"})
# Of one member, with what Python needs for each.
_MOST_BYTES = 32 * 1024 * 1024
_MESSAGE_BYTES = 160


class _Held(NamedTuple):
    peer: Peer
    frame: bytes
    bulk: memoryview | None
    sharing: Sharing

    @property
    def size(self) -> int:
        return len(self.frame) + len(self.bulk or b"") + _MESSAGE_BYTES


class HeldRequests:
    """Nothing is held before `hold_back`, nor after `let_in`."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held: deque[_Held] | None = None
        self._bytes: Counter[bytes] = Counter()

    def hold_back(self) -> None:
        """Hold requests from now on."""
        self._held = deque()

    def holds(self, verb: str, owner: bytes = b"", *, needs_others: bool = True) -> bool:
        """Return whether a request with this verb has to wait; `owner`: the public key of its sender.

        `needs_others`: it is anything but the start of jobs that depend on no others.
        """
        if self._held is None or verb in AT_ONCE:
            return False
        return verb not in _OF_NEW_JOBS or needs_others or self._bytes[owner] > 0

    def hold(self, peer: Peer, frame: bytes, bulk: memoryview | None, sharing: Sharing) -> None:
        """Hold a request. A member that sends more than can be held is disconnected."""
        if self._held is None:
            return
        held = _Held(peer, frame, bulk, sharing)
        self._bytes[peer.public] += held.size
        if self._bytes[peer.public] > _MOST_BYTES:
            self._bytes[peer.public] -= held.size
            peer.outlet.drop(peer, "sent more requests than can wait")
        else:
            self._held.append(held)

    def let_in(self, take: Callable[[Peer, bytes, memoryview | None, Sharing], None]) -> None:
        """Handle all held requests in order, as if they arrived now; requests that arrive meanwhile wait behind them."""
        self._turns.call_soon(partial(self._let_in, take))

    def _let_in(self, take: Callable[[Peer, bytes, memoryview | None, Sharing], None]) -> None:
        held, self._held = self._held or deque(), None
        while held:
            one = held.popleft()
            self._bytes[one.peer.public] -= one.size
            if one.peer.left or not one.peer.gone:
                take(one.peer, one.frame, one.bulk, one.sharing)
            if not self._turns.time_left():
                break
        if held:
            self._held = held
            self.let_in(take)
        else:
            self._bytes.clear()

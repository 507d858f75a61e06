"""One request on its way through the desk: who asks, what for, and how to answer. What a handler of a verb is given."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ParamSpec

from ...keys.rights import Member
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..fairness.turns import Turns
from ..sockets.peers import Ending, Peer

_log = logging.getLogger(__name__)

BUG = "the daemon failed on this request; its log says why"
_Given = ParamSpec("_Given")


@dataclass(slots=True, eq=False)
class Call:
    """A request that was let in; `proof` is the envelope as it came, kept where the request changes something."""

    member: Member
    peer: Peer
    request: request_pb2.Request
    proof: bytes
    _send: Callable[[Peer, request_pb2.Reply, bytes | None], bool]
    _refuse: Callable[[Peer, int, Refused], None]
    _turns: Turns
    _charge: Callable[[bytes, float], None]
    # Of a start that is large: decoded one by one.
    jobs: Sequence[bytes] | None = None

    def guard(self, part: Callable[_Given, None], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
        """Do a part of the request; whatever it raises ends the request with an answer, and nothing else."""
        try:
            part(*args, **kwargs)
        except Refused as refused:
            self.refuse(refused)
        except Exception:  # noqa: BLE001 -- a bug costs this request, not the daemon
            _log.exception("a request of %s failed", self.peer.public.hex()[:8])
            self.refuse(Refused(Code.INTERNAL, BUG))

    def in_slices(self, steps: Iterable[object], then: Callable[[], None]) -> None:
        """Go through the steps while there is time in this turn, and on in later ones; then the rest.

        Who asks is charged for it as if it had been done at once.
        """
        iterator = iter(steps)

        def go_on() -> None:
            for _ in iterator:
                if not self._turns.time_left():
                    self._turns.call_soon(later)
                    return
            then()

        def later() -> None:
            if self.peer.gone:
                # It may ask again over its next connection; nothing was done yet.
                return
            begun = time.monotonic()
            self.guard(go_on)
            self._charge(self.peer.public, time.monotonic() - begun)

        go_on()

    def reply(self, reply: request_pb2.Reply, bulk: bytes | None = None, *, last: bool = True) -> bool:
        """Answer; the request's id is filled in. False if the peer is gone."""
        reply.request_id = self.request.id
        reply.last = last
        return self._send(self.peer, reply, bulk)

    def send(self, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        """Send a reply of a stream as it is."""
        return self._send(self.peer, reply, bulk)

    def refuse(self, refused: Refused) -> None:
        """Answer no."""
        self._refuse(self.peer, self.request.id, refused)

    def demand_stream(self) -> None:
        """Go on only if who asks may have one more stream.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        most = self.member.limits.streams
        if self.peer.account.streams >= most:
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self.member.name} has {most} streams open, which is the limit",
                "end some",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def open_stream(self, stream: Ending) -> None:
        """Let the stream end with its peer; a request that is repeated replaces its first stream."""
        old = self.peer.streams.get(self.request.id)
        if old is not None:
            old.close()
        self.peer.streams[self.request.id] = stream
        self.peer.account.streams += 1

    def stream_ended(self) -> None:
        """Forget the stream of this request."""
        if self.peer.streams.pop(self.request.id, None) is not None:
            self.peer.account.streams -= 1

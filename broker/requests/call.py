"""One request while it is handled: who sent it, and how to reply. The argument of every handler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec

from ...keys.members.rights import Member
from ...keys.proofs.input_seal import Fed
from ...schemas.frames import SIGNED_VERBS
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..fairness.turns import OwnTurns
from ..sockets.peers import Peer, Stream

_log = logging.getLogger(__name__)

BUG = "the worker failed to handle this request; its log says why"
# Requests of one member that are answered in some slices.
_MOST_IN_BETWEEN = 8
# What is done also if nobody waits for the answer. The others ask something, or begin a stream, which ends with the connection.
_LASTING = (SIGNED_VERBS - {"feed", "put"}) | {"push", "resize", "cancel", "unsubscribe"}
_Given = ParamSpec("_Given")


@dataclass(slots=True, eq=False)
class Call:
    """A request of a member; `proof` is the envelope as received, which is stored if the request changes something."""

    member: Member
    peer: Peer
    request: request_pb2.Request
    proof: bytes
    # The jobs of a large start, which are decoded one by one.
    jobs: Sequence[bytes] | None
    turns: OwnTurns
    # The second frame of the message.
    bulk: memoryview | None = None
    # Of a start that is signed by a root over its jobs: the root, and over how many. That these are its jobs is checked by its handler.
    root: bytes = b""
    signed_jobs: int = 0
    # Of a feed that a broker passes on: what is signed with its end.
    sealed: Fed | None = None
    # Lets further requests of its sender go on that wait for its answer; None: none do.
    let_go: Callable[[], None] | None = None

    @property
    def is_for_nobody(self) -> bool:
        """Whether its sender is gone, and the request has no effect beyond the connection."""
        return self.peer.left and self.request.WhichOneof("verb") not in _LASTING

    def guard(self, part: Callable[_Given, None], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
        """Run part of the request; if it raises, the request ends with a refusal, and nothing else is affected."""
        try:
            part(*args, **kwargs)
        except Refused as refused:
            self.refuse(refused)
        except Exception:  # noqa: BLE001 -- a bug affects this request, not the worker
            _log.exception("a request of %s failed", self.peer.public.hex()[:8])
            self.refuse(Refused(Code.INTERNAL, BUG))

    def in_slices(self, steps: Iterable[object], then: Callable[[], object], *, to_the_end: bool = False) -> None:
        """Run the steps while there is time in this turn, and continue in later ones; then call `then`.

        The sender is charged for the time as if it had been done at once. `to_the_end`: the steps have effects, and are completed even if
        the sender is gone meanwhile.
        """
        self._go_on(iter(steps), then, to_the_end, is_first=True)

    def _go_on(self, steps: Iterator[object], then: Callable[[], object], to_the_end: bool, *, is_first: bool) -> None:  # noqa: FBT001 -- as it was passed
        for _ in steps:
            # Checked only from the second step on: a check costs the loop a turn.
            if not is_first and not self.turns.time_left():
                self.turns.call_soon(partial(self._go_on_later, steps, then, to_the_end))
                return
            is_first = False
        then()

    def _go_on_later(self, steps: Iterator[object], then: Callable[[], object], to_the_end: bool) -> None:  # noqa: FBT001 -- as above
        if self.peer.gone and not to_the_end and (not self.peer.left or self.is_for_nobody):
            # Nothing was done yet.
            self._answered()
            return
        self.guard(self._go_on, steps, then, to_the_end, is_first=False)

    def in_few_slices(self, steps: Iterable[object], then: Callable[[], object]) -> None:
        """Run steps of some milliseconds in all as `in_slices` does; at once if many requests of the sender are in progress.

        Each of them holds what it has read, and they could be opened faster than they are completed.
        """
        if self.turns.queued >= _MOST_IN_BETWEEN:
            for _ in steps:
                pass
            then()
        else:
            self.in_slices(steps, then)

    def later(self, part: Callable[_Given, None], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
        """Run part of the request in a later turn, even if the sender is gone by then; the time is charged to it."""
        self.turns.call_soon(partial(self.guard, part, *args, **kwargs))

    def reply(self, reply: request_pb2.Reply, bulk: bytes | None = None, *, last: bool = True) -> bool:
        """Send a reply; the request's id is filled in. Return False if the peer is gone."""
        self._answered()
        reply.request_id = self.request.id
        reply.last = last
        return self.peer.outlet.send(self.peer, reply, bulk)

    def send(self, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        """Send a reply of a stream unchanged. Return False if the peer is gone."""
        return self.peer.outlet.send(self.peer, reply, bulk)

    def forward(self, reply: request_pb2.Reply, bulk: bytes | memoryview) -> bool:
        """Send a reply of a stream with bytes that came from elsewhere. Return False if the peer is gone."""
        return self.peer.outlet.pass_on(self.peer, (reply.SerializeToString(), bulk))

    def done(self, why_not: Refused | None, jobs: int = 0) -> None:
        """Reply that the request was carried out, for this many jobs of a selection, or refuse it."""
        if why_not is not None:
            self.refuse(why_not)
        else:
            self.reply(request_pb2.Reply(done=request_pb2.Done(jobs=jobs)))

    def refuse(self, refused: Refused) -> None:
        """Send a refusal."""
        self._answered()
        self.peer.outlet.refuse(self.peer, self.request.id, refused)

    def _answered(self) -> None:
        if self.let_go is not None:
            self.let_go()

    def demand_stream(self) -> None:
        """Check that the sender may have one more stream.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        most = self.member.limits.streams
        if self.peer.account.streams >= most:
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self.member.name} has {most} streams open, which is the limit",
                "close some",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def open_stream(self, stream: Stream) -> None:
        """Register a stream, which ends with its peer; if the request is repeated, it replaces the earlier stream."""
        old = self.peer.streams.get(self.request.id)
        if old is not None:
            old.close()
        self.peer.streams[self.request.id] = stream
        self.peer.account.streams += 1

    def stream_ended(self) -> None:
        """Forget the stream of this request."""
        if self.peer.streams.pop(self.request.id, None) is not None:
            self.peer.account.streams -= 1

"""The broker's end of the link to one worker: the conversation of a client, over a connection that the worker has opened.

It spans any number of connections: unanswered requests are sent again over the next one, as a client does. Knows no job.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from ...client.protocol.conversation import Conversation, Exchange, Greeted, Item
from ...client.protocol.pulse import Pulse, Sign
from ...keys.identity import Identity
from ...schemas.generated import request_pb2
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.refusal import Refused
from ..sockets.peers import Peer

_log = logging.getLogger(__name__)

# Fewer than what may wait for a peer before it is disconnected (router.py). Streams are not counted: their credit is.
_MOST_UNANSWERED = 64
# So often a worker is asked for a sign, while clients ask about it, and so long it may take.
_PATIENCE_SECONDS = 1.0

Answered = Callable[[request_pb2.Reply | Refused], None]


class Link:
    """The link to one worker, connected or not. `greeted(hello)` is called when it has connected and answered, `lost()` afterwards."""

    def __init__(
        self, identity: Identity, worker: bytes, greeted: Callable[[request_pb2.HelloReply], None], lost: Callable[[], None]
    ) -> None:
        self.worker = worker
        self._conversation = Conversation(identity, worker)
        self._greeted = greeted
        self._lost = lost
        self._peer: Peer | None = None
        self._callbacks: dict[Exchange, Callable[[Exchange], None]] = {}
        # Those of `open`, for which somebody waits.
        self._opened: set[Exchange] = set()
        # Whether the worker does not come back.
        self.is_over = False
        self._waiting: deque[tuple[request_pb2.Request, Answered]] = deque()
        self._unanswered = 0
        self._pulse = Pulse(_PATIENCE_SECONDS)
        self._received = 0

    @property
    def is_up(self) -> bool:
        """Whether the worker is connected and has answered."""
        return self._peer is not None and self._conversation.greeted

    @property
    def run(self) -> bytes:
        """The id of the connected run of the worker; empty if it is not connected."""
        hello = self._conversation.hello
        return hello.nonce if self.is_up and hello is not None else b""

    def turn(self, peer: Peer) -> None:
        """Use this connection from now on; an earlier one is dropped."""
        before, self._peer = self._peer, peer
        if before is not None:
            before.outlet.drop(before, "has joined again over another connection")
        peer.turned = self._receive
        self._conversation.connected()
        self._flush()

    def speaks_over(self, peer: Peer) -> bool:
        """Return whether this is the current connection."""
        return peer is self._peer

    def gone(self, peer: Peer) -> None:
        """Note that a connection was lost."""
        if self.speaks_over(peer):
            self._peer = None
            self._conversation.lost()
            self._lost()

    def silent_for(self, now: float) -> float | None:
        """Return for how many seconds the worker has not responded although it was probed; None: it responds. Probes it if it is quiet.

        `now`: seconds of a monotonic clock. To be called about every second while somebody wants to know.
        """
        if self._pulse.look(now, self._received, waits=self.is_up, is_moving=lambda: False) is Sign.ASK:
            self._conversation.ask_for_a_sign()
            self._flush()
        return self._pulse.silent_for(now) if self._pulse.is_silent else None

    def drop(self, why: str) -> None:
        """Disconnect the worker, which may reconnect."""
        if self._peer is not None:
            self._peer.outlet.drop(self._peer, why)

    def ask(self, request: request_pb2.Request, answered: Answered) -> None:
        """Send a request that has one reply; it is repeated until the reply arrives."""
        if self._unanswered >= _MOST_UNANSWERED:
            self._waiting.append((request, answered))
            return
        self._unanswered += 1
        self._callbacks[self._conversation.ask(request)] = lambda exchange: self._one_answer(exchange, answered)
        self._flush()

    def open(self, request: request_pb2.Request, happened: Callable[[Exchange], None]) -> Exchange:
        """Open a stream; `happened` is called when there is something to `take`, or it has ended."""
        exchange = self._conversation.ask(request)
        self._callbacks[exchange] = happened
        self._opened.add(exchange)
        self._flush()
        return exchange

    def give_up(self, refused: Refused) -> None:
        """End everything that is open with a refusal: the worker will not come back."""
        self.is_over = True
        for exchange in list(self._opened):
            self._conversation.give_up(exchange, refused)
            self._happened(exchange)

    def take(self, exchange: Exchange) -> Item | None:
        """Return the next reply of a stream, which grants more credit."""
        item = self._conversation.take(exchange)
        self._flush()
        return item

    def feed(self, exchange: Exchange, data: bytes, seal: bytes = b"") -> None:
        """Send bytes after a request, as far as the worker allows; for the input of a job, empty bytes are its end, with the `seal`."""
        self._conversation.feed(exchange, data, seal)
        self._flush()

    def resize(self, exchange: Exchange, size: TerminalSize) -> None:
        """Set the size of the terminal at which an exchange types."""
        self._conversation.resize(exchange, size)
        self._flush()

    def forget(self, exchange: Exchange) -> None:
        """End a stream."""
        self._callbacks.pop(exchange, None)
        self._opened.discard(exchange)
        self._conversation.forget(exchange)
        self._flush()

    def _one_answer(self, exchange: Exchange, answered: Answered) -> None:
        item = self._conversation.take(exchange)
        if not exchange.ended:
            return
        self._unanswered -= 1
        if self._waiting:
            self.ask(*self._waiting.popleft())
        if exchange.refusal is not None:
            answered(exchange.refusal)
        elif item is not None:
            answered(item if isinstance(item, request_pb2.Reply) else item.reply)

    def _receive(self, frame: bytes, bulk: memoryview | None) -> None:
        peer = self._peer
        self._received += 1
        try:
            for one in self._conversation.receive(frame, bulk if bulk is not None else b""):
                if isinstance(one, Greeted):
                    self._greeted(one.hello)
                else:
                    self._happened(one)
        except Refused as refused:
            _log.warning("a worker sent a message that is not understood: %s", refused)
            if peer is not None:
                peer.outlet.drop(peer, "sent a message that is not understood")
        except Exception:  # noqa: BLE001 -- a bug about one worker must not cost the others, nor the reader of the socket
            _log.exception("a message of a worker could not be handled")
        self._flush()

    def _happened(self, exchange: Exchange) -> None:
        callback = self._callbacks.get(exchange)
        if exchange.ended:
            self._callbacks.pop(exchange, None)
            self._opened.discard(exchange)
        if callback is not None:
            callback(exchange)

    def _flush(self) -> None:
        peer = self._peer
        if peer is None:
            return
        for frames in self._conversation.outgoing():
            if not peer.outlet.pass_on(peer, frames):
                return

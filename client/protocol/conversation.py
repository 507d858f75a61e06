"""The conversation with one worker, without a socket.

The rules:

1. After every handshake (`connected`) the client sends `hello`, and nothing else before its answer.
2. Then it sends everything unanswered, oldest first, including what was sent before. Each attempt has a number of its own, so that an
   answer to an earlier attempt is recognised and ignored. Requests are idempotent, jobs by their ids.
3. Requests that change something are signed with the nonce of the last `hello`. If it is refused as signed for an earlier run of the worker
   (which restarted unnoticed), `hello` and the request are repeated, unless the nonce is still the same.
4. The limits in the answer to `hello` are checked before sending. A request that is too large is refused here and affects no other.
5. Streams have credit, which is granted again as their consumer reads, and continue where they were; see exchange.py.
6. What follows a `feed` is sent as far as the worker allows; see pushing/.
7. What is refused as one too many may find room later: it is postponed, and asked for again by `ask_again`; see room.py.
8. Whether the worker is still there is asked as often as somebody wants to know; see signs.py.
9. `first_store` of a start or a commit is always the store of the first attempt: only then can a rebuilt store answer "may have run".

Frames go out through `outgoing` and come in through `receive`. Knows no deadlines: the caller sets them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable

from ...keys.identity import Identity
from ...schemas.clock import wall_us
from ...schemas.frames import SIGNED_VERBS, read_reply, refusal_from
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.refusal import Code, Reason, Refused
from .advice import advised
from .exchange import Chunk, Exchange, Item
from .features import ALL_CHECKED, check_features
from .hello import Greeted, greeting, why_not
from .limits import check_frame, check_jobs, check_request
from .proving import prove
from .pushing.feeding import Feeding
from .pushing.keystrokes import Keystrokes
from .pushing.messages import pushed
from .room import Room
from .signs import Signs

__all__ = ["Chunk", "Conversation", "Exchange", "Greeted", "Happened", "Item"]

_RANDOM_BYTES = 4


# One message: a request, and after a push its bytes.
Frames = tuple[bytes | memoryview, ...]
# An exchange in the list has something new to `take`, or has ended.
Happened = Greeted | Exchange


class Conversation:
    """The client's side of one conversation, across any number of connections."""

    def __init__(
        self,
        identity: Identity,
        daemon: bytes,
        *,
        waits_outside: bool = False,
        waits_for_room: bool = False,
        now_us: Callable[[], int] = wall_us,
    ) -> None:
        """`daemon` is the pinned public key: the audience of what is signed. `now_us`: the date, for what is signed until a time.

        `waits_outside`, `waits_for_room`: see `Room`; what does not wait for room fails, with a connection all unanswered requests.
        """
        # What the worker last said about itself; kept while the connection is lost.
        self.hello: request_pb2.HelloReply | None = None
        # Whether it has every feature that is checked before a request is sent.
        self._has_all_features = False
        # Whether the worker answered `hello` on this connection.
        self.greeted = False
        self.room = Room(waits_outside=waits_outside, waits_for_room=waits_for_room)
        self._now_us = now_us
        self._identity = identity
        self._daemon = daemon
        self._outgoing: list[Frames] = []
        self._unanswered: dict[Exchange, None] = {}
        self._in_flight: dict[int, Exchange] = {}
        # Not the same for each client: what two of them sign for one job differs, so a broker that passes it on repeats nothing.
        self._last_number = int.from_bytes(os.urandom(_RANDOM_BYTES))
        # None: there is no `hello` under way. (A worker answers a frame that it could not read under the number 0.)
        self._hello_number: int | None = None
        self.signs = Signs()
        self._connected = False

    @property
    def waits(self) -> bool:
        """Whether anything is unanswered."""
        return bool(self._unanswered)

    @property
    def unanswered(self) -> Collection[Exchange]:
        """The exchanges that have not ended, oldest first."""
        return self._unanswered

    # --- what the client wants

    def ask(self, request: request_pb2.Request) -> Exchange:
        """Begin an exchange and return it; the request belongs to the conversation from now on."""
        exchange = Exchange(request)
        self._unanswered[exchange] = None
        if self.greeted:
            self._send(exchange)
        elif self._connected and self._hello_number is None:
            # The last `hello` was refused; perhaps this one is not.
            self._say_hello()
        return exchange

    def take(self, exchange: Exchange) -> Item | None:
        """Return the next answer that came, or None; for streams this grants more."""
        item, credit = exchange.take()
        if credit is not None:
            self._grant(credit)
        return item

    def feed(self, exchange: Exchange, data: bytes, seal: bytes = b"") -> None:
        """Add bytes to what an exchange sends, at most as many as it has room for; of the input of a job, none at all are its end.

        `seal`: of that end, if who sends it is not who has signed it.
        """
        pushes = exchange.pushes
        if seal and isinstance(pushes, Feeding):
            pushes.seal = seal
        if pushes is not None:
            pushes.add(data)
            self._push(exchange)

    def ask_for_a_sign(self, heard_of: Iterable[job_pb2.JobKey] = ()) -> None:
        """Ask for an answer that comes at once; see signs.py. A broker is asked about the jobs that are waited for, or `heard_of`."""
        is_broker = self.hello is not None and self.hello.kind == "broker"
        waited_for = (job for exchange in self._unanswered if (job := exchange.job) is not None)
        self.signs.number = self._write(self.signs.question([*waited_for, *heard_of] if is_broker else ()))

    def resize(self, exchange: Exchange, size: TerminalSize) -> None:
        """Give the terminal at which an exchange types this size."""
        if isinstance(exchange.feeding, Keystrokes):
            exchange.feeding.resize(size)
            self._push(exchange)

    def forget(self, exchange: Exchange) -> None:
        """End an exchange; a running stream is cancelled at the worker. Answers that have arrived can still be read."""
        if exchange in self._unanswered:
            self._cancel(exchange)
            self._end(exchange)

    def ask_again(self) -> None:
        """Ask again for what was postponed."""
        for exchange in list(self.room.postponed):
            self._send(exchange)

    def give_up(self, exchange: Exchange, refused: Refused) -> None:
        """End an exchange with a refusal: nobody is going to answer it."""
        self._end(exchange, refused)

    def fail(self, refused: Refused) -> list[Happened]:
        """End everything unanswered with one refusal: there is nobody to answer."""
        failed: list[Happened] = list(self._unanswered)
        for exchange in list(self._unanswered):
            self._end(exchange, refused)
        return failed

    # --- what the connection tells

    def connected(self) -> None:
        """Note that a handshake was made: a new connection, perhaps to a new run of the worker."""
        self.lost()
        self._connected = True
        self._say_hello()

    def lost(self) -> None:
        """Note that the connection is gone; nothing can be sent until `connected`."""
        self._connected = False
        self.greeted = False
        self._outgoing.clear()
        self._in_flight.clear()
        self._hello_number = None
        self.signs.lost()
        self.room.lost()

    def repair(self) -> None:
        """Note that a call was interrupted halfway: like `lost`, and an exchange that was ending has ended."""
        self.lost()
        for exchange in list(self._unanswered):
            if exchange.ended:
                del self._unanswered[exchange]

    @property
    def has_outgoing(self) -> bool:
        """Whether there is a message to send."""
        return bool(self._outgoing)

    def outgoing(self) -> list[Frames]:
        """Return the messages to send now, in order."""
        frames = self._outgoing
        self._outgoing = []
        return frames

    def receive(self, frame: bytes, data: bytes | memoryview = b"") -> list[Happened]:
        """Process one message of the worker: a reply, and the bytes of the frame after it if there was one.

        Raises `Refused(INTERNAL)` for what is not a jobwire reply.
        """
        reply = read_reply(frame)
        if reply.request_id == self._hello_number:
            self._hello_number = None
            return self._answered_hello(reply)
        if reply.request_id == self.signs.number:
            self.signs.answered(reply.hello)
            return []
        exchange = self._in_flight.get(reply.request_id)
        if exchange is None:
            return []
        if reply.HasField("refusal"):
            return self._was_refused(exchange, advised(refusal_from(reply.refusal), exchange.verb))
        try:
            news, credit = exchange.receive(reply, data)
        except Refused as refused:
            self._cancel(exchange)
            self._end(exchange, refused)
            return [exchange]
        if credit is not None:
            self._grant(credit)
        if exchange.pushes is not None:
            self._push(exchange)
        if exchange.ended:
            self._end(exchange)
        return [exchange] if news else []

    # --- how

    def _say_hello(self) -> None:
        self._hello_number = self._write(greeting())

    def _answered_hello(self, reply: request_pb2.Reply) -> list[Happened]:
        refused = why_not(reply, self._daemon)
        if refused is not None:
            self.greeted = False
            return [] if self.room.turn_away(refused, was_in=self.hello is not None) else self.fail(refused)
        before, self.hello = self.hello, reply.hello
        self._has_all_features = ALL_CHECKED.issubset(reply.hello.features)
        new_run = before is not None and before.nonce != reply.hello.nonce
        repeat_all = new_run or not self.greeted
        self.greeted = True
        happened: list[Happened] = [Greeted(reply.hello, new_run)]
        for exchange in list(self._unanswered):
            if exchange.doubt is not None and exchange.nonce == reply.hello.nonce:
                self._end(exchange, exchange.doubt)
            elif repeat_all or exchange.doubt is not None:
                self._send(exchange)
            if exchange.ended:
                happened.append(exchange)
        return happened

    def _was_refused(self, exchange: Exchange, refused: Refused) -> list[Happened]:
        if self.room.postpone(exchange, refused):
            self._in_flight.pop(exchange.number, None)
            return []
        if refused.reason is not Reason.STALE_NONCE:
            self._end(exchange, refused)
            return [exchange]
        exchange.doubt = refused
        self._in_flight.pop(exchange.number, None)
        if self._hello_number is None:
            self._say_hello()
        return []

    def _send(self, exchange: Exchange) -> None:
        # What was queued when the last connection was lost goes out on this one: without this the worker would serve two streams.
        self._cancel(exchange)
        self._in_flight.pop(exchange.number, None)
        self.room.postponed.pop(exchange, None)
        self._last_number = number = self._last_number + 1
        try:
            frame = self._frame(exchange, number)
        except Refused as refused:
            self._end(exchange, refused)
        except (ValueError, TypeError) as error:
            # A number that a field of the request or its proof cannot hold: it must not stay, and fail every later call.
            self._end(exchange, Refused(Code.INVALID_ARGUMENT, f"the request cannot be described: {error}"))
        else:
            self._outgoing.append((frame,))
            self._in_flight[number] = exchange
            self._push(exchange)

    def _frame(self, exchange: Exchange, number: int) -> bytes:
        hello = self.hello
        if hello is None:
            raise Refused(Code.INTERNAL, "nothing can be sent before the worker is greeted")
        check_jobs(exchange.request, hello.limits)
        if not self._has_all_features:
            check_features(exchange.request, hello)
        raw = exchange.prepare(number, hello)
        check_request(raw, hello.limits)
        proof = None
        if exchange.verb in SIGNED_VERBS:
            exchange.nonce = hello.nonce
            proof = prove(self._identity, self._daemon, hello, exchange.request, raw, self._now_us())
        frame = request_pb2.Envelope(request=raw, proof=proof).SerializeToString()
        check_frame(frame, exchange.verb, hello.limits)
        return frame

    def _grant(self, credit: request_pb2.Credit) -> None:
        if credit.request_id in self._in_flight:
            self._write(request_pb2.Request(credit=credit))

    def _push(self, exchange: Exchange) -> None:
        pushes = exchange.pushes
        if pushes is None or exchange.number not in self._in_flight or exchange.ended:
            return
        for request, data in pushed(pushes, exchange.request, self._identity):
            self._write(request, data)

    def _cancel(self, exchange: Exchange) -> None:
        if exchange.number and exchange.is_stream and self.greeted:
            self._write(request_pb2.Request(cancel=request_pb2.Cancel(request_id=exchange.number)))

    def _end(self, exchange: Exchange, refused: Refused | None = None) -> None:
        exchange.refusal = refused
        exchange.ended = True
        self._unanswered.pop(exchange, None)
        self.room.postponed.pop(exchange, None)
        self._in_flight.pop(exchange.number, None)

    def _write(self, request: request_pb2.Request, data: bytes | memoryview | None = None) -> int:
        """Send a request that belongs to no exchange, and the bytes that follow it; return its number."""
        self._last_number = request.id = self._last_number + 1
        frame = request_pb2.Envelope(request=request.SerializeToString()).SerializeToString()
        self._outgoing.append((frame,) if data is None else (frame, data))
        return self._last_number

"""The requests and events of one client, moved over its two sockets without waiting. Its user decides how to wait.

A blocking client waits in poll(2) (connection.py), one on an event loop lets the loop watch (../asynchronous/loop/connection.py). Both call
`turn` when something may have arrived or is due, and `flush` after each change.

Nothing here refers to its user, so that a client without references is freed at once.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable

import zmq

from ...keys.identity import Identity
from ...keys.sockets import Context, Socket, readable
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ...schemas.wire_codec import key_to_wire
from ..protocol.conversation import Chunk, Conversation, Exchange, Greeted, Happened, Item
from ..protocol.pulse import Pulse, Sign, always
from ..protocol.subscription import Subscription
from .backoff import Backoff
from .connecting import diagnosis
from .connecting.monitored_socket import MonitoredSocket
from .event_socket import EventSocket, locate
from .request_socket import RequestSocket, Tidings


class Traffic:
    """A socket for requests, created at the first one, and one for events, created at the first subscription; both in `context`.

    `private`: the worker is this user's own, which can be restarted. `waits_outside`: if a worker has no room for one more connection, wait
    for it. Times are on `time.monotonic`.
    """

    def __init__(
        self,
        context: Context,
        endpoint: str,
        server_key: bytes,
        identity: Identity,
        *,
        connect_timeout: float,
        private: bool,
        waits_outside: bool,
    ) -> None:
        self.endpoint = endpoint
        self.conversation = Conversation(identity, server_key, waits_outside=waits_outside, waits_for_room=True)
        requests, news = (MonitoredSocket(kind, server_key, identity, connect_timeout, private=private) for kind in (zmq.DEALER, zmq.SUB))
        self.requests = RequestSocket(self.conversation, requests, context, Backoff(share=os.getpid() % 64 / 63))
        self.events = EventSocket(self.conversation, news, context)
        # Whether something was done for which a turn is due.
        self._stirred = True
        # What freed readers were reading; any thread may append to it at any time.
        self._dropped: deque[Exchange | Subscription] = deque()
        # None unless somebody wants to know when the worker gives no sign.
        self._pulse: Pulse | None = None
        # Whether they look on at this moment; otherwise they are not told.
        self.looks_on: Callable[[], bool] = always
        # The jobs that they look at, beside those that requests and subscriptions name.
        self.looked_at: Callable[[], Iterable[JobKey]] = tuple
        # When a broker is asked about their workers next; None: never.
        self._inquire_at: float | None = None
        # The worker behind a broker that was reported to give no sign; empty: none was.
        self._silent_worker = ""

    @property
    def patience(self) -> float | None:
        """After how many seconds without a response the waiting caller is told; None: never."""
        return self._pulse.patience if self._pulse is not None else None

    @patience.setter
    def patience(self, seconds: float | None) -> None:
        self._pulse = Pulse(seconds) if seconds is not None else None
        self._inquire_at = None
        self._stirred = True

    @property
    def is_silent(self) -> bool:
        """Whether its user was told that the worker does not respond, and not yet that it does again."""
        return bool(self.silent)

    @property
    def silent(self) -> str:
        """Who does not respond, as its user was told: an endpoint, or the worker behind a broker; empty: nobody."""
        if self._pulse is not None and self._pulse.is_silent:
            return self.endpoint
        return f"worker {self._silent_worker}" if self._silent_worker else ""

    @property
    def waits(self) -> bool:
        """Whether anything can arrive: a request is unanswered, or there is a subscription."""
        return self.conversation.waits or bool(len(self.events))

    # --- what its user wants

    def ask(self, request: request_pb2.Request, now: float) -> Exchange:
        """Start an exchange; see `Connection.ask`."""
        self._stirred = True
        exchange = self.conversation.ask(request)
        self.requests.open(self.endpoint, now)
        return exchange

    def take(self, exchange: Exchange) -> Item | None:
        """Return the next reply that arrived, or None; a stream is granted more."""
        return self.conversation.take(exchange)

    def feed(self, exchange: Exchange, data: bytes) -> None:
        """Add bytes to the input that an exchange feeds; empty bytes are its end."""
        self.conversation.feed(exchange, data)

    def resize(self, exchange: Exchange, size: TerminalSize) -> None:
        """Set the size of the terminal at which an exchange types."""
        self.conversation.resize(exchange, size)

    def forget(self, exchange: Exchange) -> None:
        """Stop an exchange; a stream is cancelled at the worker."""
        self._stirred = True
        self.conversation.forget(exchange)

    def subscribe(self, subscription: Subscription, now: float) -> None:
        """Process a subscription from now on."""
        self._stirred = True
        self.events.add(subscription, now)
        self.requests.open(self.endpoint, now)
        self.events.turn(now)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, here and at the worker."""
        self._stirred = True
        self.events.remove(subscription)

    def belongs_to(self, what: Exchange | Subscription, reader: object) -> None:
        """End this at the next `flush` after its reader was garbage-collected."""
        weakref.finalize(reader, self._dropped.append, what).atexit = False

    # --- what moves it

    def turn(self, now: float, happened: Callable[[Exchange], None] | None = None) -> bool:
        """Receive everything that arrived and send everything that is due. Return whether anything arrived.

        `happened` is called with each exchange that has something new to take, or has ended.
        """
        self._stirred = False
        came = self._sort(self.requests.receive(), happened)
        self.requests.back_off(now)
        self.requests.seek_room(now)
        # While messages come there is a connection: its monitor is looked at when none does.
        refused = None if came else self.requests.watch(now)
        if refused is not None:
            came |= self.fail(refused, happened)
        if self.waits:
            self.requests.open(self.endpoint, now)
        came |= self.events.turn(now)
        if self._pulse is not None:
            self._feel(self._pulse, now)
        self.flush()
        return came

    def hear(self, exchanges: Collection[Exchange]) -> bool:
        """Receive everything that arrived. Return whether all of it was for these exchanges, and none ended; if not, a turn is due."""
        before = self.requests.received
        news = 0
        for what in self.requests.receive():
            news += 1
            if isinstance(what, Greeted) or what.ended or what not in exchanges:
                self._stirred = True
                self._sort((what,), None)
        # Of some messages nobody is told, and they have consequences: there may be no room, for this connection or for a stream.
        self._stirred |= news < self.requests.received - before
        return not self._stirred

    def next_chunk(self, exchange: Exchange) -> Chunk | None:
        """Return the next chunk, and grant more; None if nothing has arrived, or the next reply is not a chunk."""
        if not exchange.items or not isinstance(exchange.items[0], Chunk):
            return None
        chunk = self.conversation.take(exchange)
        if self.conversation.has_outgoing:
            self.requests.flush()
        return chunk if isinstance(chunk, Chunk) else None

    def fail(self, refused: Refused, happened: Callable[[Exchange], None] | None = None) -> bool:
        """End everything with one refusal. Return whether there was anything."""
        failed = self.conversation.fail(refused)
        came = self.events.end(refused)
        return self._sort(failed, happened) or came

    def flush(self) -> None:
        """Send what is to be sent, as far as possible without waiting."""
        while self._dropped:
            what = self._dropped.popleft()
            if isinstance(what, Subscription):
                self.events.remove(what)
            else:
                self.conversation.forget(what)
        self.requests.flush()

    def take_tidings(self) -> Tidings:
        """Return the messages about the connection, once."""
        return self.requests.take_tidings()

    def move(self, endpoint: str | None) -> bool:
        """Use another endpoint from now on, if it is another one. Return whether it is."""
        if endpoint is None or endpoint == self.endpoint:
            return False
        self.endpoint = endpoint
        self.requests.monitored.close()
        self._stirred = True
        return True

    def repair(self) -> None:
        """Start over on a new connection, as after a loss: the last call was interrupted halfway."""
        self._stirred = True
        self.requests.repair()
        self.events.repair()

    # --- when to call it

    @property
    def is_stirred(self) -> bool:
        """Whether `turn` must be called before the next wait: since the last one, more was done than taking and feeding."""
        return self._stirred or len(self._dropped) > 0

    @property
    def is_calm(self) -> bool:
        """Whether nothing is due before something arrives: there is a connection that is not silent, and everything was sent."""
        return self.requests.is_calm and not self.is_stirred and not self.is_silent

    def due_at(self) -> float | None:
        """Return when `turn` has something to do even if nothing arrives."""
        pulse_at = self._pulse.due_at() if self._pulse is not None else None
        return min(filter(None, (self.requests.due_at(), self.events.due_at(), pulse_at, self._inquire_at)), default=None)

    def waited_on(self) -> list[tuple[Socket | int, int]]:
        """Return what to poll, sockets and descriptors."""
        return self.requests.waited_on() + self.events.monitored.waited_on()

    def is_readable(self) -> bool:
        """Return whether something arrived that no descriptor signals any more, because a send or an earlier look consumed the edge."""
        return any(isinstance(what, zmq.Socket) and readable(what) for what, _ in self.waited_on())

    def _feel(self, pulse: Pulse, now: float) -> None:
        """Check for a sign of life of the worker."""

        def is_moving() -> bool:
            known = self.requests.monitored.tcp_info()
            return known is not None and known.is_moving(pulse.patience)

        heard = self.requests.received + self.events.received
        waits = self.waits and self.conversation.greeted
        if not (waits and self._kind == "broker"):
            self._inquire_at = None
        match pulse.look(now, heard, waits=waits, is_moving=is_moving, looks_on=self.looks_on):
            case Sign.ASK:
                self.conversation.ask_for_a_sign(self._jobs())
            case Sign.SILENT:
                self.requests.tell(diagnosis.silent(self._kind, self.endpoint, pulse.silent_for(now)))
            case Sign.BACK:
                if self.looks_on():
                    self.requests.tell(diagnosis.answers(self._kind, self.endpoint))
            case Sign.NOTHING:
                self._tell_of_worker()
                if waits and self._kind == "broker":
                    self._inquire(pulse.patience, now)

    def _inquire(self, patience: float, now: float) -> None:
        """Query a broker about the next of its workers, if it is time: replies are signs of life of the broker, not of each worker."""
        if self._inquire_at is not None and now < self._inquire_at:
            return
        is_first, self._inquire_at = self._inquire_at is None, now + patience
        if not is_first and self.looks_on() and self.conversation.signs.number is None and (jobs := self._jobs()):
            self.conversation.ask_for_a_sign(jobs)

    def _jobs(self) -> list[job_pb2.JobKey]:
        return [*map(key_to_wire, self.looked_at()), *self.events.jobs]

    def _tell_of_worker(self) -> None:
        """Report what a broker says about the worker behind it. If the broker or the connection is lost, that is reported elsewhere."""
        silent, before = self.conversation.signs.silent_worker, self._silent_worker
        name = silent.name if silent is not None else ""
        if name == before or not self.looks_on():
            return
        self._silent_worker = name
        if silent is not None:
            self.requests.tell(diagnosis.silent_behind(silent.name, self.endpoint, silent.seconds))
        elif self.conversation.greeted:
            self.requests.tell(diagnosis.answers_behind(before, self.endpoint))

    @property
    def _kind(self) -> str:
        hello = self.conversation.hello
        return "broker" if hello is not None and hello.kind == "broker" else "worker"

    def _sort(self, happened: Iterable[Happened], tell: Callable[[Exchange], None] | None) -> bool:
        any_happened = False
        for what in happened:
            any_happened = True
            if isinstance(what, Greeted):
                self.requests.greeted()
                self.events.greeted(what, locate(what.hello.event_endpoint, self.requests.monitored.reached))
            elif not self.events.answered(what) and tell is not None:
                tell(what)
        return any_happened

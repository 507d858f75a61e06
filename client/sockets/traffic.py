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
from ...schemas.generated import request_pb2
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.refusal import Refused
from ..protocol.conversation import Chunk, Conversation, Exchange, Greeted, Happened, Item
from ..protocol.subscription import Subscription
from .backoff import Backoff
from .connecting.monitored_socket import MonitoredSocket
from .event_socket import EventSocket, locate
from .request_socket import RequestSocket, Tidings
from .silence import Silence


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
        self.silence = Silence(self.conversation, self.requests, self.events)

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
        if self.silence.is_wanted:
            self.silence.look(now, waits=self.waits)
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
        return self._stirred or self.silence.is_new or len(self._dropped) > 0

    @property
    def is_calm(self) -> bool:
        """Whether nothing is due before something arrives: there is a connection that is not silent, and everything was sent."""
        return self.requests.is_calm and not self.is_stirred and not self.silence.whose

    def due_at(self) -> float | None:
        """Return when `turn` has something to do even if nothing arrives."""
        return min(filter(None, (self.requests.due_at(), self.events.due_at(), self.silence.due_at())), default=None)

    def waited_on(self) -> list[tuple[Socket | int, int]]:
        """Return what to poll, sockets and descriptors."""
        return self.requests.waited_on() + self.events.monitored.waited_on()

    def is_readable(self) -> bool:
        """Return whether something arrived that no descriptor signals any more, because a send or an earlier look consumed the edge."""
        return any(isinstance(what, zmq.Socket) and readable(what) for what, _ in self.waited_on())

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

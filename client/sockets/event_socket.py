"""The event socket and its subscriptions. The socket is created with the first subscription.

Decides nothing about events: subscription.py does. This module sends its requests, subscribes to topics and passes events on.
"""

from __future__ import annotations

import zmq

from ...keys.sockets import Context, readable
from ...schemas.endpoint import host_of
from ...schemas.frames import read_news
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.refusal import Code, Refused
from ..protocol.conversation import Conversation, Exchange, Greeted
from ..protocol.subscription import Phase, Subscription
from .connecting import diagnosis
from .connecting.monitored_socket import Change, MonitoredSocket

# The worker's heartbeat comes every few seconds. A grant that is silent for this long is gone, or its news do not get through.
_SILENCE_SECONDS = 30.0
_MESSAGES_A_TURN = 256


class _Reader:
    """A subscription, with its pending request and the topic that the socket is subscribed to for it."""

    __slots__ = ("exchange", "heard_at", "subscription", "topic")

    def __init__(self, subscription: Subscription, now: float) -> None:
        self.subscription = subscription
        self.exchange: Exchange | None = None
        self.topic = b""
        self.heard_at = now


class EventSocket:
    """The subscriptions of one connection. `monitored` is the event socket, opened in `context`."""

    def __init__(self, conversation: Conversation, monitored: MonitoredSocket, context: Context) -> None:
        self.monitored = monitored
        self._conversation = conversation
        self._context = context
        self._endpoint = ""
        self._readers: dict[Subscription, _Reader] = {}
        self._by_topic: dict[bytes, _Reader] = {}
        self._by_exchange: dict[Exchange, _Reader] = {}
        # Requests for grants that nobody waits for any more: the grants are given back when they come.
        self._unwanted: set[Exchange] = set()
        # A request that is being made: an interruption may leave its exchange in the conversation, and in no place here.
        self._beginning: request_pb2.Request | None = None
        # Messages that came.
        self.received = 0

    def __len__(self) -> int:
        """Return the number of subscriptions."""
        return len(self._readers)

    @property
    def jobs(self) -> list[job_pb2.JobKey]:
        """The jobs that subscriptions name."""
        return [key for subscription in self._readers for key in subscription.jobs]

    def add(self, subscription: Subscription, now: float) -> None:
        """Process a subscription from now on."""
        self._readers[subscription] = _Reader(subscription, now)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription, here and at the worker."""
        reader = self._readers.get(subscription)
        if reader is not None:
            self._give_back(reader.subscription.topic)
            subscription.end()
            self._drop_request(reader)
            self._set_topic(reader)
            # Last: until then, `repair` finds it.
            del self._readers[subscription]

    def end(self, refused: Refused) -> bool:
        """End all subscriptions, because no worker can be reached. Return whether there was any."""
        ended = bool(self._readers)
        for reader in self._readers.values():
            self._drop_request(reader)
            reader.subscription.end(refused)
        self._readers.clear()
        return ended

    def close(self) -> None:
        """Close the socket."""
        self.monitored.close()

    def repair(self) -> None:
        """Start over, as after a lost connection: a turn was interrupted halfway. What was granted is given back."""
        self.monitored.close()
        begun = [one for one in self._conversation.unanswered if one.request is self._beginning]
        exchanges = (*begun, *self._by_exchange, *self._unwanted)
        topics = {topic for reader in self._readers.values() for topic in (reader.topic, reader.subscription.topic)}
        topics.update(item.subscribe.topic for one in exchanges for item in one.items if isinstance(item, request_pb2.Reply))
        for topic in topics:
            self._give_back(topic)
        for exchange in exchanges:
            self._conversation.forget(exchange)
        self._beginning = None
        self._by_exchange.clear()
        self._unwanted.clear()
        # The removal of one may have been interrupted.
        self._readers = {one: reader for one, reader in self._readers.items() if one.phase is not Phase.ENDED}
        for reader in self._readers.values():
            reader.exchange = None
            reader.subscription.grant_lost()

    # --- what happens

    def greeted(self, greeted: Greeted, event_endpoint: str) -> None:
        """Note which worker the conversation reached, and its event endpoint."""
        if event_endpoint != self._endpoint:
            self.monitored.close()
            self._endpoint = event_endpoint
        for reader in self._readers.values():
            if not greeted.new_run:
                # The connection may have been closed because of a change of the roster, which removes the grants too.
                self._renew(reader)
            elif reader.subscription.granted:
                # A request under way is answered by this run: a second one would leave a grant behind that nobody uses.
                reader.subscription.grant_lost()

    def answered(self, exchange: Exchange) -> bool:
        """Process a reply to a request of a subscription, and return whether it was one."""
        reader = self._by_exchange.get(exchange)
        if reader is None:
            return self._answered_unwanted(exchange)
        while exchange.items:
            # Taken once it is processed: until then, `repair` finds a grant in it.
            item = exchange.items[0]
            if isinstance(item, request_pb2.Reply):
                reader.subscription.receive(item)
            self._conversation.take(exchange)
        if exchange.ended:
            del self._by_exchange[exchange]
            if exchange.refusal is not None:
                reader.subscription.end(exchange.refusal)
        return True

    def turn(self, now: float) -> bool:
        """Receive what arrived and send what is due. Return whether anything arrived or ended."""
        if not self._readers and self.monitored.is_idle:
            return False
        came = self._hear(now)
        came |= self._watch(now)
        if not self._readers:
            # A connection is kept for the next reader, but not created without one.
            if not self.monitored.up:
                self.monitored.close()
            return came
        if not self.monitored.is_open and self._endpoint:
            self._open(now)
        for reader in self._readers.values():
            if reader.subscription.phase is Phase.LIVE and now - reader.heard_at > _SILENCE_SECONDS:
                self._renew(reader)
            request = reader.subscription.request()
            if request is not None:
                self._drop_request(reader)
                self._beginning = request
                reader.exchange = self._conversation.ask(request)
                # A new grant in place of one that is gone, and that the worker may still count.
                reader.exchange.resumes = reader.subscription.head is not None
                self._by_exchange[reader.exchange] = reader
                self._beginning = None
                reader.heard_at = now
            self._set_topic(reader)
        return came

    def due_at(self) -> float | None:
        """Return when `turn` has something to do even if nothing arrives."""
        times = [reader.heard_at + _SILENCE_SECONDS for reader in self._readers.values() if reader.subscription.phase is Phase.LIVE]
        due_at = self.monitored.due_at()
        if due_at is not None:
            times.append(due_at)
        return min(times, default=None)

    # --- how

    def _open(self, now: float) -> None:
        self.monitored.open(self._context, self._endpoint, now)
        self._by_topic.clear()
        for reader in self._readers.values():
            reader.topic = b""

    def _hear(self, now: float) -> bool:
        socket = self.monitored.socket
        if socket is None:
            return False
        came = False
        for _ in range(_MESSAGES_A_TURN):
            if not readable(socket):
                break
            frames = socket.recv_multipart(zmq.DONTWAIT)
            self.received += 1
            reader = self._by_topic.get(frames[0])
            if reader is not None:
                reader.heard_at = now
                reader.subscription.hear(read_news(frames[-1]))
                came = True
        return came

    def _watch(self, now: float) -> bool:
        """Tell the subscriptions what happened to the connection, and return whether that ended any."""
        ended = False
        for change in self.monitored.watch(now):
            if change is Change.DOWN:
                # New grants, not the old ones on the next connection: the worker may notice the end of this one after the beginning
                # of that, and treat the topic as abandoned.
                for reader in self._readers.values():
                    self._renew(reader)
            elif change is Change.FAILED and self.monitored.refusal is not None:
                refusal = self.monitored.refusal
                if refusal.code is Code.UNAVAILABLE and self._conversation.greeted:
                    refusal = diagnosis.no_events(self._endpoint, refusal)
                ended |= self.end(refusal)
        return ended

    def _renew(self, reader: _Reader) -> None:
        if reader.subscription.granted:
            self._give_back(reader.subscription.topic)
            reader.subscription.grant_lost()

    def _give_back(self, topic: bytes) -> None:
        if topic:
            # Nobody waits for the answer.
            self._conversation.ask(request_pb2.Request(unsubscribe=request_pb2.Unsubscribe(topic=topic)))

    def _answered_unwanted(self, exchange: Exchange) -> bool:
        if exchange not in self._unwanted:
            return False
        while exchange.items:
            item = exchange.items[0]
            if isinstance(item, request_pb2.Reply):
                self._give_back(item.subscribe.topic)
            self._conversation.take(exchange)
        if exchange.ended:
            self._unwanted.discard(exchange)
        return True

    def _drop_request(self, reader: _Reader) -> None:
        exchange = reader.exchange
        if exchange is None:
            return
        reader.exchange = None
        self._by_exchange.pop(exchange, None)
        if exchange.verb == "subscribe" and exchange.number and not exchange.ended and exchange not in self._conversation.room.postponed:
            # It was sent, and will be granted.
            self._unwanted.add(exchange)
        else:
            self._conversation.forget(exchange)

    def _set_topic(self, reader: _Reader) -> None:
        topic = reader.subscription.topic
        socket = self.monitored.socket
        if topic == reader.topic or socket is None:
            return
        if reader.topic:
            del self._by_topic[reader.topic]
            socket.set(zmq.UNSUBSCRIBE, reader.topic)
        if topic:
            self._by_topic[topic] = reader
            socket.set(zmq.SUBSCRIBE, topic)
        reader.topic = topic


def locate(event_endpoint: str, endpoint: str) -> str:
    """Return the event endpoint; a host of "*" is replaced by the host of `endpoint`."""
    return event_endpoint.replace("*", host_of(endpoint), 1)

"""The sockets of one client: a DEALER for the conversation, made at the first request, and a SUB for news, made at the first subscription.

Everything happens in the caller's thread, inside `pump`: send, receive, sort in. There is no thread of our own. A second thread that
calls in at the same time gets a RuntimeError: give each thread its own connection, they are cheap. A signal handler must not call in;
it may raise (as KeyboardInterrupt does), and the connection stays usable: see inside.py.

Until the first handshake, `connect_timeout` bounds the wait; a connection that is lost later is waited out as long as the caller
likes. What is unanswered is then repeated, see conversation.py.

A connection that is dropped unclosed closes itself, in the order that libzmq needs: nothing that holds sockets refers back to it, so
that it goes with its last reference, and at the latest when the interpreter ends.
"""

from __future__ import annotations

import math
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import zmq

from ..keys.identity import Identity
from ..keys.sockets import Context, new_context
from ..schemas.generated import request_pb2
from ..schemas.refusal import Code, Refused
from . import diagnosis
from .conversation import Conversation, Exchange, Greeted, Happened, Item, greeting
from .feed import Feed, locate
from .inside import Inside
from .link import Change, Link, readable
from .retreat import Retreat
from .subscription import Subscription

CONNECT_TIMEOUT_SECONDS = 5.0
_MESSAGES_A_TURN = 256
# What poll(2) is told is a C int. A longer wait is begun again.
_LONGEST_WAIT_SECONDS = 3600.0


class Connection:
    """One daemon, spoken to from one thread at a time. Connects at the first request, not before.

    `revive` is called when a connection is lost; it may start the daemon anew and return its endpoint. `notice` is told one sentence
    when a connection is lost, and one when it is back.
    """

    def __init__(
        self,
        endpoint: str,
        server_key: bytes,
        identity: Identity,
        *,
        connect_timeout: float = CONNECT_TIMEOUT_SECONDS,
        revive: Callable[[], str | None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self._revive = revive
        self.notice = notice
        # Who can tell somebody that it waits may wait.
        self._conversation = Conversation(identity, server_key, waits_outside=notice is not None)
        self._process = os.getpid()
        self._inside = Inside()
        self._context = new_context()
        self._close = weakref.finalize(self, _close, self._context, self._inside, self._process)
        # Only one's own worker can be revived.
        links = [Link(kind, server_key, identity, connect_timeout, private=revive is not None) for kind in (zmq.DEALER, zmq.SUB)]
        self._link = links[0]
        self._feed = Feed(self._conversation, links[1], self._context)
        self._unsent: deque[bytes] = deque()
        # For `_tell`: what is to be said, and whether the connection was lost.
        self._sentences: list[str] = []
        self._lost = False
        self._retreat = Retreat(share=os.getpid() % 64 / 63)
        # What readers that nobody holds any more were reading; appended to at any moment and by any thread.
        self._dropped: deque[Exchange | Subscription] = deque()
        self._inside.mend = partial(_mend, self._link, self._feed, self._conversation, self._unsent)

    @property
    def greeted(self) -> bool:
        """Whether there is a connection for requests at this moment."""
        return self._conversation.greeted

    # --- requests

    def ask(self, request: request_pb2.Request) -> Exchange:
        """Begin an exchange (the request's `id` is filled in); sent as soon as the daemon is greeted. Never waits."""
        with self._enter():
            exchange = self._conversation.ask(request)
            self._open(time.monotonic())
            self._flush()
        return exchange

    def take(self, exchange: Exchange) -> Item | None:
        """Get the next answer that came, a `Reply` or a `Chunk`, or None; grants more to a stream. Never waits."""
        with self._enter():
            item = self._conversation.take(exchange)
            self._flush()
        return item

    def next(self, exchange: Exchange, deadline: float | None = None) -> Item | None:
        """Wait for the next answer; None when the exchange has ended.

        `deadline` is on `time.monotonic`. Raises what was refused, and TimeoutError when the deadline has passed.
        """
        with self._enter():
            item = self._conversation.take(exchange)
            late = False
            while item is None and not exchange.ended and not late:
                late = not self._pump(deadline, ()) and deadline is not None and time.monotonic() >= deadline
                item = self._conversation.take(exchange)
            self._flush()
        if item is not None:
            return item
        if not exchange.ended:
            raise TimeoutError("the daemon did not answer in time")
        if exchange.refusal is not None:
            raise exchange.refusal.anew()
        return None

    def call(self, request: request_pb2.Request, deadline: float | None = None) -> Item:
        """Ask, and wait for the one answer. Raises as `next` does."""
        exchange = self.ask(request)
        try:
            item = self.next(exchange, deadline)
        except BaseException:
            self.forget(exchange)
            raise
        if item is None:
            raise Refused(Code.INTERNAL, "the daemon ended the request without an answer")
        return item

    def forget(self, exchange: Exchange) -> None:
        """Stop listening to an exchange; a stream is cancelled at the daemon. What came can still be taken."""
        if self.closed:
            return
        with self._enter():
            self._conversation.forget(exchange)
            self._flush()

    def hello(self, deadline: float | None = None) -> request_pb2.HelloReply:
        """Get what the daemon said of itself; connects if need be. Raises as `next` does."""
        if self._conversation.hello is not None:
            return self._conversation.hello
        reply = self.call(greeting(), deadline)
        if not isinstance(reply, request_pb2.Reply):
            raise Refused(Code.INTERNAL, "the daemon answered 'hello' with bytes of a log")
        return reply.hello

    # --- news

    def subscribe(self, subscription: Subscription) -> None:
        """Drive a subscription from now on; `subscription.take` gets its events after each `pump`."""
        with self._enter():
            now = time.monotonic()
            self._feed.add(subscription, now)
            self._open(now)
            self._feed.turn(now)
            self._flush()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let go of a subscription, here and at the daemon."""
        if self.closed:
            return
        with self._enter():
            self._feed.remove(subscription)
            self._flush()

    # --- readers

    def belongs_to(self, what: Exchange | Subscription, reader: object) -> None:
        """Let go of this with the next call after nobody holds its reader any more."""
        weakref.finalize(reader, self._dropped.append, what).atexit = False

    # --- the one place that waits

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Send and receive until anything came (True), or a wake fd can be read or the deadline passed (False).

        What came waits in its exchanges and subscriptions; a refusal too, so none is raised here. `deadline` is on `time.monotonic`; 0
        never waits.
        """
        with self._enter():
            return self._pump(deadline, wake_fds)

    def close(self) -> None:
        """Close the sockets; the jobs go on. Raises RuntimeError while another thread is in."""
        if not self.closed and self._process == os.getpid():
            self._inside.refuse_others()
        self._close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return not self._close.alive

    # --- how

    def _enter(self) -> Inside:
        if self.closed:
            raise RuntimeError("this connection was closed")
        if self._process != os.getpid():
            raise RuntimeError("this connection was made before a fork; the child needs its own")
        return self._inside

    def _open(self, now: float) -> None:
        if not self._link.is_open and not self._retreat.lasts(now):
            self._link.open(self._context, self.endpoint, now)

    def _pump(self, deadline: float | None, wake_fds: Sequence[int]) -> bool:
        woken = False
        while True:
            now = time.monotonic()
            came = self._turn(now)
            moved = self._tell()
            if came or woken or (deadline is not None and now >= deadline):
                return came
            if not (self._conversation.waits or len(self._feed) or wake_fds or deadline is not None):
                raise RuntimeError("there is nothing to wait for")
            if not moved:
                woken = self._wait(deadline, wake_fds)

    def _turn(self, now: float) -> bool:
        """Take in all that came, and send all that is due; never waits."""
        came = self._receive()
        self._come_again(now)
        came |= self._watch(now)
        if self._conversation.waits or len(self._feed):
            self._open(now)
        came |= self._feed.turn(now)
        self._flush()
        return came

    def _receive(self) -> bool:
        socket = self._link.socket
        came = False
        for _ in range(_MESSAGES_A_TURN):
            if socket is None or not readable(socket):
                break
            frame = socket.recv(zmq.DONTWAIT)
            data: bytes | memoryview = b""
            while socket.get(zmq.RCVMORE):
                data = socket.recv(zmq.DONTWAIT, copy=False).buffer
            came |= self._sort(self._conversation.receive(frame, data))
        return came

    def _come_again(self, now: float) -> None:
        """Come again later, where this was one connection too many."""
        refused = self._conversation.turned_away
        if refused is None:
            return
        if self._retreat.begin(now):
            self._sentences.append(f"{refused.message}; waiting until one is closed")
        self._unsent.clear()
        self._link.close()
        self._conversation.lost()

    def _sort(self, happened: Sequence[Happened]) -> bool:
        for what in happened:
            if isinstance(what, Greeted):
                self._retreat.end()
                self._feed.greeted(what, locate(what.hello.event_endpoint, self._link.reached))
            else:
                self._feed.answered(what)
        return bool(happened)

    def _watch(self, now: float) -> bool:
        """Tell the conversation what became of the connection; say whether that ended anything."""
        failed: list[Happened] = []
        ended = False
        for change in self._link.watch(now):
            self._unsent.clear()
            if change is Change.UP:
                if self._conversation.hello is not None:
                    self._sentences.append(diagnosis.back(self.endpoint))
                self._conversation.connected()
            else:
                self._conversation.lost()
                self._lost = True
            if change is Change.DOWN:
                self._sentences.append(diagnosis.lost(self.endpoint))
            if change is Change.FAILED and self._link.refusal is not None:
                failed += self._conversation.fail(self._link.refusal)
                ended |= self._feed.end(self._link.refusal)
        return self._sort(failed) or ended

    def _flush(self) -> None:
        while self._dropped:
            what = self._dropped.popleft()
            if isinstance(what, Subscription):
                self._feed.remove(what)
            else:
                self._conversation.forget(what)
        self._unsent.extend(self._conversation.outgoing())
        socket = self._link.socket
        while self._unsent and socket is not None and self._link.up:
            try:
                socket.send(self._unsent[0], zmq.DONTWAIT)
            except zmq.Again:
                # The pipe is not there yet, or gone: POLLOUT or the monitor tells.
                return
            self._unsent.popleft()

    def _tell(self) -> bool:
        """Pass on what became of the connection, and have a lost one revived, which both may take long; say whether it is elsewhere now."""
        sentences, self._sentences = self._sentences, []
        lost, self._lost = self._lost, False
        revive = self._revive if lost and not self._link.up else None
        if not sentences and revive is None:
            return False
        self._inside.let_signals_through()
        for sentence in sentences:
            if self.notice is not None:
                self.notice(sentence)
        endpoint = revive() if revive is not None else None
        self._inside.hold_signals_back()
        if endpoint is None or endpoint == self.endpoint:
            return False
        self.endpoint = endpoint
        self._link.close()
        return True

    def _wait(self, deadline: float | None, wake_fds: Sequence[int]) -> bool:
        """Wait until something may have changed; say whether a wake fd can be read."""
        times = [at for at in (deadline, self._retreat.until, self._link.due_at(), self._feed.due_at()) if at is not None]
        watched = self._link.waited_on(writable=bool(self._unsent)) + self._feed.link.waited_on()
        milliseconds = max(0, math.ceil(min(min(times) - time.monotonic(), _LONGEST_WAIT_SECONDS) * 1000)) if times else -1
        signals = self._inside.begin_wait()
        awake = zmq.zmq_poll([*watched, *((fd, zmq.POLLIN) for fd in (*wake_fds, *signals))], milliseconds)
        readable_fds = {what for what, _ in awake if isinstance(what, int)}
        self._inside.end_wait()
        return not readable_fds.isdisjoint(wake_fds)


def _mend(link: Link, feed: Feed, conversation: Conversation, unsent: deque[bytes]) -> None:
    """Begin anew on a new connection, as after a lost one: the last caller was interrupted halfway."""
    link.close()
    unsent.clear()
    conversation.mend()
    feed.mend()


def _close(context: Context, inside: Inside, process: int) -> None:
    """Close the sockets, then what they stand on. In a process that was forked they belong to its parent."""
    if process != os.getpid():
        return
    try:
        inside.refuse_others()
    except RuntimeError:
        # The interpreter ends while a daemon thread waits here; sockets are not to be closed under it, and end with the process.
        return
    context.destroy(linger=0)
    inside.close()

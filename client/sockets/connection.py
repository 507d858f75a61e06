"""The connection of a client that blocks: its traffic (traffic.py), and the one place where it waits.

Sending, receiving and dispatching happen in the caller's thread, inside `pump`; there is no other thread. A second thread that calls at the
same time gets a RuntimeError: give each thread its own connection. A signal handler may raise, as for KeyboardInterrupt, and the connection
stays usable; it may also use the connection while another call waits, which then checks again what it waits for (see signal_guard.py), or
close it, and then that call raises RuntimeError.

`connect_timeout` limits the wait for the first handshake. If the connection is lost later, the caller decides how long to wait for it;
unanswered requests are then repeated, see conversation.py.

A connection that is not closed explicitly closes itself, in the order that libzmq needs: nothing that holds sockets refers back to it, so
it is freed with its last reference, and at the latest when the interpreter exits.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import zmq

from ...keys.held_signals import held_back
from ...keys.identity import Identity
from ...keys.sockets import Context, new_context
from ...schemas.generated import request_pb2
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.refusal import Code, Refused
from ..protocol.conversation import Exchange, Item
from ..protocol.hello import greeting
from ..protocol.subscription import Subscription
from .log_flow import Show, pour
from .terminal_line import Line, relay
from .traffic import Traffic
from .waiting.onlooker import Onlooker, Purposeful, Wait, no_purpose
from .waiting.poll_time import milliseconds_until
from .waiting.signal_guard import SignalGuard

CONNECT_TIMEOUT_SECONDS = 5.0
_CLOSED = "this connection was closed"


class Connection:
    """The connection to one worker, used by one thread at a time. Connects at the first request, not before.

    `revive` is called when a connection is lost; it may start the worker again and return its endpoint. `notice` is called with a sentence
    when a connection is lost, and again when it is back.
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
        self.identity = identity
        self._revive = revive
        self.notice = notice
        # Who is shown each wait, and what the caller says it is for.
        self.onlooker: Onlooker | None = None
        self.purpose: Purposeful = no_purpose
        # Whether the last pump had nothing to wait for.
        self._idle = False
        self._process = os.getpid()
        self._guard = SignalGuard()
        with held_back():
            self._context = new_context()
            self._end = weakref.finalize(self, _end, self._context, self._guard, self._process)
        self._closed = False
        # Only a private worker can be revived. With `notice`, the caller knows that it waits.
        self._traffic = Traffic(
            self._context,
            endpoint,
            server_key,
            identity,
            connect_timeout=connect_timeout,
            private=revive is not None,
            waits_outside=notice is not None,
        )
        self.silence = self._traffic.silence
        self._guard.repair = self._traffic.repair

    @property
    def endpoint(self) -> str:
        """The endpoint of the worker; it may change when the worker is restarted."""
        return self._traffic.endpoint

    @property
    def greeted(self) -> bool:
        """Whether there is a connection for requests at this moment."""
        return self._traffic.conversation.greeted

    # --- requests

    def ask(self, request: request_pb2.Request) -> Exchange:
        """Start an exchange and return it; the request's `id` is filled in, and it is sent once `hello` is answered. Never waits."""
        with self._enter():
            exchange = self._traffic.ask(request, time.monotonic())
            self._traffic.flush()
        return exchange

    def take(self, exchange: Exchange) -> Item | None:
        """Return the next reply that arrived, a `Reply` or a `Chunk`, or None; grants more to a stream. Never waits."""
        with self._enter():
            item = self._traffic.take(exchange)
            self._traffic.flush()
        return item

    def feed(self, exchange: Exchange, data: bytes) -> None:
        """Send bytes of standard input, at most as many as `exchange.feeding` has room for; empty bytes are its end. Never waits."""
        with self._enter():
            self._traffic.feed(exchange, data)
            self._traffic.flush()

    def resize(self, exchange: Exchange, size: TerminalSize) -> None:
        """Set the size of the terminal at which an exchange types. Never waits."""
        with self._enter():
            self._traffic.resize(exchange, size)
            self._traffic.flush()

    def next(self, exchange: Exchange, deadline: float | None = None) -> Item | None:
        """Wait for the next reply and return it; None when the exchange has ended.

        `deadline` is on `time.monotonic`. Raises the refusal, and TimeoutError when the deadline has passed.
        """
        with self._enter(), self._not_closed_inside():
            item = self._traffic.take(exchange)
            late = False
            while item is None and not exchange.ended and not late:
                late = not self._pump(deadline, ()) and deadline is not None and time.monotonic() >= deadline
                item = self._traffic.take(exchange)
            self._traffic.flush()
        if item is not None:
            return item
        if not exchange.ended:
            raise TimeoutError("the worker did not answer in time")
        if exchange.refusal is not None:
            raise exchange.refusal.anew()
        return None

    def call(self, request: request_pb2.Request, deadline: float | None = None) -> Item:
        """Send a request and return its one reply. Raises as `next` does."""
        exchange = self.ask(request)
        try:
            item = self.next(exchange, deadline)
        except BaseException:
            self.forget(exchange)
            raise
        if item is None:
            raise Refused(Code.INTERNAL, "the worker ended the request without an answer")
        return item

    def forget(self, exchange: Exchange) -> None:
        """Stop an exchange; a stream is cancelled at the worker. Answers that have arrived can still be read."""
        if self.closed:
            return
        with self._enter():
            self._traffic.forget(exchange)
            self._traffic.flush()

    def hello(self, deadline: float | None = None) -> request_pb2.HelloReply:
        """Return the worker's reply to `hello`; connects if necessary. Raises as `next` does."""
        known = self._traffic.conversation.hello
        if known is not None:
            return known
        reply = self.call(greeting(), deadline)
        if not isinstance(reply, request_pb2.Reply):
            raise Refused(Code.INTERNAL, "the worker answered 'hello' with bytes of a log")
        return reply.hello

    # --- news

    def subscribe(self, subscription: Subscription) -> None:
        """Process a subscription from now on; after each `pump`, `subscription.take` returns its events."""
        with self._enter():
            self._traffic.subscribe(subscription, time.monotonic())
            self._traffic.flush()

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, here and at the worker."""
        if self.closed:
            return
        with self._enter():
            self._traffic.unsubscribe(subscription)
            self._traffic.flush()

    # --- onlookers

    @contextmanager
    def waits_for(self, purpose: Purposeful) -> Iterator[None]:
        """Show what the caller waits for in the block."""
        before, self.purpose = self.purpose, purpose
        try:
            yield
        finally:
            self.purpose = before

    # --- readers

    def belongs_to(self, what: Exchange | Subscription, reader: object) -> None:
        """End this with the next call after its reader was garbage-collected."""
        self._traffic.belongs_to(what, reader)

    # --- the one place that waits

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Send and receive. Return True when anything came or was told to `notice`, or False when a wake fd is readable or it is too late.

        What came is kept in its exchanges and subscriptions, including refusals, so none is raised here. `deadline` is on `time.monotonic`;
        with 0 it never waits.
        """
        with self._enter(), self._not_closed_inside():
            return self._pump(deadline, wake_fds)

    def relay(self, line: Line, wake_fds: Sequence[int]) -> bool:
        """Forward typed input and output until anything else happens. Return False, at once, if only `pump` can continue.

        Afterwards call `pump(0)` for anything else. One of `wake_fds` is readable when a signal arrived: the caller records them.
        """
        with self._enter(), self._not_closed_inside():
            return relay(self._traffic, self._guard, line, wake_fds)

    def pour(self, shown: Mapping[Exchange, Show], wake_fds: Sequence[int], deadline: float | None) -> bool:
        """Show the chunks of these exchanges until anything else happens. Return False, at once, if only `pump` can continue.

        Afterwards call `pump(0)` for anything else.
        """
        with self._enter(), self._not_closed_inside():
            return pour(self._traffic, self._guard, shown, wake_fds, (deadline, self._shown()))

    def close(self) -> None:
        """Close the sockets; the jobs continue. Raises RuntimeError while another thread uses the connection."""
        with held_back():
            if self._process == os.getpid() and not self.closed:
                self._guard.refuse_others()
            self._closed = True
            if self._end.detach() is not None:
                _close(self._context, self._guard, self._process)

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or the interpreter exits."""
        return not self._end.alive

    # --- how

    def _enter(self) -> SignalGuard:
        # When the interpreter exits, a daemon thread may still call: it waits for the end inside.
        if not self._end.alive and (self._closed or threading.current_thread() is threading.main_thread()):
            raise RuntimeError(_CLOSED)
        if self._process != os.getpid():
            raise RuntimeError("this connection was made before a fork; the child needs its own")
        return self._guard

    @contextmanager
    def _not_closed_inside(self) -> Iterator[None]:
        """Raise RuntimeError if a handler of a signal, or `notice`, has closed the connection during a wait in the block."""
        try:
            yield
        except zmq.ZMQError:
            if self._closed:
                raise RuntimeError(_CLOSED) from None
            raise

    def _pump(self, deadline: float | None, wake_fds: Sequence[int]) -> bool:
        is_due, woken = self._traffic.is_stirred, False
        entered = self._guard.entered
        while True:
            now = time.monotonic()
            is_late = deadline is not None and now >= deadline
            # Not before each wait and after it, because whoever types waits for both.
            if is_due or is_late:
                came = self._traffic.turn(now)
                told, moved = self._tell()
                if came or woken or is_late or told:
                    return came or told
                if self._guard.entered != entered:
                    # A handler or `notice` has called, and received what came, perhaps also what this call waits for.
                    return True
                if moved:
                    continue
            if not (self._traffic.waits or wake_fds or deadline is not None):
                # Once may be right: a handler has called after the caller looked, and received what that waits for.
                self._idle = not self._idle
                if self._idle:
                    return True
                raise RuntimeError("there is nothing to wait for")
            self._idle = False
            came_here, woken = self._wait(deadline, wake_fds)
            if self._closed:
                raise RuntimeError(_CLOSED)
            if woken and not came_here:
                return False
            is_due = True

    def _tell(self) -> tuple[bool, bool]:
        """Report what happened to the connection and restart the worker of a lost one, which may both take long.

        Return whether there was anything to report, and whether the endpoint changed.
        """
        sentences, lost = self._traffic.take_tidings()
        revive = self._revive if lost and not self._traffic.requests.monitored.up else None
        if not sentences and revive is None:
            return False, False
        self._guard.let_signals_through()
        for sentence in sentences:
            if self.notice is not None:
                self.notice(sentence)
        endpoint = revive() if revive is not None else None
        self._guard.hold_signals_back()
        return bool(sentences), self._traffic.move(endpoint)

    def _shown(self) -> float | None:
        """Show the onlooker what is waited for, and return when to do that again."""
        if self.onlooker is None:
            return None
        conversation = self._traffic.conversation
        return self.onlooker.look(Wait(self.endpoint, conversation.greeted, conversation.unanswered, self.purpose(), self.silence.whose))

    def _wait(self, deadline: float | None, wake_fds: Sequence[int]) -> tuple[bool, bool]:
        """Wait until something may have changed. Return whether that may be on a socket, and whether a wake fd is readable."""
        milliseconds = milliseconds_until((deadline, self._traffic.due_at(), self._shown()))
        watched = self._traffic.waited_on()
        signals = self._guard.begin_wait()
        awake = zmq.zmq_poll([*watched, *[(fd, zmq.POLLIN) for fd in (*wake_fds, *signals)]], milliseconds)
        self._guard.end_wait(any_signal=any(what in signals for what, _ in awake))
        woken = sum(what in wake_fds for what, _ in awake)
        return len(awake) > woken, woken > 0


def _close(context: Context, guard: SignalGuard, process: int) -> None:
    """Close the sockets, then their context. In a forked process they belong to the parent."""
    if process == os.getpid():
        context.destroy(linger=0)
        guard.close()


def _end(context: Context, guard: SignalGuard, process: int) -> None:
    """Close what nobody refers to any more, or what is open when the interpreter exits."""
    # While a daemon thread waits inside, its sockets must not be closed: they end with the process.
    if process == os.getpid():
        with held_back():
            if guard.shut():
                _close(context, guard, process)

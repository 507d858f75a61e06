"""The connection of a client on an event loop: its traffic (../sockets/traffic.py), and the tasks that wait for parts of it.

Everything happens in the thread of the loop. A waiting task that is cancelled leaves nothing: its request is dropped where it was made.
What may take long, such as finding or restarting the worker, happens in a thread of the loop's executor.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable

from ....keys.held_signals import held_back
from ....keys.sockets import Context, new_context
from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from ...library.destination import Destination
from ...protocol.conversation import Exchange, Item
from ...protocol.hello import greeting
from ...protocol.subscription import Subscription
from ...sockets.silence import Silence
from ...sockets.traffic import Traffic
from ..streams.readers import Readers
from .wakeup import Wakeup


class AsyncConnection:
    """The connection to one worker. `find` is called at first use, in a thread; `notice` with sentences about the connection.

    `patience`: after how many seconds without a response of the worker `notice` is called; None: not before the connection is lost.
    """

    def __init__(self, find: Callable[[], Destination], notice: Callable[[str], None] | None, patience: float | None = None) -> None:
        self.notice = notice
        self._find = find
        self._patience = patience
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._in_order = asyncio.Lock()
        self._entering = 0
        self._reviving: asyncio.Future[str | None] | None = None
        self._destination: Destination | None = None
        self._closed = False
        self._readers = Readers()

    # --- open and close

    @property
    def is_open(self) -> bool:
        """Whether the worker was found; the connection may be lost at the moment."""
        return self._destination is not None and not self._closed

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def greeted(self) -> bool:
        """Whether there is a connection for requests at this moment."""
        return self._traffic.conversation.greeted

    @property
    def silence(self) -> Silence:
        """Whether the worker responds."""
        return self._traffic.silence

    @property
    def endpoint(self) -> str:
        """The endpoint of the worker; it may change when the worker is restarted."""
        self._check()
        return self._traffic.endpoint

    @property
    def owner(self) -> bytes:
        """The public key of the owner of jobs that this client starts."""
        return self._found.identity.owner

    async def open(self) -> None:
        """Find the worker, if that was not done yet. Raises what finding it raises; then it can be called again."""
        self._check()
        if self._destination is not None and not self._entering:
            return
        if self._opening is None or (self._opening.done() and self._destination is None):
            self._opening = asyncio.get_running_loop().create_task(self._open())
            # Whoever asked for it may be cancelled meanwhile.
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        opening = self._opening
        self._entering += 1
        try:
            # In the order in which they came: who comes when it has just been done would otherwise be ahead of those that it has not woken.
            async with self._in_order:
                # Others may wait for the same.
                await asyncio.shield(opening)
        finally:
            self._entering -= 1
            if opening.done() and not self._entering:
                self._opening = None
        self._check()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, self._find)
        if self._closed:
            return
        self._context = new_context()
        self._traffic = Traffic(
            self._context,
            found.endpoint,
            found.server_key,
            found.identity,
            connect_timeout=found.connect_timeout,
            private=found.revive is not None,
            waits_outside=self.notice is not None,
        )
        self._traffic.silence.patience = self._patience
        self._wakeup = Wakeup(loop, weakly(self._turn))
        self._end = weakref.finalize(self, _end, self._context, self._wakeup, self._process)
        self._destination = found

    def close(self) -> None:
        """Close the sockets; waiting tasks get a RuntimeError. The jobs continue."""
        if self._closed:
            return
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._destination is not None:
            self._end()
        self._readers.close()

    # --- requests

    def ask(self, request: request_pb2.Request) -> Exchange:
        """Begin an exchange and return it."""
        self._check()
        exchange = self._traffic.ask(request, time.monotonic())
        self._wakeup.soon()
        return exchange

    def take(self, exchange: Exchange) -> Item | None:
        """Return the next reply that arrived, or None."""
        if self._closed:
            raise RuntimeError("this client was closed")
        item = self._traffic.take(exchange)
        if item is not None:
            self._wakeup.soon()
        return item

    def feed(self, exchange: Exchange, data: bytes) -> None:
        """Send bytes of a job's standard input, at most as many as `exchange.feeding` has room for; empty bytes are its end."""
        if not self._closed:
            self._traffic.feed(exchange, data)
            self._wakeup.soon()

    async def next(self, exchange: Exchange) -> Item | None:
        """Wait for the next reply and return it; None when the exchange has ended. Raises the refusal."""
        while (item := self.take(exchange)) is None and not exchange.ended:
            await self.news(exchange)
        if item is None and exchange.refusal is not None:
            raise exchange.refusal.anew()
        return item

    async def call(self, request: request_pb2.Request) -> Item:
        """Send a request and return its one reply. Raises the refusal."""
        exchange = self.ask(request)
        try:
            item = await self.next(exchange)
        finally:
            self.forget(exchange)
        if item is None:
            raise Refused(Code.INTERNAL, "the worker ended the request without an answer")
        return item

    def forget(self, exchange: Exchange) -> None:
        """Stop an exchange; a stream is cancelled at the worker."""
        self._readers.forget(exchange)
        if not self._closed and not exchange.ended:
            self._traffic.forget(exchange)
            self._wakeup.soon()

    async def hello(self) -> request_pb2.HelloReply:
        """Return the worker's reply to `hello`."""
        known = self._traffic.conversation.hello
        if known is not None:
            return known
        reply = await self.call(greeting())
        if not isinstance(reply, request_pb2.Reply):
            raise Refused(Code.INTERNAL, "the worker answered 'hello' with bytes of a log")
        return reply.hello

    # --- news

    def subscribe(self, subscription: Subscription) -> None:
        """Process a subscription from now on."""
        self._check()
        self._traffic.subscribe(subscription, time.monotonic())
        self._wakeup.soon()

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, here and at the worker."""
        self._readers.forget(subscription)
        if not self._closed:
            self._traffic.unsubscribe(subscription)
            self._wakeup.soon()

    def belongs_to(self, what: Exchange | Subscription, reader: object) -> None:
        """End this soon after its reader was garbage-collected."""
        self._traffic.belongs_to(what, reader)
        weakref.finalize(reader, self._wakeup.soon_from_any_thread).atexit = False

    # --- who waits

    async def news(self, what: Exchange | Subscription) -> None:
        """Wait for news of an exchange, or of any subscription. Raises RuntimeError if another task waits for the same."""
        self._check()
        await self._readers.wait(what)

    def on_news(self, what: Exchange | Subscription, callback: Callable[[], None]) -> None:
        """Call this on all news, and when the client is closed, until `forget`."""
        self._readers.call(what, callback)

    # --- how

    @property
    def _found(self) -> Destination:
        if self._destination is None:
            raise RuntimeError("this client is not connected yet: await one of its verbs, or use it in 'async with'")
        return self._destination

    def _check(self) -> None:
        if self._closed:
            raise RuntimeError("this client was closed")
        if self._process != os.getpid():
            raise RuntimeError("this client was made before a fork; the child needs its own")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this client belongs to another event loop; give each loop its own")

    def _turn(self) -> None:
        if self._closed or self._process != os.getpid():
            return
        try:
            came = self._traffic.turn(time.monotonic(), self._readers.notify)
        except Refused as refused:
            came = self._traffic.fail(refused, self._readers.notify)
        if came:
            self._readers.notify_subscribers()
        self._tell()
        if self.closed:
            # By `notice`.
            return
        self._wakeup.watch(self._traffic.waited_on(), self._traffic.due_at())
        if self._traffic.is_readable():
            self._wakeup.soon()

    def _tell(self) -> None:
        sentences, lost = self._traffic.take_tidings()
        for sentence in sentences:
            if self.notice is not None:
                self.notice(sentence)
        revive = self._found.revive
        if lost and revive is not None and self._reviving is None and not self._traffic.requests.monitored.up:
            self._reviving = asyncio.get_running_loop().run_in_executor(None, revive)
            self._reviving.add_done_callback(weakly(self._revived))

    def _revived(self, revived: asyncio.Future[str | None]) -> None:
        self._reviving = None
        if self._closed or revived.cancelled():
            return
        problem = revived.exception()
        if problem is None:
            self._traffic.move(revived.result())
        else:
            refused = problem if isinstance(problem, Refused) else Refused(Code.UNAVAILABLE, f"the worker cannot be started: {problem}")
            self._traffic.fail(refused, self._readers.notify)
        self._wakeup.soon()


def weakly(method: Callable[..., object], *first: object) -> Callable[..., None]:
    """Return a function that calls a method while its object exists: a loop must not keep a client alive that nobody refers to."""
    weak = weakref.WeakMethod(method)

    def call(*arguments: object) -> None:
        alive = weak()
        if alive is not None:
            alive(*first, *arguments)

    return call


def _end(context: Context, wakeup: Wakeup, process: int) -> None:
    """Close everything. In a forked process the sockets belong to the parent."""
    if process == os.getpid():
        with held_back():
            wakeup.close()
            context.destroy(linger=0)

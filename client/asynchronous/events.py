"""Events as an asynchronous iterator over a subscription, and how to continue if some were missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import Self

from ...schemas.generated import event_pb2, request_pb2
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ..library.attached import Attached
from ..library.events import CursorTooOld, Start, ask_for_position, read_start, take_many
from ..library.options.arguments import Duration, deadline_in
from ..library.requests.queries import query_by_key
from ..library.values.event import Event, EventCursor, event
from ..library.values.job_info import JobInfo, job_info
from ..protocol.subscription import MISSED, Phase, Subscription
from .dialogue import carry_out
from .loop.limit import Deadline, Limit
from .loop.session import AsyncSession


class AsyncEventStream(Attached):
    """Every event after a position, in order and once, even if the worker restarts; for one task at a time.

    From `await`, `async with` or the first event on, no event is missed. It does not end by itself: use it in `async with`, or `close` it.
    Raises `AsyncCursorTooOld` if events were missed because they are no longer kept, and TimeoutError at its deadline.
    """

    def __init__(self, session: AsyncSession, wanted: event_pb2.Filter, start: Start, timeout: Duration | None) -> None:
        self._only = take_many(wanted)
        self._session = session
        self._wanted = wanted
        self._start = read_start(start)
        self._deadline = Deadline(deadline_in(timeout))
        self._subscription: Subscription | None = None
        self._closed = False

    @property
    def cursor(self) -> EventCursor:
        """The position reached; to continue after an event use `Event.cursor`."""
        at = (self._subscription.cursor if self._subscription is not None else None) or event_pb2.Cursor()
        return EventCursor(at.store, at.seq)

    @property
    def ended(self) -> bool:
        """Whether the stream is closed."""
        return self._closed or (self._subscription is not None and self._subscription.phase is Phase.ENDED)

    def __await__(self) -> Generator[object, None, Self]:
        """Subscribe, and return itself."""
        return self._open().__await__()

    async def __aenter__(self) -> Self:
        """Subscribe, and return itself; it is closed at the end of the block."""
        return await self._open()

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event and return it."""
        if self.ended and self._subscription is None:
            raise StopAsyncIteration
        subscription = await self._subscribed()
        while (known := self._take(subscription)) is None:
            if self.ended:
                raise StopAsyncIteration
            await self._step(subscription)
        return known

    def close(self) -> None:
        """End the subscription."""
        self._closed = True
        if self._subscription is not None:
            self._session.connection.unsubscribe(self._subscription)

    async def _open(self) -> Self:
        await self._subscribed()
        return self

    async def _subscribed(self) -> Subscription:
        if self._subscription is None:
            if self._closed:
                raise RuntimeError("this stream of events was closed")
            connection = self._session.connection
            cursor = self._start
            async with Limit(self._deadline):
                await connection.open()
                if cursor is not None and not isinstance(cursor, EventCursor):
                    found = await carry_out(connection, ask_for_position(self._wanted, cursor))
                    cursor = found
            after = None if cursor is None else event_pb2.Cursor(store=cursor.store, seq=cursor.seq)
            self._subscription = Subscription(self._wanted, after)
            connection.belongs_to(self._subscription, self)
            connection.subscribe(self._subscription)
            try:
                while not self._subscription.granted and self._subscription.phase is not Phase.ENDED:
                    await self._step(self._subscription)
                self._raise_refusal(self._subscription)
            except BaseException:
                # A later attempt begins anew.
                connection.unsubscribe(self._subscription)
                self._subscription = None
                raise
        return self._subscription

    def _take(self, subscription: Subscription) -> Event | None:
        while (message := subscription.take()) is not None:
            known = event(self.cursor.store, message)
            if known is not None and (not self._only or known.key in self._only):
                return known
        self._raise_refusal(subscription)
        return None

    def _raise_refusal(self, subscription: Subscription) -> None:
        refused, head = subscription.refusal, subscription.head
        if refused is not None and refused.reason in MISSED and head is not None:
            raise AsyncCursorTooOld(refused, EventCursor(head.store, head.seq), self._session, self._wanted)
        if refused is not None:
            raise refused.anew()

    async def _step(self, subscription: Subscription) -> None:
        try:
            async with Limit(self._deadline):
                await self._session.connection.news(subscription)
        except TimeoutError:
            raise TimeoutError("no event came in time") from None


class AsyncCursorTooOld(CursorTooOld):
    """Raised by `AsyncEventStream` if events after a cursor are no longer kept: a `CursorTooOld` whose `jobs()` is for `async for`."""

    def __init__(self, refused: Refused, cursor: EventCursor, session: AsyncSession, wanted: event_pb2.Filter) -> None:
        super().__init__(refused, cursor, None, wanted)
        self._loop_session = session

    async def jobs(self) -> AsyncIterator[JobInfo]:  # type: ignore[override] # reason: the same verb, with `async for`
        """Iterate over the jobs of the subscription in their current state, including those that have ended; oldest first."""
        wanted = self._wanted
        labels = {(label.name, label.value) for label in wanted.labels}
        if not wanted.jobs:
            async for info in self._loop_session.list_jobs(request_pb2.List(all=True, owner=wanted.owner, batch=wanted.batch)):
                if labels <= set(info.spec.labels):
                    yield info
            return
        for key in wanted.jobs:
            try:
                found = (await self._loop_session.reply(query_by_key(JobKey(key.owner, key.id)), "query_one")).query_one.job
            except Refused as refused:
                # Forgotten: there is nothing to report.
                if refused.code is not Code.NOT_FOUND:
                    raise
                continue
            info = job_info(found)
            if labels <= set(info.spec.labels):
                yield info

"""Events as an iterator over a subscription: where it starts, possibly at a time, and how to continue if some were missed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from ...schemas.clock import wall_us
from ...schemas.frames import MOST_JOBS_PER_FILTER
from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.naming import JobKey
from ...schemas.protocol_version import PROTOCOL_VERSION
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.wire_codec import key_to_wire
from ..protocol.subscription import MISSED, Phase, Subscription
from .attached import Attached
from .options.arguments import microseconds
from .requests.dialogue import Dialogue, carry_out, reply_with
from .requests.queries import query_by_key
from .session import Session
from .values.event import Event, EventCursor, event
from .values.job_info import JobInfo, job_info

NOW = "now"
START: Final = "start"
# `NOW`, `START`, after a cursor (also as a text), or since a time or for so long.
Start: TypeAlias = str | EventCursor | datetime | timedelta


def read_start(start: Start) -> EventCursor | Literal["start"] | datetime | timedelta | None:
    """Return where to start; None: now."""
    if not isinstance(start, str):
        return start
    if start == NOW:
        return None
    return START if start == START else EventCursor.parse(start)


class EventStream(Attached):
    """Every event after a position, in order and once, even if the worker restarts. It does not end by itself: `close` it.

    Raises `CursorTooOld` if events were missed because they are no longer kept, and TimeoutError at its deadline.
    """

    def __init__(self, session: Session, wanted: event_pb2.Filter, start: Start, deadline: float | None) -> None:
        self._only = take_many(wanted)
        cursor = read_start(start)
        if cursor is not None and not isinstance(cursor, EventCursor):
            found = carry_out(lambda request: session.connection.call(request, deadline), ask_for_position(wanted, cursor))
            cursor = found
        after = None if cursor is None else event_pb2.Cursor(store=cursor.store, seq=cursor.seq)
        self._session = session
        self._wanted = wanted
        self._deadline = deadline
        self._subscription = Subscription(wanted, after)
        session.connection.belongs_to(self._subscription, self)
        session.connection.subscribe(self._subscription)
        try:
            # From here on nothing is missed; the caller may start the jobs in question.
            while not self._subscription.granted and self._subscription.phase is not Phase.ENDED:
                self._step()
            self._raise_refusal()
        except BaseException:
            self.close()
            raise

    @property
    def cursor(self) -> EventCursor:
        """The position reached; to continue after an event use `Event.cursor`."""
        at = self._subscription.cursor or event_pb2.Cursor()
        return EventCursor(at.store, at.seq)

    @property
    def ended(self) -> bool:
        """Whether the stream is closed."""
        return self._subscription.phase is Phase.ENDED

    @property
    def is_up_to_date(self) -> bool:
        """Whether there is nothing to take, and nothing in transit, as far as is known."""
        return self._subscription.is_up_to_date

    def look_again(self) -> None:
        """Request what has happened up to now and may not have arrived; until it has, this is not up to date."""
        self._subscription.look_again()

    def take(self) -> Event | None:
        """Return the next event that has arrived, without waiting; None if there is none.

        Raises the error that ended the subscription.
        """
        while (message := self._subscription.take()) is not None:
            known = event(self.cursor.store, message)
            if known is not None and (not self._only or known.key in self._only):
                return known
        self._raise_refusal()
        return None

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> Event:
        """Wait for the next event and return it."""
        while (known := self.take()) is None:
            if self.ended:
                raise StopIteration
            self._step()
        return known

    def close(self) -> None:
        """End the subscription."""
        self._session.connection.unsubscribe(self._subscription)

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _raise_refusal(self) -> None:
        refused, head = self._subscription.refusal, self._subscription.head
        if refused is not None and refused.reason in MISSED and head is not None:
            raise CursorTooOld(refused, EventCursor(head.store, head.seq), self._session, self._wanted)
        if refused is not None:
            raise refused.anew()

    def _step(self) -> None:
        if not self._session.pump(self._deadline) and self._deadline is not None and time.monotonic() >= self._deadline:
            raise TimeoutError("no event came in time")


class CursorTooOld(Refused):
    """Raised if events after a cursor are no longer kept, or the store is another one: a `Refused(OUT_OF_RANGE)`.

    `cursor` is the position to continue from, and `jobs()` returns the current state of the jobs. `client.events(cursor)` returns
    everything that happens after `cursor`, so that nothing is missed in between.
    """

    def __init__(self, refused: Refused, cursor: EventCursor, session: Session | None, wanted: event_pb2.Filter) -> None:
        next_step = f"check the jobs with jobwire list -a, then continue with: jobwire events --from {cursor}"
        super().__init__(Code.OUT_OF_RANGE, refused.message, next_step, reason=refused.reason)
        self.cursor = cursor
        self._session = session
        self._wanted = wanted

    def __reduce__(self) -> tuple[type[Refused], tuple[Code, str, str, int | None, Reason | None]]:
        """Return how to pickle it, as a plain refusal: a connection cannot be pickled."""
        return Refused, (self.code, self.message, self.next_step, self.job_index, self.reason)

    @property
    def _asked(self) -> Session:
        if self._session is None:
            raise RuntimeError("this was raised on an event loop, where jobs() is another one")
        return self._session

    def jobs(self) -> Iterator[JobInfo]:
        """Iterate over the jobs of the subscription in their current state, including those that have ended; oldest first."""
        wanted = self._wanted
        labels = {(label.name, label.value) for label in wanted.labels}
        listed = request_pb2.List(all=True, owner=wanted.owner, batch=wanted.batch)
        for info in self._named() if wanted.jobs else self._asked.list_jobs(listed):
            if labels <= set(info.spec.labels):
                yield info

    def _named(self) -> Iterator[JobInfo]:
        for key in self._wanted.jobs:
            try:
                found = self._asked.reply(query_by_key(JobKey(key.owner, key.id)), "query_one").query_one.job
            except Refused as refused:
                # Forgotten: there is nothing to report.
                if refused.code is not Code.NOT_FOUND:
                    raise
                continue
            yield job_info(found)


def ask_for_position(wanted: event_pb2.Filter, start: str | timedelta | datetime) -> Dialogue[EventCursor]:
    """Find the position after which no kept event is missing (`START`), or that of a time.

    If the clock was set back in between, events may be missing or added.
    """
    granted = reply_with("subscribe", (yield request_pb2.Request(subscribe=request_pb2.Subscribe(filter=wanted)))).subscribe
    yield request_pb2.Request(unsubscribe=request_pb2.Unsubscribe(topic=granted.topic))
    store, head = granted.head.store, granted.head.seq
    since_us = None
    if not isinstance(start, str):
        since_us = yield from _microseconds(start)
    # Bisected, as there may be millions: after `before`, events are missing or too old, and after `found` they are not.
    before, found, middle = -1, head, 0
    while found - before > 1:
        first = yield from _first_after(wanted, event_pb2.Cursor(store=store, seq=middle), head)
        if isinstance(first, Refused) or (since_us is not None and first is not None and first.at_us < since_us):
            before = middle
        else:
            found = middle
        middle = (before + found) // 2
    return EventCursor(store, found)


def _microseconds(start: timedelta | datetime) -> Dialogue[int]:
    if not isinstance(start, timedelta):
        return microseconds(start)
    asked = request_pb2.Hello(oldest_version=PROTOCOL_VERSION, newest_version=PROTOCOL_VERSION)
    hello = reply_with("hello", (yield request_pb2.Request(hello=asked))).hello
    return (hello.now_us or wall_us()) - start // timedelta(microseconds=1)


def _first_after(wanted: event_pb2.Filter, after: event_pb2.Cursor, head: int) -> Dialogue[event_pb2.Event | Refused | None]:
    """Return the first event after a position, None if there is none; the refusal if not all of them are kept."""
    while True:
        try:
            answer = yield request_pb2.Request(replay=request_pb2.Replay(filter=wanted, after=after, limit=1))
        except Refused as refused:
            if refused.reason is Reason.CURSOR_TOO_OLD:
                return refused
            raise
        replayed = reply_with("replay", answer).replay
        if replayed.events or not replayed.more or replayed.upto.seq >= head:
            return replayed.events[0] if replayed.events else None
        # The worker has looked through so many, and found none for this filter.
        after = replayed.upto


def take_many(wanted: event_pb2.Filter) -> frozenset[tuple[bytes, bytes]]:
    """Remove the jobs from a filter that exceed its limit, and return them: events of other jobs then arrive too, and are dropped here."""
    if len(wanted.jobs) <= MOST_JOBS_PER_FILTER:
        return frozenset()
    only = frozenset((key.owner, key.id) for key in wanted.jobs)
    wanted.ClearField("jobs")
    return only


def make_filter(keys: Iterable[JobKey], batch: bytes | None, owner: bytes | None, labels: Mapping[str, str] | None) -> event_pb2.Filter:
    """Return the filter for the events that are wanted."""
    return event_pb2.Filter(
        owner=owner or b"",
        batch=batch or b"",
        labels=[job_pb2.Label(name=name, value=value) for name, value in (labels or {}).items()],
        jobs=[key_to_wire(key) for key in keys],
    )

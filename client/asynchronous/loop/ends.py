"""Waiting for the ends of jobs, for any number of tasks and jobs at once.

The end of a job is reported by the start or stop that watches it, or else by events: one subscription for each owner of such jobs, however
many jobs and tasks there are. It is opened with the first of them and closed with the last. Without events (their port may be closed), the
logs of some jobs are followed, which end with the jobs, and the other jobs are queried now and then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Self

from ....schemas.generated import event_pb2, request_pb2
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...library.known_jobs import KnownJobs, Record
from ...library.requests.queries import query_by_key
from ...protocol.exchange import Exchange
from ...protocol.subscription import MISSED, Phase, Subscription
from .connection import AsyncConnection, weakly

# Concurrent requests for many jobs: far below what a worker holds for one peer.
_QUERIES_AT_ONCE = 64
# If events do not get through: how many jobs are watched by their logs at once, and how often the others are queried.
_FOLLOWED_AT_ONCE = 16
_LOOK_SECONDS = 5.0


class Waiting:
    """The ends of some jobs, taken by one task. A context manager: on exit, it stops waiting for these jobs.

    `changed` is called with each record whose state has changed.
    """

    def __init__(self, ends: Ends, records: Iterable[Record], changed: Callable[[Record], None] | None = None) -> None:
        once = dict.fromkeys(records)
        self.pending = dict.fromkeys(record for record in once if record.outcome is None)
        self._ended = deque(record for record in once if record.outcome is not None)
        self._changed = changed
        self._ends = ends
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        """Start waiting for the jobs that have not ended."""
        self._ends.begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop waiting."""
        self._ends.end(self)

    async def next(self) -> Record | None:
        """Return the next job that has ended, each once; None if none is left. Raises why the end of a job is unknown."""
        while not self._ended:
            if self._failure is not None:
                # It may be raised again, and keeps all frames that it passed.
                raise self._failure.with_traceback(None)
            if not self.pending:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._ended.popleft()

    async def all(self) -> None:
        """Wait until all have ended."""
        while await self.next() is not None:
            pass

    def note(self, record: Record) -> None:
        """Note that the state of a job has changed."""
        if self._changed is not None:
            self._changed(record)
        if record.outcome is not None and record in self.pending:
            del self.pending[record]
            self._ended.append(record)
            self._wake()

    def fail(self, why: BaseException) -> None:
        """Note why the end of a job is unknown."""
        self._failure = self._failure or why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Ends:
    """Which tasks wait for which jobs, and the sources of their ends."""

    def __init__(self, connection: AsyncConnection, known_jobs: KnownJobs) -> None:
        self._connection = connection
        self._known_jobs = known_jobs
        self._waiting: dict[Record, list[Waiting]] = {}
        self._listeners: dict[bytes, _Listener] = {}
        known_jobs.listeners.append(weakly(self._note))

    def begin(self, waiting: Waiting) -> None:
        """Add a waiting task."""
        for record in waiting.pending:
            self._waiting.setdefault(record, []).append(waiting)
            if not record.is_watched:
                self._hear(record)

    def end(self, waiting: Waiting) -> None:
        """Remove a waiting task."""
        for record in waiting.pending:
            others = self._waiting.get(record, [])
            if waiting in others:
                others.remove(waiting)
            if not others:
                self._drop(record)

    def watch_ended(self, exchange: Exchange) -> None:
        """Note that a start or stop no longer watches its jobs, because they have ended or it was refused."""
        for record in [record for record in self._waiting if record.watch is exchange]:
            self._hear(record)

    def fail(self, record: Record, why: BaseException) -> None:
        """Make those who wait for a job raise why its end is unknown."""
        if isinstance(why, Refused):
            # For a job that a rebuilt store lacks, the refusal of its watch explains more than "there is no job".
            why = record.watch.refusal if record.watch is not None and record.watch.refusal is not None else why
        for waiting in [*self._waiting.get(record, ())]:
            waiting.fail(why.anew() if isinstance(why, Refused) else why)

    def close(self) -> None:
        """Make all waiting tasks raise, because the client was closed."""
        for listener in [*self._listeners.values()]:
            listener.close()
        for record in [*self._waiting]:
            self.fail(record, RuntimeError("this client was closed"))

    def _note(self, record: Record) -> None:
        for waiting in [*self._waiting.get(record, ())]:
            waiting.note(record)
        if record.outcome is not None:
            self._drop(record)

    def _hear(self, record: Record) -> None:
        owner = record.key.owner
        if owner not in self._listeners or self._listeners[owner].done:
            self._listeners[owner] = _Listener(owner, self._connection, self._known_jobs, self.fail)
        self._listeners[owner].add(record)

    def _drop(self, record: Record) -> None:
        self._waiting.pop(record, None)
        listener = self._listeners.get(record.key.owner)
        if listener is not None:
            listener.drop(record)
            if not listener.records:
                # It ends by itself; a job that is added later gets a new one.
                del self._listeners[record.key.owner]


class _Listener:
    """A task that finds out the ends of jobs of one owner that no watch reports, while there are any."""

    def __init__(
        self, owner: bytes, connection: AsyncConnection, known_jobs: KnownJobs, fail: Callable[[Record, BaseException], None]
    ) -> None:
        self.records: dict[Record, None] = {}
        self._owner = owner
        self._connection = connection
        self._known_jobs = known_jobs
        self._fail = fail
        # Those whose state is to be asked for, as their end may have come before the subscription.
        self._unknown: dict[Record, None] = {}
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def done(self) -> bool:
        """Whether it has nothing left to do."""
        return self._task.done()

    def add(self, record: Record) -> None:
        """Find out the end of this job too."""
        self.records[record] = self._unknown[record] = None
        self._wake.set()

    def drop(self, record: Record) -> None:
        """Note that nobody waits for this job any more, or that it has ended."""
        self.records.pop(record, None)
        self._unknown.pop(record, None)
        self._wake.set()

    def close(self) -> None:
        """End at once."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while self.records:
                refusal = await self._listen()
                if refusal is None or refusal.reason in MISSED:
                    # Events were missed: ask for the state of all.
                    self._unknown.update(self.records)
                elif refusal.code is Code.UNAVAILABLE and self._connection.greeted:
                    await self._look()
                else:
                    self._fail_all(refusal)
                    return
        except Exception as error:  # noqa: BLE001 -- whatever it is, those who wait must not wait for ever
            self._fail_all(error)

    def _fail_all(self, why: BaseException) -> None:
        for record in [*self.records]:
            self._fail(record, why)

    async def _listen(self) -> Refused | None:
        """Take ends from events until none is wanted any more; return why there are no events."""
        heard = Subscription(event_pb2.Filter(owner=self._owner))
        self._connection.on_news(heard, self._wake.set)
        try:
            self._connection.subscribe(heard)
            while self.records and not _has_ended(heard):
                self._wake.clear()
                if heard.granted and self._unknown:
                    # What ends from here on is in an event; what ended before is learnt now.
                    await self._query([*self._unknown])
                while (event := heard.take()) is not None:
                    self._known_jobs.learn_event(event)
                if self.records and not _has_ended(heard) and not (heard.granted and self._unknown):
                    await self._wake.wait()
            return heard.refusal
        finally:
            self._connection.unsubscribe(heard)

    async def _query(self, records: Iterable[Record]) -> None:
        """Query the state of these jobs, many at once."""
        rest = iter(records)
        asked: deque[tuple[Record, Exchange]] = deque()
        try:
            while True:
                for record in islice(rest, _QUERIES_AT_ONCE - len(asked)):
                    asked.append((record, self._connection.ask(query_by_key(record.key))))
                if not asked:
                    return
                record, exchange = asked[0]
                try:
                    item = await self._connection.next(exchange)
                except Refused as refused:
                    self._fail(record, refused)
                    self.drop(record)
                else:
                    if isinstance(item, request_pb2.Reply):
                        self._known_jobs.learn_job(item.query_one.job)
                self._unknown.pop(record, None)
                asked.popleft()
        finally:
            for _, exchange in asked:
                self._connection.forget(exchange)

    async def _look(self) -> None:
        """Find out ends with requests alone until none is wanted any more."""
        while self.records:
            await self._query([*self.records])
            followed = [asyncio.ensure_future(self._follow(record)) for record in islice(self.records, _FOLLOWED_AT_ONCE)]
            if not followed:
                return
            woken = asyncio.ensure_future(self._wake.wait())
            self._wake.clear()
            try:
                some = len(followed) < len(self.records)
                await asyncio.wait([*followed, woken], timeout=_LOOK_SECONDS if some else None, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (*followed, woken):
                    task.cancel()
                await asyncio.gather(*followed, woken, return_exceptions=True)

    async def _follow(self, record: Record) -> None:
        """Return when a job has ended, or its log cannot be followed and it must be queried again."""
        sized = query_by_key(record.key)
        sized.query_one.stderr_range.length = 1
        item = await self._connection.call(sized)
        if not isinstance(item, request_pb2.Reply):
            return
        follow = request_pb2.FollowLog(key=key_to_wire(record.key), stream=request_pb2.STREAM_STDERR, start=item.query_one.stderr_size)
        exchange = self._connection.ask(request_pb2.Request(follow_log=follow))
        try:
            while await self._connection.next(exchange) is not None:
                # What it writes is not wanted here.
                pass
        except Refused:
            await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._connection.forget(exchange)


def _has_ended(heard: Subscription) -> bool:
    return heard.phase is Phase.ENDED

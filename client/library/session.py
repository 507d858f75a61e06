"""What `Client` and its jobs share: the connection, what is known about jobs, and waiting for their ends.

Every wait of the library uses `pump` here, so that whatever arrives meanwhile reaches its job.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from ...schemas.frames import MOST_JOBS_PER_FILTER
from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.jobs.states import State
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ...schemas.wire_codec import key_to_wire
from ..protocol.exchange import Exchange
from ..protocol.subscription import MISSED, Phase, Subscription
from ..sockets.connection import Connection
from ..sockets.waiting.onlooker import Ends
from .known_jobs import KnownJobs, Record
from .requests import filters
from .requests.dialogue import reply_with
from .requests.queries import query_by_key

if TYPE_CHECKING:
    from .values.job_info import JobInfo

# Concurrent requests for many jobs: far below what a worker holds for one peer.
_QUERIES_AT_ONCE = 64
# If events do not get through: how many jobs are watched by their logs at once, and how often the others are queried.
_FOLLOWED_AT_ONCE = 16
_LOOK_SECONDS = 5.0


class Session:
    """One client's state, used from one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.known_jobs = KnownJobs(connection.notice)
        self._watches: list[Exchange] = []
        # The subscriptions of waits for jobs whose end nothing else reports.
        self._hearing: list[Subscription] = []
        # How many watches were refused after they were acknowledged: their jobs are watched no more.
        self._lost_watches = 0
        # Only requests get through to the worker, and no events.
        self._deaf = False

    @property
    def watches(self) -> int:
        """The number of starts and stops that are watched."""
        return len(self._watches)

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """See `Connection.pump`."""
        came = self.connection.pump(deadline, wake_fds)
        self.sort()
        return came

    def sort(self) -> None:
        """Pass what arrived to the jobs that it is about."""
        some_ended = False
        for exchange in self._watches:
            some_ended = some_ended or exchange.ended
            while exchange.items:
                # First learnt, then taken: an exception of a signal handler in between costs nothing.
                item = exchange.items[0]
                if isinstance(item, request_pb2.Reply) and item.HasField("reports"):
                    self.known_jobs.learn_reports(item.reports)
                if exchange.ended:
                    # Nothing more comes, so nothing is granted.
                    exchange.items.popleft()
                else:
                    self.connection.take(exchange)
        if some_ended:
            self._lost_watches += sum(exchange.refusal is not None for exchange in self._watches)
            self._watches = [exchange for exchange in self._watches if not exchange.ended]
        for heard in self._hearing:
            while (event := heard.take()) is not None:
                self.known_jobs.learn_event(event)

    # --- requests

    def acknowledged(self, exchange: Exchange, records: Sequence[Record], deadline: float | None) -> None:
        """Wait until a start or stop is acknowledged; after that its reports contain the ends of these jobs.

        Raises the refusal, or TimeoutError when the deadline has passed; then it can be called again.
        """
        if exchange in self._watches:
            return
        answer = self.connection.next(exchange, deadline)
        if answer is None:
            raise Refused(Code.INTERNAL, "the worker ended the request without acknowledging it")
        if exchange.verb == "start":
            known = answer.acknowledged.known if isinstance(answer, request_pb2.Reply) else 0
            for record in records:
                record.state = record.state or State.QUEUED
                record.is_repeated = known == len(records)
        if exchange.is_stream:
            self._watches.append(exchange)
            for record in records:
                record.watch = exchange
            self.sort()

    def query(self, record: Record, deadline: float | None = None) -> job_pb2.Job:
        """Return what the worker knows about one job."""
        job = self.reply(query_by_key(record.key), "query_one", deadline).query_one.job
        self.known_jobs.learn_job(job)
        return job

    def reply(self, request: request_pb2.Request, content: str, deadline: float | None = None) -> request_pb2.Reply:
        """Send a request and return the content of its one reply.

        Raises the refusal, or TimeoutError when the deadline has passed.
        """
        return reply_with(content, self.connection.call(request, deadline))

    def all_done(self, requests: Iterable[request_pb2.Request]) -> None:
        """Send requests one after the other, each answered with `done`. Raises the refusal."""
        for request in requests:
            self.reply(request, "done")

    def list_jobs(self, wanted: request_pb2.List, limit: int | None = None, deadline: float | None = None) -> Iterator[JobInfo]:
        """Iterate over the jobs of a list, page by page; at most this many.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old for one of its filters, and TimeoutError when the deadline has passed.
        """
        from .requests.pages import Pages  # noqa: PLC0415 -- a command that runs a job need not wait for it
        from .values.job_info import job_info  # noqa: PLC0415 -- as above

        pages = Pages(request_pb2.Request(list=wanted), lambda reply: [*map(job_info, reply.list.jobs)], limit)
        while (request := pages.request) is not None:
            filters.demand(wanted, self.connection.hello(deadline).features)
            yield from pages.take(self.connection.call(request, deadline))

    # --- ends of jobs

    def wait(self, records: Sequence[Record], *, first: bool = False, deadline: float | None = None) -> None:
        """Wait until all of these jobs have ended (with `first`: one of them). Jobs that ended earlier count too.

        Raises the refusal, or TimeoutError when the deadline has passed.
        """
        with closing(self.ends(records, deadline)) as ends:
            for _ in ends:
                if first:
                    return

    def ends(self, records: Iterable[Record], deadline: float | None = None) -> Generator[Record]:
        """Iterate over jobs in the order in which they end, after those that ended earlier; each one once. Raises as `wait` does."""
        self.sort()
        waiting = _Waiting(records)
        self.known_jobs.listeners.append(waiting.note)
        try:
            while True:
                yield from waiting.take()
                if not waiting.pending:
                    return
                lost = self._lost_watches
                unheard = waiting.unheard()
                try:
                    self._query_all(unheard, deadline)
                except Refused as refused:
                    raise _first_refusal(unheard) or refused from None
                if not waiting.ended:
                    with self.connection.waits_for(waiting.purpose):
                        yield from self._hear(waiting, lost, deadline)
        finally:
            self.known_jobs.listeners.remove(waiting.note)

    def _hear(self, waiting: _Waiting, lost: int, deadline: float | None) -> Iterator[Record]:
        """Continue to wait, with events for ends that no watch reports, until an event was missed or a watch is `lost`."""
        unheard = waiting.unheard()
        if unheard and self._deaf:
            self._follow(waiting, unheard, lost, deadline)
            return
        heard = _subscribe(unheard) if unheard else None
        try:
            if heard is not None:
                self._hearing.append(heard)
                self.connection.subscribe(heard)
                while not heard.granted and heard.phase is not Phase.ENDED:
                    self._step(deadline)
                # What ended between the first query and the grant is in no event that will come.
                self._query_all(unheard, deadline)
            while True:
                yield from waiting.take()
                if not waiting.pending or self._lost_watches != lost:
                    return
                if heard is not None and heard.phase is Phase.ENDED:
                    if heard.refusal is not None and heard.refusal.reason in MISSED:
                        # Events were missed: the caller queries the current state of the jobs.
                        return
                    if heard.refusal is not None and heard.refusal.code is Code.UNAVAILABLE and self.connection.greeted:
                        self._deaf = True
                        return
                    raise heard.refusal.anew() if heard.refusal else Refused(Code.INTERNAL, "the subscription ended without a reason")
                self._step(deadline)
        finally:
            if heard is not None:
                self._hearing.remove(heard)
                self.connection.unsubscribe(heard)

    def _follow(self, waiting: _Waiting, unheard: Sequence[Record], lost: int, deadline: float | None) -> None:
        """Wait for one more end with requests only: a followed log ends with its job."""
        look_at = time.monotonic() + _LOOK_SECONDS
        asked: list[Exchange] = []
        try:
            asked.extend(self._follow_end(record.key, deadline) for record in unheard[:_FOLLOWED_AT_ONCE])
            while not waiting.ended and self._lost_watches == lost:
                for exchange in asked:
                    while self.connection.take(exchange) is not None:
                        # What it writes is not wanted here.
                        pass
                if any(exchange.ended and exchange.refusal is None for exchange in asked):
                    return
                all_told = len(asked) == len(unheard) and not any(exchange.refusal for exchange in asked)
                self._step(deadline, None if all_told else look_at)
                if not all_told and time.monotonic() >= look_at:
                    return
        finally:
            for exchange in asked:
                self.connection.forget(exchange)

    def _follow_end(self, key: JobKey, deadline: float | None) -> Exchange:
        sized = query_by_key(key)
        sized.query_one.stderr_range.length = 1
        reply = self.reply(sized, "query_one", deadline).query_one
        self.known_jobs.learn_job(reply.job)
        follow = request_pb2.FollowLog(key=key_to_wire(key), stream=request_pb2.STREAM_STDERR, start=reply.stderr_size)
        return self.connection.ask(request_pb2.Request(follow_log=follow))

    def _step(self, deadline: float | None, look_at: float | None = None) -> None:
        until = min((at for at in (deadline, look_at) if at is not None), default=None)
        if not self.pump(until) and deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("not all jobs have ended in time")

    def _query_all(self, records: Sequence[Record], deadline: float | None) -> None:
        """Query each job; one that the worker does not know (any more) is refused."""
        asked: deque[Exchange] = deque()
        rest = iter(records)
        try:
            while True:
                asked.extend(self.connection.ask(query_by_key(record.key)) for record in islice(rest, _QUERIES_AT_ONCE - len(asked)))
                if not asked:
                    return
                item = self.connection.next(asked[0], deadline)
                asked.popleft()
                if isinstance(item, request_pb2.Reply):
                    self.known_jobs.learn_job(item.query_one.job)
        finally:
            for exchange in asked:
                self.connection.forget(exchange)


class _Waiting:
    """Jobs whose ends are waited for: `pending` ones, and those that have `ended` and were not taken yet."""

    def __init__(self, records: Iterable[Record]) -> None:
        once = dict.fromkeys(records)
        self.pending = dict.fromkeys(record for record in once if record.outcome is None)
        self.ended = deque(record for record in once if record.outcome is not None)

    def note(self, record: Record) -> None:
        """Note that the state of a job has changed."""
        if record.outcome is not None and record in self.pending:
            # First kept, then dropped: an exception of a signal handler in between costs nothing.
            self.ended.append(record)
            del self.pending[record]

    def purpose(self) -> Ends:
        """Return what is waited for."""
        if len(self.pending) != 1:
            return Ends(len(self.pending))
        (record,) = self.pending
        return Ends(1, record.key.id, is_queued=record.state is State.QUEUED)

    def take(self) -> Iterator[Record]:
        """Iterate over the jobs that have ended, each one once."""
        while self.ended:
            yield self.ended.popleft()

    def unheard(self) -> list[Record]:
        """Return the jobs whose end no watch will report."""
        return [record for record in self.pending if not record.is_watched]


def _first_refusal(records: Sequence[Record]) -> Refused | None:
    """Return why one of these is no longer watched; for a job missing in a rebuilt store, this is clearer than "there is no job"."""
    refusals = (record.watch.refusal for record in records if record.watch is not None)
    return next((refusal.anew() for refusal in refusals if refusal is not None), None)


def _subscribe(records: Sequence[Record]) -> Subscription:
    if len(records) <= MOST_JOBS_PER_FILTER:
        return Subscription(event_pb2.Filter(jobs=[key_to_wire(record.key) for record in records]))
    owners = {record.key.owner for record in records}
    # For more jobs than a filter can name, subscribe to all events; those of other jobs are ignored.
    return Subscription(event_pb2.Filter(owner=owners.pop() if len(owners) == 1 else b""))

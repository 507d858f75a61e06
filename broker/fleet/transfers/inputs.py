"""Input of jobs at a broker: the bytes of a client are forwarded to the worker that runs the job, which says how many more may come.

The broker keeps only what the worker has allowed and not acknowledged: at most a window of a standard input, which is sent again over the
next link. What was typed is never sent twice: if the link is lost with some of it in transit, the client is disconnected, and reports
itself what may not have been typed, as it does when its worker restarts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from ....client.protocol.exchange import Exchange
from ....client.protocol.pushing.feeding import Feeding
from ....client.protocol.pushing.keystrokes import Keystrokes
from ....schemas.frames import LARGEST_TYPED
from ....schemas.generated import request_pb2
from ....schemas.jobs.terminal import TerminalSize, check_size
from ....schemas.naming import AttemptKey
from ....schemas.refusal import Code, Refused
from ...jobs.job import Job
from ...jobs.life import ENDED
from ...requests.call import Call
from ...requests.transfers.feed import pusher_of
from ...streams.pushed.job_input import JobInput
from ..link import Link
from ..workers.worker import Worker

_WorkerOf = Callable[[AttemptKey], Worker]


class PassedInputs:
    """Creates the streams that forward the input of jobs. `worker_of` returns where an attempt runs."""

    def __init__(self, worker_of: _WorkerOf) -> None:
        self._worker_of = worker_of

    def feeding(self, call: Call, ended: Callable[[], None]) -> JobInput:
        """Return the stream for a standard input."""
        return PassedFeed(call, self._worker_of, "sent more input than it may", ended)

    def typing(self, call: Call, ended: Callable[[], None]) -> JobInput:
        """Return the stream for typing at a terminal."""
        return PassedKeys(call, self._worker_of, "typed more than it may", ended)


class _Passed(JobInput):
    """The input of one job, from a client to a worker."""

    types = False
    # How much was sent over earlier links, if offsets begin again with each.
    _before = 0

    def __init__(self, call: Call, worker_of: _WorkerOf, too_much: str, ended: Callable[[], None]) -> None:
        super().__init__(pusher_of(call, too_much, ended), "what is typed" if self.types else "the input", call.request.feed.token)
        self._call = call
        self._worker_of = worker_of
        self._link: Link | None = None
        self._exchange: Exchange | None = None
        self._job: Job | None = None

    def started(self, job: Job) -> None:
        """Send the request to the worker, now or once it is connected."""
        if self._closed or self._exchange is not None:
            return
        self._job, key = job, job.attempt.key
        worker = self._worker_of(key)
        # What is typed must not wait behind what others read.
        self._link = worker.link if self.types else worker.link_for_bytes
        name = request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)
        # Whoever signed it: the worker checks that.
        feed = request_pb2.RelayFeed(job=name, request=self._call.proof, types=self.types)
        self._exchange = self._link.open(request_pb2.Request(relay_feed=feed), self._happened)

    def _happened(self, exchange: Exchange) -> None:
        if self._closed or self._link is None:
            return
        item = self._link.take(exchange)
        if exchange.refusal is not None and self._job is not None and self._job.attempt.phase in ENDED:
            self.over("the job has ended")
        elif exchange.refusal is not None:
            self.refuse(exchange.refusal)
        elif isinstance(item, request_pb2.Reply) and item.HasField("feed_end"):
            self._told()
            self.over(item.feed_end.why, self._before + item.feed_end.reached)
        elif exchange.ended:
            self.refuse(Refused(Code.INTERNAL, "the worker has ended the input of the job without saying why"))
        else:
            self._told()

    @abstractmethod
    def _told(self) -> None:
        """Tell the client how much has arrived at the worker, and how much it may send."""

    def _let_go(self) -> None:
        if self._link is not None and self._exchange is not None:
            self._link.forget(self._exchange)


class PassedFeed(_Passed):
    """A standard input that arrives as a stream. Offsets of client and worker are the same."""

    def _told(self) -> None:
        feeding = self._feeding()
        # After a lost link it may be less than the client was told before: what it sends meanwhile is kept here.
        if feeding is not None and feeding.limit > self._limit:
            self._allow(feeding.reached, feeding.limit)

    def _feeding(self) -> Feeding | None:
        found = self._exchange.feeding if self._exchange is not None else None
        return found if isinstance(found, Feeding) else None

    def _reached(self) -> int:
        feeding = self._feeding()
        return feeding.read if feeding is not None else 0

    def _arrived(self) -> int:
        feeding = self._feeding()
        return feeding.reached if feeding is not None else 0

    def _take(self, data: memoryview, *, is_last: bool) -> None:
        if self._link is None or self._exchange is None:
            return
        if data:
            self._link.feed(self._exchange, bytes(data))
        if is_last:
            self._link.feed(self._exchange, b"", self._seal)


class PassedKeys(_Passed):
    """What is typed at a terminal. Offsets of the worker start at 0 with each link."""

    types = True

    def __init__(self, call: Call, worker_of: _WorkerOf, too_much: str, ended: Callable[[], None]) -> None:
        super().__init__(call, worker_of, too_much, ended)
        self._received = 0
        self._typed = 0
        # The request over the present link.
        self._number = 0
        self._sizes: list[TerminalSize] = []

    def started(self, job: Job) -> None:
        """Send the request to the worker, with the terminal size that is known already."""
        super().started(job)
        sizes, self._sizes = self._sizes, []
        for size in sizes:
            self.resize(size)

    def resize(self, size: TerminalSize) -> None:
        """Set the size of the terminal, now or once it is open."""
        try:
            check_size(size)
        except Refused as refused:
            self.refuse(refused)
            return
        if self._link is None or self._exchange is None:
            self._sizes = [*self._sizes[-1:], size]
        else:
            self._link.resize(self._exchange, size)

    def _told(self) -> None:
        keys = self._exchange.feeding if self._exchange is not None else None
        if not isinstance(keys, Keystrokes) or self._exchange is None:
            return
        if self._exchange.number != self._number:
            self._number, self._before = self._exchange.number, self._typed
        if keys.lost:
            self._call.peer.outlet.drop(self._call.peer, "typed what may have been lost with the link to a worker")
            return
        self._typed = self._before + keys.reached
        if self._typed + LARGEST_TYPED > self._limit:
            self._allow(self._typed, self._typed + LARGEST_TYPED)

    def _reached(self) -> int:
        return self._received

    def _arrived(self) -> int:
        return self._typed

    def _take(self, data: memoryview, *, is_last: bool) -> None:  # noqa: ARG002 -- a terminal has no last byte
        if self._link is not None and self._exchange is not None:
            self._received += len(data)
            self._link.feed(self._exchange, bytes(data))

"""A log of a job, read like a pipe while the job runs.

It ends when the job has ended and its last byte has been read. Of a retried job, each attempt has a log of its own, and they are read one
after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ....schemas.generated import request_pb2
from ....schemas.jobs.states import Outcome
from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ....schemas.wire_codec import key_to_wire, outcome_from_wire
from ...protocol.exchange import Chunk, Exchange, Item
from ...sockets.connection import Connection
from ..attached import Attached


class AttemptEnd(NamedTuple):
    """The end of the log of a retried attempt: how it ended, which one follows, and how long that still waits."""

    outcome: Outcome
    next_attempt: int
    next_in_us: int


class Reading(NamedTuple):
    """Which log is read: that of this attempt, 0: the last one that has started; and whether those of later attempts follow."""

    attempt: int = 0
    goes_on: bool = True


LAST_AND_LATER = Reading()
FROM_THE_FIRST = Reading(1)


def reading_of(attempt: int | None) -> Reading:
    """Return what is read for this `attempt` argument; None: no particular one."""
    return LAST_AND_LATER if attempt is None else Reading(attempt, goes_on=False)


def follow_request(key: JobKey, stream: request_pb2.Stream, start: int, attempt: int = 0) -> request_pb2.Request:
    """Return a request that follows a log from a byte on."""
    return request_pb2.Request(follow_log=request_pb2.FollowLog(key=key_to_wire(key), stream=stream, start=start, attempt=attempt))


def attempt_end(item: Item | None) -> AttemptEnd | None:
    """Return the end of an attempt's log that another attempt follows; None for anything else."""
    if item is None or isinstance(item, Chunk) or not item.log_end.next_attempt:
        return None
    end = item.log_end
    return AttemptEnd(outcome_from_wire(end.outcome), end.next_attempt, end.next_in_us)


class FetchedOutput(Attached, ABC):
    """Bytes of a log that were fetched and not returned yet; nothing is lost if the reader is interrupted."""

    def __init__(self, start: int) -> None:
        self.position = start
        self.closed = False
        # Called when an attempt has ended and the next one is read.
        self.on_next: Callable[[AttemptEnd], object] = _nothing
        self._buffer = bytearray()
        self._scanned = 0

    def _take_line(self) -> bytes | None:
        """Return the next whole line, or None if it was not fetched yet."""
        found = self._buffer.find(b"\n", self._scanned)
        self._scanned = len(self._buffer)
        return self._give(found + 1) if found >= 0 else None

    def _give(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._scanned = 0
        self.position += len(data)
        return data

    @abstractmethod
    def close(self) -> None:
        """Close the log; the job continues."""

    def _drop_fetched(self) -> None:
        self.closed = True
        self._buffer.clear()
        self._scanned = 0


class JobOutput(FetchedOutput):
    """Bytes as the job wrote them. `position` is the number of bytes read, of the present attempt.

    At most a window (4 MiB) is fetched ahead of the reader. Reading raises what the worker refuses.
    """

    def __init__(
        self,
        connection: Connection,
        pump: Callable[[], bool],
        key: JobKey,
        stream: request_pb2.Stream,
        start: int = 0,
        reading: Reading = LAST_AND_LATER,
    ) -> None:
        super().__init__(start)
        self._connection = connection
        self._pump = pump
        self._key = key
        self._stream = stream
        self._goes_on = reading.goes_on
        self._exchange = self._follow(start, reading.attempt)

    def _follow(self, start: int, attempt: int) -> Exchange:
        exchange = self._connection.ask(follow_request(self._key, self._stream, start, attempt))
        self._connection.belongs_to(exchange, self)
        return exchange

    def hurry(self) -> None:
        """Request that output is sent at once, even after many small pieces without a pause: for a screen that somebody watches."""
        self._exchange.grant_often()

    @property
    def exchange(self) -> Exchange:
        """The exchange over which its bytes arrive, of the present attempt."""
        return self._exchange

    @property
    def ended(self) -> bool:
        """Whether the job has ended and every byte was read."""
        exchange = self._exchange
        return exchange.ended and exchange.refusal is None and not self._buffer and not any(map(self._means_more, exchange.items))

    @property
    def refusal(self) -> Refused | None:
        """Why the worker sends no more of it; None if it was not refused."""
        return self._exchange.refusal

    def _means_more(self, item: Item) -> bool:
        return isinstance(item, Chunk) or (self._goes_on and attempt_end(item) is not None)

    def skip(self, size: int) -> None:
        """Note that this many bytes were taken from `exchange` for its reader."""
        self.position += size

    def take(self) -> bytes | memoryview | None:
        """Return what has arrived, without waiting; None if nothing has."""
        exchange = self._exchange
        if not (exchange.items or self._buffer or exchange.ended or self.closed):
            return None
        if self._buffer:
            data: bytes | memoryview | None = bytes(self._buffer)
            self._buffer.clear()
            self._scanned = 0
        else:
            data = self._next_chunk()
        if data is not None:
            self.position += len(data)
        return data

    def read(self, size: int = -1) -> bytes:
        """Wait for `size` bytes, or with -1 for the end, and return them; fewer at the end."""
        while size < 0 or len(self._buffer) < size:
            if not self._fetch():
                break
        return self._give(len(self._buffer) if size < 0 else size)

    def read1(self, size: int = -1) -> bytes:
        """Wait for at least one byte and return what is available; `b""` at the end."""
        if not self._buffer and size:
            self._fetch()
        return self._give(len(self._buffer) if size < 0 else size)

    def readline(self) -> bytes:
        """Wait for a whole line and return it; `b""` at the end."""
        while (line := self._take_line()) is None:
            if not self._fetch():
                return self._give(len(self._buffer))
        return line

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the lines as they arrive."""
        while line := self.readline():
            yield line

    def close(self) -> None:
        """Close the log; the job continues."""
        self._drop_fetched()
        self._connection.forget(self._exchange)
        self._exchange.items.clear()

    def _fetch(self) -> bool:
        """Wait for the next bytes and add them to the buffer; return False at the end."""
        while (data := self._next_chunk()) is None:
            if self._exchange.ended:
                return False
            self._pump()
        self._buffer += data
        return True

    def _next_chunk(self) -> bytes | memoryview | None:
        if self.closed:
            raise ValueError("read of a closed log")
        while (item := self._connection.take(self._exchange)) is not None:
            if isinstance(item, Chunk):
                return item.data
            if self._goes_on and (end := attempt_end(item)) is not None:
                # What is left of the one before is read first.
                self.position = -len(self._buffer)
                self._exchange = self._follow(0, end.next_attempt)
                self.on_next(end)
        if self._exchange.refusal is not None:
            raise self._exchange.refusal.anew()
        return None


def _nothing(end: AttemptEnd) -> None:
    """Do nothing."""

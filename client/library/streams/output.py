"""The logs of a job while it runs: one of them read like a pipe, or both collected whole.

A log ends when the job has ended and its last byte has been read. Of a job that is retried, each attempt has a log of its own, and they
are read one after the other; of those that are collected, that of the last one is kept.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar

from ....schemas.generated import request_pb2
from ....schemas.jobs.states import Outcome
from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ....schemas.wire_codec import key_to_wire, outcome_from_wire
from ...protocol.exchange import Chunk, Exchange, Item
from ...sockets.connection import Connection
from ..attached import Attached
from .text_mode import TextMode

if TYPE_CHECKING:
    from .feeder import Feeder


class AttemptEnd(NamedTuple):
    """The end of the log of an attempt at a job that is retried: how it ended, which one follows, and how long that still waits."""

    outcome: Outcome
    next_attempt: int
    next_in_us: int


class Reading(NamedTuple):
    """Which log is read: of this attempt, 0: the last one that has started; and whether those of the attempts after it are."""

    attempt: int = 0
    goes_on: bool = True


LAST_AND_LATER = Reading()
FROM_THE_FIRST = Reading(1)


def reading_of(attempt: int | None) -> Reading:
    """Return what is read if somebody asks for this attempt; None: for no particular one."""
    return LAST_AND_LATER if attempt is None else Reading(attempt, goes_on=False)


def follow_request(key: JobKey, stream: request_pb2.Stream, start: int, attempt: int = 0) -> request_pb2.Request:
    """Return a request that follows a log from a byte on."""
    return request_pb2.Request(follow_log=request_pb2.FollowLog(key=key_to_wire(key), stream=stream, start=start, attempt=attempt))


def attempt_end(item: Item | None) -> AttemptEnd | None:
    """Return the end of the log of an attempt after which another one follows; None for anything else."""
    if item is None or isinstance(item, Chunk) or not item.log_end.next_attempt:
        return None
    end = item.log_end
    return AttemptEnd(outcome_from_wire(end.outcome), end.next_attempt, end.next_in_us)


class FetchedOutput(Attached, ABC):
    """What was fetched of a log for a reader and not returned yet; nothing is lost if the reader is interrupted."""

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


_Log = TypeVar("_Log", bound=FetchedOutput)


class JobOutput(FetchedOutput):
    """Bytes as the job wrote them. `position` is the number of bytes read, of the attempt that is being read.

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
        """Have what the job writes sent at once, also after many small pieces without a pause: for a screen that somebody watches."""
        self._exchange.grant_often()

    @property
    def exchange(self) -> Exchange:
        """The exchange in which its bytes come: of the attempt that is being read."""
        return self._exchange

    @property
    def ended(self) -> bool:
        """Whether the job has ended and every byte was read."""
        exchange = self._exchange
        return exchange.ended and exchange.refusal is None and not self._buffer and not any(map(self._means_more, exchange.items))

    @property
    def refusal(self) -> Refused | None:
        """Why the worker sends no more of it; None if it has not refused that."""
        return self._exchange.refusal

    def _means_more(self, item: Item) -> bool:
        return isinstance(item, Chunk) or (self._goes_on and attempt_end(item) is not None)

    def skip(self, size: int) -> None:
        """Note that so many bytes were taken out of `exchange` for its reader."""
        self.position += size

    def take(self) -> bytes | memoryview | None:
        """Return what has arrived, without waiting; None if that is nothing."""
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
        """Wait for at least one byte and return what is there; `b""` at the end."""
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
        """Iterate over the lines as they come."""
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


class DecodedOutput(Attached, Generic[_Log]):
    """What was decoded of a log for a reader and not returned yet."""

    def __init__(self, output: _Log, mode: TextMode) -> None:
        self._output = output
        self.encoding, self.errors = mode
        self._decoder = mode.decoder()
        self._text = ""
        self._scanned = 0
        self._at_end = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._output.closed

    def close(self) -> None:
        """Close the log; the job continues."""
        self._output.close()
        self._text = ""

    def _add(self, data: bytes) -> None:
        """Decode more; nothing means that the log has ended."""
        self._at_end = not data
        self._text += self._decoder.decode(data, final=self._at_end)

    def _take_line(self) -> str | None:
        """Return the next whole line, or None if it was not fetched yet."""
        found = self._text.find("\n", self._scanned)
        self._scanned = len(self._text)
        return self._give(found + 1) if found >= 0 else None

    def _give(self, size: int) -> str:
        text, self._text = self._text[:size], self._text[size:]
        self._scanned = 0
        return text


class TextJobOutput(DecodedOutput[JobOutput]):
    """A log as text, with line feeds at the ends of lines. Reading raises what the worker refuses, and UnicodeDecodeError.

    `encoding` and `errors` are those of `output`.
    """

    def read(self, size: int = -1) -> str:
        """Wait for `size` characters, or with -1 for the end, and return them; fewer at the end."""
        while size < 0 or len(self._text) < size:
            if not self._fetch():
                break
        return self._give(len(self._text) if size < 0 else size)

    def readline(self) -> str:
        """Wait for a whole line and return it; an empty text at the end."""
        while (line := self._take_line()) is None:
            if not self._fetch():
                return self._give(len(self._text))
        return line

    def __iter__(self) -> Iterator[str]:
        """Iterate over the lines as they come."""
        while line := self.readline():
            yield line

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _fetch(self) -> bool:
        if self._at_end:
            return False
        self._add(self._output.read1())
        return True


class Collected(Generic[_Log]):
    """What was read of both logs of one job; of one that is retried, of those of the last attempt."""

    def __init__(self, stdout: _Log, stderr: _Log) -> None:
        self._logs = (stdout, stderr)
        self._parts: tuple[list[bytes | memoryview], list[bytes | memoryview]] = ([], [])
        for log, parts in zip(self._logs, self._parts, strict=True):
            log.on_next = _forgetting(parts)

    @property
    def stdout(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[0])

    @property
    def stderr(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[1])

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs:
            log.close()


def _forgetting(parts: list[bytes | memoryview]) -> Callable[[AttemptEnd], None]:
    """Return what empties a list when an attempt has ended and the next one is read."""
    return lambda _: parts.clear()


class Collecting(Collected[JobOutput]):
    """Both logs of one job, read as they come. A context manager."""

    def __init__(self, pump: Callable[[float | None, Sequence[int]], bool], stdout: JobOutput, stderr: JobOutput) -> None:
        super().__init__(stdout, stderr)
        self._pump = pump

    def finish(self, deadline: float | None, feeder: Feeder | None = None) -> None:
        """Read both logs to their ends, and feed the job meanwhile.

        Raises TimeoutError when the deadline has passed; what was read is kept, and it can be called again.
        """
        while True:
            for log, parts in zip(self._logs, self._parts, strict=True):
                while (data := log.take()) is not None:
                    parts.append(data)
            if all(log.ended for log in self._logs):
                return
            if feeder is not None:
                feeder.advance()
                if feeder.refusal is not None:
                    raise feeder.refusal.anew()
            came = self._pump(*feeder.waited_on(deadline)) if feeder is not None else self._pump(deadline, ())
            if not came and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError("the job's output has not ended in time")

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

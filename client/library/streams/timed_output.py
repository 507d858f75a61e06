"""The output of a job with times, read as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....schemas.naming import JobKey
from ...protocol.exchange import Chunk, Exchange
from ...sockets.connection import Connection
from ..requests.dialogue import carry_out
from .output import AttemptEnd, attempt_end
from .timed_lines import Block, LogLine, Span, TimedLines, Wanted, plan, timed_request


class TimedOutput:
    """Blocks of lines of one log or both. Reading raises what the worker refuses."""

    def __init__(self, connection: Connection, pump: Callable[[], bool], key: JobKey, wanted: Wanted) -> None:
        self._connection = connection
        self._pump = pump
        self._key = key
        self._streams = wanted.streams
        # Called when an attempt has ended and the next one is read.
        self.on_next: Callable[[AttemptEnd], object] = lambda _: None
        self._exchange = self._follow(carry_out(connection.call, plan(key, wanted)))
        self.ended = False

    def _follow(self, span: Span) -> Exchange:
        self._span = span
        self._lines = TimedLines(span)
        exchange = self._connection.ask(timed_request(self._key, self._streams, span))
        self._connection.belongs_to(exchange, self)
        return exchange

    def take(self) -> list[Block] | None:
        """Return what has arrived, without waiting; None if nothing has. `ended`: nothing more arrives."""
        while not self.ended:
            if self._lines.is_complete:
                self.close()
                return self._lines.finish()
            item = self._connection.take(self._exchange)
            if isinstance(item, Chunk):
                if blocks := self._lines.add(item):
                    return blocks
            elif self._span.goes_on and (end := attempt_end(item)) is not None:
                rest = self._lines.finish()
                self._exchange = self._follow(self._span.after(end.next_attempt))
                self.on_next(end)
                if rest:
                    return rest
            elif item is None:
                if not self._exchange.ended:
                    return None
                if self._exchange.refusal is not None:
                    raise self._exchange.refusal.anew()
                self.ended = True
                return self._lines.finish()
        return None

    def __iter__(self) -> Iterator[LogLine]:
        """Iterate over the lines as they arrive."""
        try:
            while not self.ended:
                blocks = self.take()
                if blocks is None:
                    self._pump()
                for block in blocks or ():
                    yield from block.lines()
        finally:
            self.close()

    def close(self) -> None:
        """Close the logs; the job continues."""
        self.ended = True
        self._connection.forget(self._exchange)
        self._exchange.items.clear()

"""The output of a job with times, read as it arrives, for event loops."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ....schemas.naming import JobKey
from ...library.streams.output import attempt_end
from ...library.streams.timed_lines import LogLine, Span, TimedLines, Wanted, plan, timed_request
from ...protocol.exchange import Chunk
from ..dialogue import carry_out
from ..loop.connection import AsyncConnection


async def timed_lines(connection: AsyncConnection, key: JobKey, wanted: Wanted) -> AsyncIterator[LogLine]:
    """Iterate over lines of one log or both as they arrive. Raises what the worker refuses."""
    span: Span | None = await carry_out(connection, plan(key, wanted))
    while span is not None:
        lines = TimedLines(span)
        exchange = connection.ask(timed_request(key, wanted.streams, span))
        following: Span | None = None
        try:
            while not lines.is_complete and (item := await connection.next(exchange)) is not None:
                if isinstance(item, Chunk):
                    for block in lines.add(item):
                        for line in block.lines():
                            yield line
                elif span.goes_on and (end := attempt_end(item)) is not None:
                    following = span.after(end.next_attempt)
            for block in lines.finish():
                for line in block.lines():
                    yield line
        finally:
            connection.forget(exchange)
            exchange.items.clear()
        span = following

"""The logs of a job while it runs, for event loops: one of them read like a pipe, or both read completely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ...library.streams.collected import Collected
from ...library.streams.decoded_output import DecodedOutput
from ...library.streams.output import LAST_AND_LATER, FetchedOutput, Reading, attempt_end, follow_request
from ...protocol.exchange import Chunk, Exchange
from ..loop.connection import AsyncConnection


class AsyncJobOutput(FetchedOutput):
    """Bytes as the job wrote them, read by one task at a time. `position` is the number of bytes read, of the present attempt.

    It is opened by the first read. At most a window (4 MiB) is fetched ahead of the reader. Reading raises what the worker refuses; a read
    that is cancelled loses nothing.
    """

    def __init__(
        self, connection: AsyncConnection, key: JobKey, stream: request_pb2.Stream, start: int = 0, reading: Reading = LAST_AND_LATER
    ) -> None:
        super().__init__(start)
        self._reading = reading
        self._connection = connection
        self._key = key
        self._stream = stream
        self._exchange: Exchange | None = None

    async def read(self, size: int = -1) -> bytes:
        """Wait for `size` bytes, or with -1 for the end, and return them; fewer at the end."""
        while size < 0 or len(self._buffer) < size:
            if not await self._fetch():
                break
        return self._give(len(self._buffer) if size < 0 else size)

    async def read1(self, size: int = -1) -> bytes:
        """Wait for at least one byte and return what is available; `b""` at the end."""
        if not self._buffer and size:
            await self._fetch()
        return self._give(len(self._buffer) if size < 0 else size)

    async def readline(self) -> bytes:
        """Wait for a whole line and return it; `b""` at the end."""
        while (line := self._take_line()) is None:
            if not await self._fetch():
                return self._give(len(self._buffer))
        return line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the lines as they arrive."""
        while line := await self.readline():
            yield line

    def close(self) -> None:
        """Close the log; the job continues."""
        self._drop_fetched()
        if self._exchange is not None:
            self._connection.forget(self._exchange)
            self._exchange.items.clear()

    async def __aenter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def _fetch(self) -> bool:
        """Wait for the next bytes and add them to the buffer; return False at the end."""
        if self.closed:
            raise ValueError("read of a closed log")
        await self._connection.open()
        if self._exchange is None:
            self._exchange = self._follow(self.position + len(self._buffer), self._reading.attempt)
        while (item := await self._connection.next(self._exchange)) is not None:
            if isinstance(item, Chunk):
                self._buffer += item.data
                return True
            if self._reading.goes_on and (end := attempt_end(item)) is not None:
                # What is left of the one before is read first.
                self.position = -len(self._buffer)
                self._exchange = self._follow(0, end.next_attempt)
                self.on_next(end)
        return False

    def _follow(self, start: int, attempt: int) -> Exchange:
        exchange = self._connection.ask(follow_request(self._key, self._stream, start, attempt))
        self._connection.belongs_to(exchange, self)
        return exchange


class AsyncTextJobOutput(DecodedOutput[AsyncJobOutput]):
    """A log as text, with line feeds at the ends of lines. Reading raises what the worker refuses, and UnicodeDecodeError.

    `encoding` and `errors` are those of `output`.
    """

    async def read(self, size: int = -1) -> str:
        """Wait for `size` characters, or with -1 for the end, and return them; fewer at the end."""
        while size < 0 or len(self._text) < size:
            if not await self._fetch():
                break
        return self._give(len(self._text) if size < 0 else size)

    async def readline(self) -> str:
        """Wait for a whole line and return it; an empty text at the end."""
        while (line := self._take_line()) is None:
            if not await self._fetch():
                return self._give(len(self._text))
        return line

    async def __aiter__(self) -> AsyncIterator[str]:
        """Iterate over the lines as they arrive."""
        while line := await self.readline():
            yield line

    async def __aenter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def _fetch(self) -> bool:
        if self._at_end:
            return False
        self._add(await self._output.read1())
        return True


class Collecting(Collected[AsyncJobOutput]):
    """Both logs of one job, read to their ends. If it is cancelled, what was read is kept."""

    async def finish(self) -> None:
        """Read both logs to their ends. It can be called again if it was cancelled."""
        tasks = [asyncio.ensure_future(_collect(log, parts)) for log, parts in zip(self._logs, self._parts, strict=True)]
        try:
            # Not a TaskGroup: that would wrap a refusal in an exception group.
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _collect(log: AsyncJobOutput, parts: list[bytes | memoryview]) -> None:
    while data := await log.read1():
        parts.append(data)

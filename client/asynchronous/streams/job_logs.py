"""The logs of one job, as its handle gives them to an event loop; see the module of this name in the library."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ...library.known_jobs import STREAMS, StreamName
from ...library.options.arguments import Text
from ...library.requests.dialogue import piece_of_log
from ...library.requests.queries import range_request, tail_request
from ...library.streams.opened_logs import OpenedLogs
from ...library.streams.output import Reading
from ...library.streams.text_mode import TextMode
from ...library.streams.timed_lines import LogLine, Wanted
from ...protocol.exchange import Chunk
from ..loop.session import AsyncSession
from .output import AsyncJobOutput, AsyncTextJobOutput, Collecting
from .timed_output import timed_lines


class AsyncJobLogs(OpenedLogs[AsyncJobOutput, AsyncTextJobOutput, AsyncIterator[LogLine]]):
    """A handle through which the logs of a job are read."""

    def __init__(self, session: AsyncSession, key: JobKey, args: tuple[Text, ...] = ()) -> None:
        super().__init__(session.known_jobs.record(key), args)
        self._session = session

    def read_log(self, stream: StreamName, start: int, reading: Reading) -> AsyncJobOutput:
        """Return a log from a byte on: of one attempt or of several, as `reading` says."""
        return AsyncJobOutput(self._session.connection, self.key, STREAMS[stream], start, reading)

    def _as_text(self, output: AsyncJobOutput, mode: TextMode) -> AsyncTextJobOutput:
        return AsyncTextJobOutput(output, mode)

    def _lines(self, wanted: Wanted) -> AsyncIterator[LogLine]:
        return timed_lines(self._session.connection, self.key, wanted)

    def collect(self) -> Collecting:
        """Return both logs, from their first byte, to read them completely."""
        return Collecting(self.output("stdout"), self.output("stderr"))

    async def tail(self, stream: StreamName, lines: int, *, attempt: int | None = None) -> bytes:
        """Return the last lines written so far, of this attempt or of the last one that has started."""
        return (await self._read(tail_request(self.key, stream, lines, attempt)))[0]

    async def read_range(self, stream: StreamName, start: int, length: int, *, attempt: int | None = None) -> tuple[bytes, int]:
        """Return a range of bytes (shorter at the end, at most 1 MiB) and the size of the log so far; see `tail`."""
        return await self._read(range_request(self.key, stream, start, length, attempt))

    async def log_size(self, stream: StreamName, attempt: int | None = None) -> tuple[int, int]:
        """Return the size of a log so far, and its attempt: this one, or the last that has started; 0 from an older worker."""
        found = (await self._piece(range_request(self.key, stream, 0, 0, attempt))).reply.log_range
        return found.size, found.attempt

    async def _read(self, request: request_pb2.Request) -> tuple[bytes, int]:
        piece = await self._piece(request)
        return bytes(piece.data), piece.reply.log_range.size

    async def _piece(self, request: request_pb2.Request) -> Chunk:
        await self._session.connection.open()
        return piece_of_log(await self._session.connection.call(request))

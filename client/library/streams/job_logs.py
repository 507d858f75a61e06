"""The logs of one job, through its handle: read like a pipe, line by line with times, or in ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ...protocol.exchange import Chunk
from ..known_jobs import STREAMS, StreamName
from ..options.arguments import Text
from ..requests.dialogue import piece_of_log
from ..requests.queries import range_request, tail_request
from ..session import Session
from .collected import Collecting
from .opened_logs import OpenedLogs
from .output import JobOutput, Reading
from .text_mode import TextMode
from .timed_lines import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .decoded_output import TextJobOutput
    from .timed_lines import LogLine
    from .timed_output import TimedOutput


class JobLogs(OpenedLogs["JobOutput", "TextJobOutput", "Iterator[LogLine]"]):
    """A handle through which the logs of a job are read."""

    def __init__(self, session: Session, key: JobKey, args: tuple[Text, ...] = ()) -> None:
        super().__init__(session.known_jobs.record(key), args)
        self._session = session

    def read_log(self, stream: StreamName, start: int, reading: Reading) -> JobOutput:
        """Return a log, opened at a byte: of one attempt or of several, as `reading` says."""
        return JobOutput(self._session.connection, self._session.pump, self.key, STREAMS[stream], start, reading)

    def _as_text(self, output: JobOutput, mode: TextMode) -> TextJobOutput:
        from .decoded_output import TextJobOutput  # noqa: PLC0415 -- commands read bytes

        return TextJobOutput(output, mode)

    def _lines(self, wanted: Wanted) -> Iterator[LogLine]:
        return iter(self.timed_output(wanted))

    def timed_output(self, wanted: Wanted) -> TimedOutput:
        """Return the output with times, to be read without waiting."""
        from .timed_output import TimedOutput  # noqa: PLC0415 -- few commands need it

        return TimedOutput(self._session.connection, self._session.pump, self.key, wanted)

    def collect(self) -> Collecting:
        """Return both logs, opened at their first byte, to read them completely."""
        return Collecting(self._session.pump, self.output("stdout"), self.output("stderr"))

    def tail(self, stream: StreamName, lines: int, *, attempt: int | None = None) -> bytes:
        """Return the last lines written so far, of this attempt or of the last one that has started."""
        return self._read(tail_request(self.key, stream, lines, attempt))[0]

    def read_range(self, stream: StreamName, start: int, length: int, *, attempt: int | None = None) -> tuple[bytes, int]:
        """Return a range of bytes (shorter at the end, at most 1 MiB) and the size of the log so far; see `tail`."""
        return self._read(range_request(self.key, stream, start, length, attempt))

    def log_size(self, stream: StreamName, attempt: int | None = None) -> tuple[int, int]:
        """Return the size of a log so far, and its attempt: this one, or the last that has started; 0 from an older worker."""
        found = self._piece(range_request(self.key, stream, 0, 0, attempt)).reply.log_range
        return found.size, found.attempt

    def _read(self, request: request_pb2.Request) -> tuple[bytes, int]:
        piece = self._piece(request)
        return bytes(piece.data), piece.reply.log_range.size

    def _piece(self, request: request_pb2.Request) -> Chunk:
        return piece_of_log(self._session.connection.call(request))

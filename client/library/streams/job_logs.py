"""The logs of one job, as its handle gives them: read like a pipe, line by line with times, or in ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ...protocol.exchange import Chunk
from ..known_jobs import STREAMS, Handle, StreamName
from ..options.arguments import Text
from ..requests.dialogue import piece_of_log
from ..requests.queries import range_request, tail_request
from ..session import Session
from .collected import Collecting
from .output import FROM_THE_FIRST, JobOutput, Reading, reading_of
from .text_mode import text_mode
from .timed_lines import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from .decoded_output import TextJobOutput
    from .timed_lines import LogLine
    from .timed_output import TimedOutput


class JobLogs(Handle):
    """A handle through which the logs of a job are read."""

    def __init__(self, session: Session, key: JobKey, args: tuple[Text, ...] = ()) -> None:
        super().__init__(session.known_jobs.record(key), args)
        self._session = session
        self._stdout: JobOutput | None = None
        self._stderr: JobOutput | None = None

    @property
    def stdout(self) -> JobOutput:
        """The stdout of the job from the first byte of its first attempt, opened at the first access."""
        if self._stdout is None:
            self._stdout = self.read_log("stdout", 0, FROM_THE_FIRST)
        return self._stdout

    @property
    def stderr(self) -> JobOutput:
        """The stderr of the job from the first byte of its first attempt, opened at the first access."""
        if self._stderr is None:
            self._stderr = self.read_log("stderr", 0, FROM_THE_FIRST)
        return self._stderr

    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
    ) -> JobOutput: ...
    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str | None = None,
    ) -> TextJobOutput: ...
    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: bool | None = None,
        encoding: str,
        errors: str | None = None,
    ) -> TextJobOutput: ...
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
    ) -> JobOutput | TextJobOutput:
        """Return a log, opened at a byte. Each one is read independently. `text`, `encoding`, `errors`: as text, as in `Client.run`.

        `attempt`: that of this attempt, 1 for the first; by default of the last one that has started, and of those that follow it.
        """
        mode = text_mode(text, encoding, errors)
        output = self.read_log(stream, start, reading_of(attempt))
        if mode is None:
            return output
        from .decoded_output import TextJobOutput  # noqa: PLC0415 -- commands read bytes

        return TextJobOutput(output, mode)

    def read_log(self, stream: StreamName, start: int, reading: Reading) -> JobOutput:
        """Return a log, opened at a byte: as `reading` says, of one attempt or of several."""
        return JobOutput(self._session.connection, self._session.pump, self.key, STREAMS[stream], start, reading)

    def collect(self) -> Collecting:
        """Return both logs, opened at their first byte, to collect them whole."""
        return Collecting(self._session.pump, self.output("stdout"), self.output("stderr"))

    def log_lines(
        self,
        stream: StreamName | None = None,
        *,
        follow: bool = True,
        tail: int | None = None,
        since: datetime | timedelta | None = None,
        until: datetime | timedelta | None = None,
        attempt: int | None = None,
    ) -> Iterator[LogLine]:
        """Iterate over the lines of the job's output with the times at which they arrived, as they come, to its end.

        Lines of both streams, or of one, are in the order in which the worker noticed their ends, which is approximate. `follow` False:
        only what was written so far. `tail`: start with the last lines. `since`, `until`: only what arrived from then, or until then; a
        timedelta is that long ago. `attempt`: as in `output`.
        """
        wanted = Wanted(("stdout", "stderr") if stream is None else (stream,), follow, tail, since, until, attempt or 0)
        return iter(self.timed_output(wanted))

    def timed_output(self, wanted: Wanted) -> TimedOutput:
        """Return the output with times, to be read without waiting."""
        from .timed_output import TimedOutput  # noqa: PLC0415 -- few commands need it

        return TimedOutput(self._session.connection, self._session.pump, self.key, wanted)

    def tail(self, stream: StreamName, lines: int, *, attempt: int | None = None) -> bytes:
        """Return the last lines written so far, by the last attempt that has started or by this one."""
        return self._read(tail_request(self.key, stream, lines, attempt))[0]

    def read_range(self, stream: StreamName, start: int, length: int, *, attempt: int | None = None) -> tuple[bytes, int]:
        """Return a range of bytes (shorter at the end, at most 1 MiB) and the size of the log so far; see `tail`."""
        return self._read(range_request(self.key, stream, start, length, attempt))

    def log_size(self, stream: StreamName, attempt: int | None = None) -> tuple[int, int]:
        """Return the size of a log so far, and which attempt it is of: this one, or the last that has started; 0 from an older worker."""
        found = self._piece(range_request(self.key, stream, 0, 0, attempt)).reply.log_range
        return found.size, found.attempt

    def _read(self, request: request_pb2.Request) -> tuple[bytes, int]:
        piece = self._piece(request)
        return bytes(piece.data), piece.reply.log_range.size

    def _piece(self, request: request_pb2.Request) -> Chunk:
        return piece_of_log(self._session.connection.call(request))

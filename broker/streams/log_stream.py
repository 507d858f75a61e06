"""Follow one log, or both, of an attempt: sends output within the client's credit, until the attempt has ended and everything was sent.

Knows no file: it reads through the engine. Ends at the end of the attempt and never at the end of the file, which a stream may reach often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...schemas.frames import LARGEST_CHUNK, LARGEST_CREDIT
from ...schemas.generated import request_pb2
from ...schemas.refusal import Refused
from ...schemas.wire_codec import outcome_to_wire
from ..engine import Engine, LogReader, StreamName
from ..fairness.turns import OwnTurns
from ..jobs.job import Attempt, Job
from ..jobs.life import Phase

# Credit counts bytes, but a peer's pipe counts messages: a job that writes line by line to a slow reader would fill it. After this
# many chunks without new credit, output is collected for a moment. A log read in large chunks never reaches this number.
_CHUNKS_UNGATHERED = 64
_GATHER_SECONDS = 0.05


_NUMBERS: dict[StreamName, request_pb2.Stream] = {"stdout": request_pb2.STREAM_STDOUT, "stderr": request_pb2.STREAM_STDERR}


class Source(NamedTuple):
    """Which logs are followed, from which positions in stdout and stderr, and whether with times. Two logs always have times."""

    streams: Sequence[StreamName]
    starts: tuple[int, int]
    timed: bool = False


class LogStream:
    """Follows one attempt at a job. `send(reply, bulk)` returns False if the peer is gone; `ended(stream)` is called once at the end."""

    def __init__(  # noqa: PLR0913 -- what it reads, and where it is sent
        self,
        request_id: int,
        job: Job,
        attempt: Attempt,
        source: Source,
        engine: Engine,
        turns: OwnTurns,
        *,
        credit: int,
        starts_in_us: Callable[[Job], int | None],
        send: Callable[[request_pb2.Reply, bytes | None], bool],
        refuse: Callable[[Refused], None],
        ended: Callable[[LogStream], None],
    ) -> None:
        self._request_id = request_id
        self._job = job
        self._attempt = attempt
        self._source = source
        self._position = sum(source.starts)
        self._engine = engine
        self._turns = turns
        self._credit = min(credit, LARGEST_CREDIT)
        self._send = send
        self._refuse = refuse
        self._ended = ended
        self._starts_in_us = starts_in_us
        self._reader: LogReader | None = None
        self._closed = False
        self._scheduled = False
        self._chunks = 0
        self._gathering = False

    def started(self, job: Job) -> None:  # noqa: ARG002 -- the attempt that is followed need not be its current one any more
        """Open the log, which exists now. `flush` sends it: the start of a job is reported to the peer before its output."""
        self.open()

    def finished(self, job: Job) -> None:
        """Open the log if there is one; a job that never ran has none."""
        self.started(job)

    def open(self) -> None:
        """Open the log of an attempt that has started."""
        if not self._closed and self._reader is None and self._attempt.started_at_us:
            self._open()

    def stuck(self, job: Job) -> None:
        """Do nothing: the output is in its log all the same."""

    def flush(self) -> None:
        """Send what is available."""
        self.pump()

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit for bytes."""
        self._credit = min(self._credit + credit.bytes, LARGEST_CREDIT)
        self._chunks = 0
        self.pump()

    def close(self) -> None:
        """Close the log; nothing more is sent."""
        if not self._closed:
            self._closed = True
            if self._reader is not None:
                self._reader.close()
                # It refers to `pump`, and would be kept until the next run of the garbage collector.
                self._reader = None
            self._ended(self)

    def pump(self) -> None:
        """Send chunks while there are bytes, credit and time; without time, continue in a later turn."""
        if self._closed or self._scheduled:
            return
        while self._turns.time_left():
            # Checked before reading, so that everything written before the end was recorded is read.
            over = self._is_over()
            if self._closed or (self._gathering and not over):
                return
            try:
                data = self._read()
            except Refused as refused:
                self._refuse(refused)
                self.close()
                return
            if not data:
                if over and (self._reader is None or self._credit > 0):
                    self._finish()
                return
            chunk = request_pb2.LogChunk(start=self._position, attempt=self._attempt.key.attempt)
            for piece in self._reader.pieces if self._reader is not None else ():
                chunk.pieces.add(stream=_NUMBERS[piece.stream], size=piece.size, at_us=piece.at_us)
            reply = request_pb2.Reply(request_id=self._request_id, log_chunk=chunk)
            self._position += len(data)
            self._credit -= len(data)
            if not self._send(reply, data):
                self.close()
                return
            self._chunks += 1
            if self._chunks > _CHUNKS_UNGATHERED and not self._gathering:
                self._gathering = True
                self._turns.call_later(_GATHER_SECONDS, self._gathered)
        self._scheduled = True
        self._turns.call_soon(self._next_turn)

    def _read(self) -> bytes:
        return self._reader.read(min(self._credit, LARGEST_CHUNK)) if self._reader is not None and self._credit > 0 else b""

    def _is_over(self) -> bool:
        """Return whether the attempt has ended; then its log is open, if there is one."""
        over = self._attempt.phase is Phase.FINISHED
        if over:
            self.open()
        return over

    def _gathered(self) -> None:
        self._gathering = False
        self.pump()

    def _next_turn(self) -> None:
        self._scheduled = False
        self.pump()

    def _open(self) -> None:
        try:
            run, (streams, starts, timed) = self._attempt.run, self._source
            if timed:
                self._reader = self._engine.follow_timed(run, streams, starts, self.pump)
            else:
                self._reader = self._engine.follow_log(run, streams[0], self._position, self.pump)
        except Refused as refused:
            self._refuse(refused)
            self.close()

    def _finish(self) -> None:
        end = log_end(self._position, self._attempt, self._job, self._starts_in_us)
        self._send(request_pb2.Reply(request_id=self._request_id, last=True, log_end=end), None)
        self.close()


def log_end(position: int, attempt: Attempt, job: Job, starts_in_us: Callable[[Job], int | None]) -> request_pb2.LogEnd:
    """Return the message that ends the log of an attempt: its size, how the attempt ended, and whether another one follows."""
    end = request_pb2.LogEnd(size=position)
    if attempt.outcome is not None:
        end.outcome.CopyFrom(outcome_to_wire(attempt.outcome))
    number, last = attempt.key.attempt, job.attempt.key.attempt
    if number < last:
        end.next_attempt = number + 1
        end.next_in_us = (starts_in_us(job) or 0) if number + 1 == last else 0
    return end

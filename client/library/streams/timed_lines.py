"""Lines of a job's output with their arrival times, in the order of their ends. Pure.

The worker records when it noticed how many bytes of which stream: the order of output that arrived at about the same time is approximate. A
line is complete before it is returned; one that is longer than 64 KiB is returned in parts. An unfinished line follows at the end of the
log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ....schemas.frames import MOST_TAIL_LINES
from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ....schemas.wire_codec import key_to_wire
from ...protocol.exchange import Chunk
from ..known_jobs import STREAMS, StreamName
from ..options.arguments import microseconds
from ..requests.dialogue import Dialogue, piece_of_log

_NAMES: dict[int, StreamName] = {request_pb2.STREAM_STDOUT: "stdout", request_pb2.STREAM_STDERR: "stderr"}
_LONGEST_LINE = 65_536


class LogLine(NamedTuple):
    """A line that a job wrote, with its line feed, and when its end arrived at the worker."""

    at: datetime
    stream: StreamName
    line: bytes


class Block(NamedTuple):
    """Lines of one stream that arrived together. `begins`: it starts at the beginning of a line."""

    at_us: int
    stream: StreamName
    data: bytes
    begins: bool = True

    def lines(self) -> list[LogLine]:
        """Return its lines."""
        at = datetime.fromtimestamp(self.at_us // 1000 / 1000, UTC)
        return [LogLine(at, self.stream, line + b"\n") for line in self.data.split(b"\n")[:-1]] + self._unfinished(at)

    def _unfinished(self, at: datetime) -> list[LogLine]:
        rest = self.data[self.data.rfind(b"\n") + 1 :]
        return [LogLine(at, self.stream, rest)] if rest else []

    def line_count(self) -> int:
        """Return the number of lines."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    def last(self, lines: int) -> Block:
        """Return its last lines, at least one and not all."""
        at = len(self.data) - 1
        for _ in range(lines):
            at = self.data.rfind(b"\n", 0, at)
        return self._replace(data=self.data[at + 1 :], begins=True)


class Span(NamedTuple):
    """The part of the output that is wanted.

    `starts` and `sizes` are positions in stdout and stderr: where reading starts, and where history ends. `ends`: stop with the history.
    `tail`: only this many of its last lines. `since_us`, `until_us`: only output of this time.
    """

    starts: tuple[int, int] = (0, 0)
    sizes: tuple[int, int] = (0, 0)
    ends: bool = False
    tail: int | None = None
    since_us: int | None = None
    until_us: int | None = None
    attempt: int = 0
    goes_on: bool = True

    def after(self, attempt: int) -> Span:
        """Return the part of the next attempt's output that is wanted."""
        return Span(since_us=self.since_us, until_us=self.until_us, attempt=attempt)


class TimedLines:
    """Splits arriving output into lines. `is_complete`: nothing more is wanted."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._reached = dict(zip(_NAMES.values(), span.starts, strict=True))
        self._sizes = dict(zip(_NAMES.values(), span.sizes, strict=True))
        # The beginnings of lines, with the time of the last byte of each, in the order of these.
        self._unfinished: dict[StreamName, tuple[int, bytes]] = {}
        # Streams of which a part of a long line was passed on.
        self._in_line: set[StreamName] = set()
        self._history: deque[Block] | None = deque() if span.tail is not None else None
        self._lines_held = 0
        self._is_past = False
        self.is_complete = span.ends and self._has_history()

    def _has_history(self) -> bool:
        return all(self._reached[stream] >= size for stream, size in self._sizes.items())

    def add(self, chunk: Chunk) -> list[Block]:
        """Return the lines that are complete now."""
        blocks: list[Block] = []
        data = memoryview(chunk.data)
        for piece in chunk.reply.log_chunk.pieces:
            part, data = data[: piece.size], data[piece.size :]
            stream = _NAMES[piece.stream]
            if self._span.ends:
                part = part[: max(0, self._sizes[stream] - self._reached[stream])]
            self._reached[stream] += len(part)
            if part and (block := self._whole(stream, piece.at_us, bytes(part))) is not None:
                blocks.append(block)
        kept = self._kept(blocks)
        if self._has_history() and (self._span.ends or self._history is not None):
            if self._span.ends:
                self.is_complete = True
            else:
                kept += self._end_of_history()
        self.is_complete = self.is_complete or self._is_past
        return kept

    def finish(self) -> list[Block]:
        """Return the rest when nothing more arrives."""
        rest = sorted((at_us, stream, data) for stream, (at_us, data) in self._unfinished.items())
        self._unfinished.clear()
        kept = self._kept([Block(at_us, stream, data, stream not in self._in_line) for at_us, stream, data in rest])
        return kept + self._end_of_history()

    def _whole(self, stream: StreamName, at_us: int, data: bytes) -> Block | None:
        """Return the lines of a stream that are complete with these bytes; keep the beginning of the next one."""
        _, before = self._unfinished.pop(stream, (0, b""))
        data = before + data
        end = data.rfind(b"\n") + 1
        if not end and len(data) > _LONGEST_LINE:
            end = len(data)
        if end < len(data):
            self._unfinished[stream] = (at_us, data[end:])
        if not end:
            return None
        block = Block(at_us, stream, data[:end], stream not in self._in_line)
        (self._in_line.discard if block.data.endswith(b"\n") else self._in_line.add)(stream)
        return block

    def _kept(self, blocks: list[Block]) -> list[Block]:
        """Return the wanted blocks; while only the last lines of a history are wanted, keep them."""
        span = self._span
        wanted = [block for block in blocks if span.since_us is None or block.at_us >= span.since_us]
        if span.until_us is not None:
            # A time as it is shown, in milliseconds, includes its lines.
            in_time = [block for block in wanted if block.at_us // 1000 * 1000 <= span.until_us]
            self._is_past = self._is_past or len(in_time) < len(wanted)
            wanted = in_time
        if self._history is None:
            return wanted
        for block in wanted:
            self._history.append(block)
            self._lines_held += block.line_count()
            while self._history and self._lines_held - (count := self._history[0].line_count()) >= (span.tail or 0):
                self._history.popleft()
                self._lines_held -= count
        return []

    def _end_of_history(self) -> list[Block]:
        kept, self._history = list(self._history or ()), None
        extra = self._lines_held - (self._span.tail or 0)
        if kept and extra > 0:
            lines = kept[0].line_count() - extra
            kept[:1] = [kept[0].last(lines)] if lines > 0 else []
        return kept


class Wanted(NamedTuple):
    """The lines that are wanted: the streams, and the part; without `follow`, what was written so far. A timedelta is that long ago."""

    streams: tuple[StreamName, ...] = ("stdout", "stderr")
    follow: bool = True
    tail: int | None = None
    since: datetime | timedelta | None = None
    until: datetime | timedelta | None = None
    # Of this attempt; 0: of the last one that has started, and of those that follow it.
    attempt: int = 0


def plan(key: JobKey, wanted: Wanted) -> Dialogue[Span]:
    """Query what must be known before the lines can be read, and return the span."""
    starts = {"stdout": 0, "stderr": 0}
    sizes = dict(starts)
    now_us = 0
    attempt = wanted.attempt
    for stream in wanted.streams:
        read = request_pb2.ReadLog(key=key_to_wire(key), stream=STREAMS[stream], range=request_pb2.ByteRange(), attempt=attempt)
        if wanted.tail:
            read.tail_lines = min(wanted.tail, MOST_TAIL_LINES)
        chunk = piece_of_log((yield request_pb2.Request(read_log=read)))
        sizes[stream], now_us = chunk.reply.log_range.size, chunk.reply.log_range.now_us
        # The others are of the same one, whichever is the last by then.
        attempt = chunk.reply.log_range.attempt or attempt
        if wanted.tail == 0:
            starts[stream] = sizes[stream]
        elif wanted.tail and bytes(chunk.data).count(b"\n", 0, -1) + 1 >= wanted.tail:
            # The last lines of both together are among the last lines of each.
            starts[stream] = chunk.start
    since_us, until_us = _moment_us(wanted.since, now_us), _moment_us(wanted.until, now_us)
    if since_us is not None:
        read = request_pb2.ReadLog(key=key_to_wire(key), stream=request_pb2.STREAM_BOTH, since_us=max(0, since_us), attempt=attempt)
        found = piece_of_log((yield request_pb2.Request(read_log=read))).reply.log_range
        for stream, start in (("stdout", found.start - found.stderr_start), ("stderr", found.stderr_start)):
            starts[stream] = max(starts[stream], start)
    both = ((starts["stdout"], starts["stderr"]), (sizes["stdout"], sizes["stderr"]))
    return Span(*both, not wanted.follow, wanted.tail or None, since_us, until_us, attempt, goes_on=not wanted.attempt)


def timed_request(key: JobKey, streams: Sequence[StreamName], span: Span) -> request_pb2.Request:
    """Return a request that follows one log or both, with times."""
    stdout, stderr = span.starts
    follow = request_pb2.FollowLog(key=key_to_wire(key), stream=request_pb2.STREAM_BOTH, start=stdout + stderr, stderr_start=stderr)
    if len(streams) == 1:
        follow = request_pb2.FollowLog(key=key_to_wire(key), stream=STREAMS[streams[0]], start=stdout + stderr, timed=True)
    follow.attempt = span.attempt
    return request_pb2.Request(follow_log=follow)


def _moment_us(moment: datetime | timedelta | None, now_us: int) -> int | None:
    if isinstance(moment, timedelta):
        return now_us - moment // timedelta(microseconds=1)
    return None if moment is None else microseconds(moment)

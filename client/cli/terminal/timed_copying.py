"""Copy lines of a job's output, with or without their times, to the standard streams, as they arrive and as fast as they are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from ...library.known_jobs import StreamName
from ...library.streams.timed_lines import Block
from ...library.streams.timed_output import TimedOutput
from .outlet import Outlet


class TimedCopy:
    """The output of one job, with an outlet for each stream, or one for both."""

    def __init__(self, output: TimedOutput, outlets: Mapping[StreamName, Outlet], *, timestamps: bool) -> None:
        self._output = output
        self._outlets = outlets
        self._timestamps = timestamps
        # Where the last line is unfinished.
        self._in_line: set[Outlet] = set()
        self._waiting: deque[tuple[Outlet, memoryview]] = deque()
        self.outlet = next(iter(outlets.values()))

    @property
    def is_blocked(self) -> bool:
        """Whether the reader of `outlet` must read before more can be written."""
        return bool(self._waiting)

    @property
    def is_done(self) -> bool:
        """Whether everything was written."""
        return self._output.ended and not self._waiting

    def advance(self) -> bool:
        """Write what has arrived and return whether there was anything, or the end.

        Raises ReaderGone and CannotWrite.
        """
        wrote = False
        while self._waiting or self._take():
            self.outlet, data = self._waiting[0]
            count = self.outlet.write(data)
            if not count:
                return wrote
            wrote = True
            if count == len(data):
                self._waiting.popleft()
            else:
                self._waiting[0] = (self.outlet, data[count:])
        return wrote or self._output.ended

    def drop(self) -> None:
        """Stop writing: it has no reader."""
        self._output.close()
        self._waiting.clear()

    def _take(self) -> bool:
        for block in self._output.take() or ():
            outlet = self._outlets[block.stream]
            data = with_times(block) if self._timestamps else block.data
            if self._timestamps and block.begins and outlet in self._in_line:
                data = b"\n" + data
            (self._in_line.discard if block.data.endswith(b"\n") else self._in_line.add)(outlet)
            self._waiting.append((outlet, memoryview(data)))
        return bool(self._waiting)


def with_times(block: Block) -> bytes:
    """Return a block with the time at the beginning of each line: ISO 8601, UTC, milliseconds."""
    at = f"{time_text(block.at_us)} ".encode()
    ends = block.data.endswith(b"\n")
    lines = block.data[: len(block.data) - ends].replace(b"\n", b"\n" + at)
    return (at if block.begins else b"") + lines + (b"\n" if ends else b"")


def time_text(at_us: int) -> str:
    """Return a moment in ISO 8601, UTC, with milliseconds, such as 2026-11-28T14:30:00.125Z."""
    return datetime.fromtimestamp(at_us // 1000 / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

"""Read the logs of a run with times, in the order in which their bytes arrived. The precision is that of `times_file.py`.

Bytes are never decoded. Knows no job: it is given a folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

from ....broker.engine import LogPiece, StreamName
from ....schemas.refusal import Refused
from . import times_file
from .logs import Follower, Growth, open_log, unreadable
from .times_file import LARGEST, RECORD, Arrival

_STREAMS: tuple[StreamName, ...] = ("stdout", "stderr")
# So much of `times` is read at once, and so many pieces are returned at once.
_BLOCK = 1024 * RECORD.size
_MOST_PIECES = 2048
# How far before a moment the beginning of a line is searched for.
_LONGEST_LINE = 65_536


class Order:
    """Decides which bytes come next. `next_arrival` returns the next record, None if there is none yet; `states` size and time of each log.

    `reached` are the positions in both logs. Does no I/O itself.
    """

    def __init__(
        self,
        streams: Sequence[int],
        reached: Sequence[int],
        next_arrival: Callable[[], Arrival | None],
        states: Callable[[], Sequence[tuple[int, int]]],
    ) -> None:
        self._streams = streams
        self.reached = list(reached)
        self._next_arrival = next_arrival
        self._states = states
        self._arrival: Arrival | None = None
        self._at_us = 0

    def take(self, most: int) -> Iterator[tuple[int, int, int]]:
        """Iterate over stream, size and time of the next bytes, at most `most` in all."""
        # Before the records are read: what is written meanwhile has a record that is not read yet, or comes after everything that has.
        known = self._states()
        while most > 0 and (arrival := self._arrival or self._next_arrival()) is not None:
            self._arrival = arrival
            stream = arrival.stream
            end = arrival.size
            if stream in self._streams and end > self.reached[stream]:
                if end > known[stream][0]:
                    # Written meanwhile; or lost, with the power.
                    end = min(end, self._states()[stream][0])
                size = min(most, end - self.reached[stream])
                if size > 0:
                    most -= size
                    yield self._go_on(stream, size, arrival.at_us)
            if self.reached[stream] >= end or stream not in self._streams:
                self._arrival = None
        rest = sorted((written_us, stream, size) for stream, (size, written_us) in enumerate(known) if stream in self._streams)
        for written_us, stream, size in rest:
            if most > 0 and size > self.reached[stream]:
                length = min(most, size - self.reached[stream])
                most -= length
                yield self._go_on(stream, length, written_us)

    def _go_on(self, stream: int, size: int, at_us: int) -> tuple[int, int, int]:
        self.reached[stream] += size
        # A clock that is set back does not show.
        self._at_us = max(self._at_us, at_us)
        return stream, size, self._at_us


class TimedFollower:
    """Reads both logs of a run, or one of them, from positions on; the `LogReader` of broker/engine.py.

    Raises `Refused` as `Follower` does.
    """

    def __init__(
        self, folder: str, streams: Sequence[StreamName], starts: Sequence[int], growth: Growth | None, on_growth: Callable[[], None]
    ) -> None:
        self.pieces: list[LogPiece] = []
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._times = -1
        self._read_upto = 0
        self._block: Iterator[Arrival] = iter(())
        self._followers: dict[int, Follower] = {}
        chosen = [number for number, name in enumerate(_STREAMS) if name in streams]
        try:
            for number in chosen:
                self._followers[number] = Follower(f"{folder}/{_STREAMS[number]}", starts[number], growth, on_growth)
        except Refused:
            self.close()
            raise
        self._order = Order(chosen, starts, self._next_arrival, self._states)

    def read(self, length: int) -> bytes:
        """Return the next bytes, at most `length`; empty if there are none at present. `pieces` describes them."""
        self.pieces = []
        data: list[bytes] = []
        for stream, size, at_us in self._order.take(length):
            part = self._followers[stream].read(size)
            data.append(part)
            last = self.pieces[-1] if self.pieces else None
            if last is not None and (last.stream, last.at_us) == (_STREAMS[stream], at_us):
                self.pieces[-1] = last._replace(size=last.size + len(part))
            else:
                self.pieces.append(LogPiece(_STREAMS[stream], len(part), at_us))
            if len(self.pieces) >= _MOST_PIECES:
                break
        return b"".join(data)

    def close(self) -> None:
        """Close the files and remove the watches."""
        for follower in self._followers.values():
            follower.close()
        for fd in (self._folder, self._times):
            if fd >= 0:
                os.close(fd)
        self._folder = self._times = -1

    def _states(self) -> list[tuple[int, int]]:
        return [self._followers[number].state() if number in self._followers else (0, 0) for number in range(len(_STREAMS))]

    def _next_arrival(self) -> Arrival | None:
        arrival = next(self._block, None)
        if arrival is None:
            self._block = iter(self._read_block())
            arrival = next(self._block, None)
        return arrival

    def _read_block(self) -> list[Arrival]:
        try:
            if self._times < 0:
                # It may not exist yet. The folder may have another name now.
                with contextlib.suppress(FileNotFoundError):
                    self._times = os.open(times_file.NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._folder)
            if self._times < 0 or self._read_upto >= LARGEST:
                return []
            block = times_file.unpack(os.pread(self._times, _BLOCK, self._read_upto))
        except OSError as error:
            raise unreadable(error, times_file.NAME) from error
        self._read_upto += len(block) * RECORD.size
        return block


class NoLog:
    """The reader of the logs of a job that never had a process."""

    pieces: Sequence[LogPiece] = ()

    def read(self, length: int) -> bytes:
        """Return nothing."""
        del length
        return b""

    def close(self) -> None:
        """Do nothing."""


def find_moment(folder: str, since_us: int) -> list[int]:
    """Return the positions in both logs, at beginnings of lines, after which everything arrived at this moment or later."""
    found = [0, 0]
    known = times_file.read(folder)
    states = [os.stat(f"{folder}/{name}") for name in _STREAMS]  # noqa: PTH116 -- in the words of times_file.py
    rest = times_file.unrecorded(folder, known, [state.st_size for state in states])
    for arrival in (*known, *rest):
        if arrival.at_us >= since_us:
            break
        found[arrival.stream] = min(arrival.size, states[arrival.stream].st_size)
    return [_line_start(f"{folder}/{name}", position) for name, position in zip(_STREAMS, found, strict=True)]


def _line_start(path: str, position: int) -> int:
    begin = max(0, position - _LONGEST_LINE)
    file = open_log(path)
    try:
        before = os.pread(file, position - begin, begin)
    finally:
        os.close(file)
    return begin + before.rfind(b"\n") + 1 if b"\n" in before or not begin else position

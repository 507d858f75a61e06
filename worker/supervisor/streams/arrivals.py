"""Record when output of a job arrives, in the order in which this process notices it.

Unrecorded output has the modification time of its log. So a record is written only when that is not enough: when the other stream writes,
or after 10 ms the same stream again. A job that writes once costs nothing here.

The file has a maximum size. When it is half full, output within ever longer intervals is merged into one record per stream.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from ...state.log_folders.folders import STREAMS
from ...state.log_folders.times_file import MOST_RECORDS, NAME, RECORD, Arrival, pack, read, unrecorded
from ...state.small_files import FILE_MODE

_SPAN_SECONDS = 0.01
# So many records are exact; after each further so many, the span doubles.
_EXACT_RECORDS = MOST_RECORDS // 2
_RECORDS_A_SPAN = MOST_RECORDS // 32


class Arrivals:
    """The arrivals of one job. `now_us` returns the time for records."""

    __slots__ = ("_at_us", "_count", "_ends", "_now_us", "_recorded", "_sizes", "_stream")

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._count = 0
        self._sizes = [0, 0]
        self._recorded = [0, 0]
        # What the present span is about, when it began, and until when (by the monotonic clock) it lasts.
        self._stream = 0
        self._at_us = 0
        self._ends = 0.0

    def adopt(self, folder: str, sizes: list[int]) -> None:
        """Continue after an earlier supervisor; `sizes` are those of the logs."""
        with contextlib.suppress(OSError):
            arrivals = read(folder)
            self._count = len(arrivals)
            self._write(folder, unrecorded(folder, arrivals, sizes))
        self._sizes = list(sizes)
        self._recorded = list(sizes)

    def note(self, folder: str, stream: int, size: int) -> None:
        """Note that a stream has this size now."""
        now = time.monotonic()
        if now >= self._ends or (stream != self._stream and self._count < _EXACT_RECORDS):
            self._record(folder)
            self._stream = stream
            self._at_us = self._now_us()
            self._ends = now + span_seconds(self._count)
        self._sizes[stream] = size

    def _record(self, folder: str) -> None:
        grown = [stream for stream in range(len(STREAMS)) if self._sizes[stream] > self._recorded[stream]]
        # What cannot be recorded, on a full disk for example, takes the time of the next record, or of its log.
        if grown and self._count + len(grown) <= MOST_RECORDS:
            with contextlib.suppress(OSError):
                self._write(folder, [Arrival(self._at_us, stream, self._sizes[stream]) for stream in grown])
                self._recorded = list(self._sizes)

    def _write(self, folder: str, arrivals: list[Arrival]) -> None:
        if not arrivals:
            return
        # Not kept open: there may be thousands of jobs.
        file = os.open(f"{folder}/{NAME}", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)
        try:
            # Where it belongs and not at the end, where an incomplete record may be.
            os.pwrite(file, b"".join(map(pack, arrivals)), self._count * RECORD.size)
        finally:
            os.close(file)
        self._count += len(arrivals)


def span_seconds(count: int) -> float:
    """Return for how long output is merged after this many records."""
    return _SPAN_SECONDS * 2.0 ** max(0, (count - _EXACT_RECORDS) // _RECORDS_A_SPAN + 1)

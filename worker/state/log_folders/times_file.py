"""The `times` file of a log folder: when which bytes of stdout and stderr arrived.

A record has 16 bytes: microseconds UTC, and twice the size of the stream at that time, plus one for stderr; both little-endian. It covers
the bytes since the previous record of the stream. Bytes without a record arrived when the log was last modified: so a job that writes once
needs no file, and what an interrupted supervisor did not record gets the next time. An incomplete last record is ignored.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

import os
import struct

from ....schemas.private_parts.light_typing import NamedTuple
from .folders import STREAMS

NAME = "times"
RECORD = struct.Struct("<QQ")
LARGEST = 1024 * 1024
MOST_RECORDS = LARGEST // RECORD.size


class Arrival(NamedTuple):
    """A stream, as its index in `STREAMS`, has had `size` bytes since then."""

    at_us: int
    stream: int
    size: int


def pack(arrival: Arrival) -> bytes:
    """Return the record of an arrival."""
    return RECORD.pack(arrival.at_us, arrival.size * 2 + arrival.stream)


def unpack(data: bytes) -> list[Arrival]:
    """Return the arrivals of whole records."""
    return [Arrival(at_us, said & 1, said >> 1) for at_us, said in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size])]


def read(folder: str) -> list[Arrival]:
    """Return all arrivals in the file of a folder; none if it cannot be read."""
    try:
        file = os.open(f"{folder}/{NAME}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        return unpack(os.pread(file, LARGEST, 0))
    except OSError:
        # Something else has its name.
        return []
    finally:
        os.close(file)


def unrecorded(folder: str, arrivals: list[Arrival], sizes: list[int]) -> list[Arrival]:
    """Return the arrivals of the bytes without a record, from the modification times of the logs, earliest first."""
    recorded = [max((one.size for one in arrivals if one.stream == stream), default=0) for stream in range(len(STREAMS))]
    return sorted(
        Arrival(os.stat(f"{folder}/{name}").st_mtime_ns // 1000, stream, sizes[stream])  # noqa: PTH116 -- pathlib is not light
        for stream, name in enumerate(STREAMS)
        if sizes[stream] > recorded[stream]
    )

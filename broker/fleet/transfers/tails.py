"""The last lines of recently ended jobs, as sent by their workers: for reports that must not wait."""

from __future__ import annotations

from collections import OrderedDict

from ....schemas.frames import LARGEST_TAIL
from ....schemas.naming import AttemptKey
from ....schemas.text.last_lines import start_of_last
from ...engine import LogPart, StreamName

# How many lines a worker sends of each stream, and how many bytes of all jobs are kept.
TAIL_LINES = 10
_KEPT_BYTES = 16 * 1024 * 1024


class Tails:
    """The newest ones, up to a number of bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[AttemptKey, StreamName], bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, key: AttemptKey, stream: StreamName, data: bytes) -> None:
        """Keep the last lines of a log."""
        if not data:
            return
        kept = data[-LARGEST_TAIL:]
        self._bytes += len(kept) - len(self._kept.pop((key, stream), b""))
        self._kept[key, stream] = kept
        while self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    def last(self, key: AttemptKey, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines, as far as they are kept; their position is unknown."""
        data = self._kept.get((key, stream), b"")
        wanted = data[start_of_last(data, lines) :][-most_bytes:] if lines and most_bytes else b""
        return LogPart(0, wanted, len(wanted))

"""How many processes the kernel has killed on this machine because memory ran out, that of the machine or of any cgroup.

It does not tell unprivileged users which ones. See `oom_kill` in /proc/vmstat, since Linux 4.13; in a container it covers the whole
machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Reading it takes 25 microseconds, which not each of thousands of starts should cost.
_FRESH_SECONDS = 0.1
_NAME = b"\noom_kill "


class OomKills:
    """Counts OOM kills."""

    def __init__(self, now: Callable[[], float] = time.monotonic, read: Callable[[], bytes] | None = None) -> None:
        self._now = now
        self._read = read or _read
        self._counted_at = -_FRESH_SECONDS
        self._count = -1

    def recent(self) -> int:
        """Return the number of kills until a tenth of a second ago or later; -1: this kernel does not report it."""
        now = self._now()
        if now - self._counted_at >= _FRESH_SECONDS:
            self._counted_at = now
            self._count = self._look()
        return self._count

    def since(self, earlier: int) -> int:
        """Return how many there were since `recent` returned this number."""
        return max(0, self._look() - earlier) if earlier >= 0 else 0

    def _look(self) -> int:
        text = self._read()
        at = text.find(_NAME)
        return int(text[at + len(_NAME) :].partition(b"\n")[0]) if at >= 0 else -1


def _read() -> bytes:
    try:
        with open("/proc/vmstat", "rb", buffering=0) as file:  # noqa: PTH123 -- pathlib is not light
            return file.read()
    except OSError:
        return b""

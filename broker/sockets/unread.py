"""Memory used by an identity that does not read: bytes that were sent and that its machines have not acknowledged.

libzmq does not report what waits for a peer, and its high-water mark counts messages, however large. But the kernel counts what the other
side has acknowledged (tcpi_bytes_acked of TCP_INFO, tcp(7)): everything else that was sent is still in libzmq or in the kernel. The kernel
is queried once per MiB, so that a fast reader costs next to nothing.

Knows no limit, no request and no subscription.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .tcp import Gone, acknowledged_bytes

_LOOK_BYTES = 1024 * 1024
# While an identity is over its limit, nothing is sent that would lead to the next check.
_LOOK_SECONDS = 0.1
# Whoever connects again and again is disconnected again and again: the log is not to grow with that.
MOST_LINES = 10
_LINES_SECONDS = 10.0
# The least that encryption and framing add to a frame (RFC 26, RFC 37). Never more than the truth: bytes that are counted and never sent
# would add up, and disconnect a client that reads.
_FRAME_BYTES = 35


@dataclass(slots=True, eq=False)
class Meter:
    """One connection: its descriptor in libzmq with the kernel's cookie, and how many of the bytes sent are unread."""

    descriptor: int
    cookie: bytes
    unread: int = 0
    _acknowledged: int | None = None

    def look(self) -> None:
        """Update `unread` from the kernel.

        Raises Gone.
        """
        before, self._acknowledged = self._acknowledged, acknowledged_bytes(self.descriptor, self.cookie)
        if self._acknowledged is None:
            # Not TCP: only the high-water mark limits it.
            self.unread = 0
        elif before is not None:
            # Bytes that libzmq adds by itself (pongs) are acknowledged without having been counted: at least they give no credit.
            self.unread = max(0, self.unread - (self._acknowledged - before))


@dataclass(slots=True, eq=False)
class Account:
    """One identity: its connections to one socket, and how many streams (or subscriptions) are open on them; `feeds` of them feed jobs."""

    public: bytes
    streams: int = 0
    feeds: int = 0
    # Files that it sends and fetches.
    puts: int = 0
    fetches: int = 0
    # A broker speaks for many: how many times as many files it may send and fetch at once.
    speaks_for: int = 1
    # By cookie.
    meters: dict[bytes, Meter] = field(default_factory=dict)
    _unread: int = 0
    _unlooked: int = 0
    _looked_at: float = 0.0
    # How many lines the log got about it, and since when.
    _lines: int = 0
    _lines_since: float = 0.0

    def meter(self, descriptor: int, cookie: bytes) -> Meter:
        """Return the meter of a connection, which is counted from now on."""
        found = self.meters.get(cookie)
        if found is None:
            found = self.meters[cookie] = Meter(descriptor, cookie)
            with contextlib.suppress(Gone):
                found.look()
        return found

    def count(self, meter: Meter, frames: Sequence[bytes | memoryview]) -> bool:
        """Count bytes sent over one of the connections; return whether `is_over` has to be checked. No limit is less than a MiB."""
        size = _FRAME_BYTES * len(frames) + sum(map(len, frames))
        meter.unread += size
        self._unlooked += size
        return self._unlooked >= _LOOK_BYTES or self._unread > _LOOK_BYTES

    def is_over(self, limit: int) -> bool:
        """Return whether more bytes are unread than the limit; exact to a MiB."""
        if self._unread > limit:
            if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
                self._look()
        elif self._unlooked >= _LOOK_BYTES or self._unlooked > limit:
            self._look()
        return self._unread > limit

    def largest(self) -> Meter | None:
        """Return the connection with the most unread bytes."""
        return max(self.meters.values(), key=lambda meter: meter.unread, default=None)

    def forget(self, meter: Meter) -> None:
        """Stop counting a connection."""
        if self.meters.get(meter.cookie) is meter:
            del self.meters[meter.cookie]
            self._unread = max(0, self._unread - meter.unread)

    def next_line(self) -> int:
        """Return which line this would be that the log gets about it in ten seconds; over MOST_LINES, it gets none."""
        now = time.monotonic()
        if now - self._lines_since >= _LINES_SECONDS:
            self._lines, self._lines_since = 0, now
        self._lines += 1
        return self._lines

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        self._unlooked = 0
        for meter in list(self.meters.values()):
            try:
                meter.look()
            except Gone:
                del self.meters[meter.cookie]
        self._unread = sum(meter.unread for meter in self.meters.values())

"""What lies in this process for one identity that does not read: bytes that were sent and that its machines did not take.

libzmq says nothing about what waits for a peer, and its high-water mark counts messages, however large. But the kernel counts what
the other side has acknowledged (tcpi_bytes_acked of TCP_INFO, tcp(7)): what was sent and not acknowledged lies here, in libzmq or in
the kernel. Asked it is once for each MiB, so that a quick reader costs next to nothing.

Knows no limit, no request and no subscription.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from .tcp import Gone, acknowledged_bytes

_LOOK_BYTES = 1024 * 1024
# While somebody is over its limit, nothing is sent that would lead to the next look.
_LOOK_SECONDS = 0.1
# What encryption and framing add to a frame at least (RFC 26, RFC 37). Never more than they do: what is counted and never sent would
# add up, and cut off somebody who reads.
_FRAME_BYTES = 35


@dataclass(slots=True, eq=False)
class Meter:
    """One connection: its descriptor in libzmq with the kernel's cookie, and how much of what was sent lies here still."""

    descriptor: int
    cookie: bytes
    unread: int = 0
    _acknowledged: int | None = None

    def look(self) -> None:
        """Ask the kernel.

        Raises Gone.
        """
        before, self._acknowledged = self._acknowledged, acknowledged_bytes(self.descriptor, self.cookie)
        if self._acknowledged is None:
            # Not TCP: then only the high-water mark bounds it.
            self.unread = 0
        elif before is not None:
            # What libzmq adds by itself (pongs) is acknowledged without having been counted: at least nothing is saved up from it.
            self.unread = max(0, self.unread - (self._acknowledged - before))


@dataclass(slots=True, eq=False)
class Account:
    """One identity: its connections to one socket, and how many streams (or subscriptions) are open over all of them."""

    public: bytes
    streams: int = 0
    # By cookie.
    meters: dict[bytes, Meter] = field(default_factory=dict)
    _unread: int = 0
    _unlooked: int = 0
    _looked_at: float = 0.0

    def meter(self, descriptor: int, cookie: bytes) -> Meter:
        """Get the meter of a connection, which is counted from now on."""
        found = self.meters.get(cookie)
        if found is None:
            found = self.meters[cookie] = Meter(descriptor, cookie)
            with contextlib.suppress(Gone):
                found.look()
        return found

    def count(self, meter: Meter, frames: Iterable[bytes]) -> None:
        """Note what is sent over one of the connections."""
        size = sum(_FRAME_BYTES + len(frame) for frame in frames)
        meter.unread += size
        self._unlooked += size

    def is_over(self, limit: int) -> bool:
        """Say whether more lies here than the limit; at most a MiB late."""
        if self._unread > limit:
            if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
                self._look()
        elif self._unlooked >= _LOOK_BYTES or self._unlooked > limit:
            self._look()
        return self._unread > limit

    def largest(self) -> Meter | None:
        """Say over which connection the most is unread."""
        return max(self.meters.values(), key=lambda meter: meter.unread, default=None)

    def forget(self, meter: Meter) -> None:
        """Count a connection no more."""
        if self.meters.get(meter.cookie) is meter:
            del self.meters[meter.cookie]
            self._unread = max(0, self._unread - meter.unread)

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        self._unlooked = 0
        for meter in list(self.meters.values()):
            try:
                meter.look()
            except Gone:
                del self.meters[meter.cookie]
        self._unread = sum(meter.unread for meter in self.meters.values())

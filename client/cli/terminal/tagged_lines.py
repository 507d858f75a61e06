"""Lines of several logs on one descriptor, each after the name of its source: `lab1: ready`.

A line that was begun is written to its end before a line of another log. A log whose descriptor is full waits for its reader, like any
other.
"""

from __future__ import annotations

from ...library.streams.output import JobOutput
from .outlet import Outlet

# A line that is longer is written in several.
LONGEST_LINE = 64 * 1024


class Spout:
    """A descriptor that several logs share."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._waiting = memoryview(b"")

    @property
    def is_blocked(self) -> bool:
        """Whether its reader must read before more can be written."""
        return len(self._waiting) > 0

    def write(self, data: bytes) -> None:
        """Write, now or when there is room. Only if it is not blocked. Raises ReaderGone and CannotWrite."""
        self._waiting = memoryview(data)
        self.flush()

    def flush(self) -> bool:
        """Write pending bytes, and return whether any were written."""
        before = len(self._waiting)
        while self._waiting and (count := self.outlet.write(self._waiting)):
            self._waiting = self._waiting[count:]
        return len(self._waiting) < before

    def drop(self) -> None:
        """Drop pending bytes: they have no reader."""
        self._waiting = memoryview(b"")


class TaggedCopy:
    """One log that is copied line by line, up to a position if one is given. At its end, an incomplete line is completed."""

    def __init__(self, output: JobOutput, spout: Spout, tag: str, upto: int | None = None) -> None:
        self._output = output
        self._spout = spout
        self._tag = f"{tag}: ".encode()
        self._partial = b""
        self._upto = upto
        self._taken = output.position
        self._is_dropped = False

    @property
    def outlet(self) -> Outlet:
        """Where it is written."""
        return self._spout.outlet

    @property
    def is_blocked(self) -> bool:
        """Whether the reader of `outlet` must read before more can be written."""
        return self._spout.is_blocked

    @property
    def is_done(self) -> bool:
        """Whether everything was written."""
        return self._is_dropped or (self._has_ended and not self._partial and not self._spout.is_blocked)

    def advance(self) -> bool:
        """Write what has arrived and return whether there was anything.

        Raises ReaderGone and CannotWrite, and what the worker refuses.
        """
        moved = self._spout.flush()
        if self._is_dropped:
            return moved
        while not self._spout.is_blocked and not self._is_full and (data := self._output.take()) is not None:
            part = bytes(data if self._upto is None else data[: self._upto - self._taken])
            self._taken += len(part)
            lines, self._partial = tagged(self._tag, self._partial + part)
            if lines:
                self._spout.write(lines)
            moved = True
        if self._partial and self._has_ended and not self._spout.is_blocked:
            last, self._partial = self._tag + self._partial + b"\n", b""
            self._spout.write(last)
            moved = True
        return moved

    @property
    def _is_full(self) -> bool:
        return self._upto is not None and self._taken >= self._upto

    @property
    def _has_ended(self) -> bool:
        return self._output.ended or self._is_full

    def drop(self) -> None:
        """Stop writing: it has no reader."""
        if not self._is_dropped:
            self._is_dropped = True
            self._output.close()
            self._partial = b""
            self._spout.drop()


def tagged(tag: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return the complete lines in some bytes, each after the tag, and the rest: the beginning of a line."""
    *lines, rest = data.split(b"\n")
    while len(rest) > LONGEST_LINE:
        lines.append(rest[:LONGEST_LINE])
        rest = rest[LONGEST_LINE:]
    return b"".join(b"%b%b\n" % (tag, line) for line in lines), rest

"""How much a worker may send before the reader has read what arrived: windows for messages and for bytes. Knows no message and no socket.

Both windows start over with each attempt, from what waits for the consumer: only what was kept counts. A whole window is granted when a
stream is requested, and half a window again as its consumer reads: a slow reader delays only its own stream, and the worker never waits for
a fast one.
"""

from __future__ import annotations

WINDOW_MESSAGES = 64
WINDOW_BYTES = 4 * 1024 * 1024
# A worker collects output after 64 pieces without credit, for 50 ms at a time. A reader for which that is too slow grants credit after
# this many.
_PIECES = 32


class MessageWindow:
    """Credit for the reports of a `start` or `stop`."""

    __slots__ = ("_granted", "_held", "_size")

    def __init__(self, size: int = WINDOW_MESSAGES) -> None:
        self._size = size
        self._granted = 0
        self._held = 0

    def begin(self, held: int) -> int:
        """Return the first credit of an attempt, given how many messages wait for their consumer."""
        self._held = held
        self._granted = max(self._size - held, 1)
        return self._granted

    def received(self) -> None:
        """Count a message that arrived and waits for its consumer."""
        self._granted -= 1
        self._held += 1

    def taken(self) -> int:
        """Count a message that its consumer read, and return what to grant now, usually 0."""
        self._held -= 1
        grant = self._size - self._held - self._granted
        if grant < self._size // 2:
            return 0
        self._granted += grant
        return grant


class ByteWindow:
    """Credit for a log, kept as positions in it, so that bytes that arrive twice are counted once.

    `often`: credit is also granted after a number of small pieces, so that the worker keeps sending each at once.
    """

    __slots__ = ("_granted_upto", "_pieces", "_size", "_taken_upto", "often", "reached")

    def __init__(self, start: int) -> None:
        self._size = WINDOW_BYTES
        self._granted_upto = start
        self._taken_upto = start
        self._pieces = 0
        self.often = False
        self.reached = start

    def begin(self, size: int, held: int) -> int:
        """Return the first credit of an attempt that begins at the byte reached, given how many bytes wait for their consumer."""
        self._size = size
        self.reached = self._taken_upto + held
        self._granted_upto = max(self._taken_upto + size, self.reached + 1)
        return self._granted_upto - self.reached

    def taken(self, size: int) -> int:
        """Count a piece that its consumer read, and return how many bytes to grant now, usually 0."""
        self._taken_upto += size
        self._pieces += 1
        grant = self._taken_upto + self._size - self._granted_upto
        if grant < max(self._size // 2, 1) and not (self.often and self._pieces >= _PIECES):
            return 0
        self._pieces = 0
        self._granted_upto += grant
        return grant

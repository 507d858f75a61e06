"""A content on its way to the worker: where to read it, and what is to be sent. Knows no message and no file.

Unlike the input of a job (feeding.py) it can be read again, so nothing is kept: after a lost connection it is read from where the worker
is.
"""

from __future__ import annotations

from collections import deque

from .feeding import Piece


class Uploading:
    """One content of `size` bytes, across any number of attempts."""

    __slots__ = ("_limit", "_most_bytes", "_pending", "_size", "position")

    def __init__(self, size: int) -> None:
        # The offset of the byte that is to be read next.
        self.position = 0
        self._size = size
        self._pending: deque[Piece] = deque()
        # Nothing may be sent until the worker says how far it is.
        self._limit = 0
        self._most_bytes = 0

    @property
    def is_allowed(self) -> bool:
        """Whether the worker has said in this attempt how much it has."""
        return self._limit > 0

    @property
    def room(self) -> int:
        """How many bytes may be read now."""
        return max(0, min(self._limit - self.position, self._most_bytes))

    def add(self, data: bytes) -> None:
        """Take bytes that were read at `position`."""
        end = self.position + len(data)
        self._pending.append(Piece(self.position, data, end == self._size))
        self.position = end

    def begin(self, most_bytes: int) -> None:
        """Begin an attempt, in which a piece may have this many bytes."""
        self._most_bytes = most_bytes
        self._limit = 0
        self._pending.clear()

    def allow(self, reached: int, limit: int) -> None:
        """Note that the worker has all bytes before `reached`, and accepts those before `limit`."""
        # Another client may send the same content, and be further.
        if not self._limit or reached > self.position:
            self.position = reached
        self._limit = limit

    def next(self) -> Piece | None:
        """Return the next piece to send, once; None if there is none now."""
        return self._pending.popleft() if self._pending else None

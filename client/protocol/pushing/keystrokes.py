"""What is typed at the terminal of a job, on its way to the worker. Knows no message and no descriptor.

Nothing is ever typed twice: what was sent, and not acknowledged when the connection was lost, is dropped and counted. What was not sent yet
is sent on the next connection, where offsets begin at 0 again.
"""

from __future__ import annotations

from ....schemas.frames import LARGEST_TYPED
from ....schemas.jobs.terminal import TerminalSize
from ....schemas.refusal import Code, Refused
from .feeding import Piece


class Keystrokes:
    """One terminal, across any number of attempts."""

    __slots__ = ("_limit", "_most_bytes", "_reached", "_redraws", "_sent", "_size", "_sizes", "_unsent", "lost")

    def __init__(self) -> None:
        self._unsent = bytearray()
        # Of this attempt.
        self._sent = 0
        self._reached = 0
        self._limit = 0
        self._most_bytes = 0
        self._size: TerminalSize | None = None
        # What to send.
        self._sizes: list[TerminalSize] = []
        self._redraws = False
        # How many bytes may not have reached the job, so far; set to 0 by who reports that.
        self.lost = 0

    @property
    def room(self) -> int:
        """How many bytes may be added now."""
        return LARGEST_TYPED - len(self._unsent)

    @property
    def reached(self) -> int:
        """How many bytes of this attempt have reached the job's terminal."""
        return self._reached

    @property
    def pending(self) -> int:
        """How many bytes have not reached the job, as far as known."""
        return len(self._unsent) + self._sent - self._reached

    def add(self, data: bytes) -> None:
        """Take bytes that were typed."""
        self._unsent += data

    def resize(self, size: TerminalSize) -> None:
        """Take the size that the terminal is to have."""
        self._size = size
        self._sizes = [size]

    def redraw(self) -> None:
        """Make the programs of the job redraw the screen at the beginning of each attempt."""
        self._redraws = True

    def begin(self, most_bytes: int) -> None:
        """Begin an attempt, in which a piece may have this many bytes."""
        self.lost += self._sent - self._reached
        self._sent = self._reached = self._limit = 0
        self._most_bytes = most_bytes
        if self._size is not None:
            # Programs draw everything again when the size changes.
            self._sizes = [self._size._replace(rows=max(1, self._size.rows - 1)), self._size] if self._redraws else [self._size]
        # Messages about a lost connection were shown.
        self._redraws = True

    def allow(self, reached: int, limit: int) -> None:
        """Note that the job's terminal has all bytes before `reached`, and that those before `limit` may be sent.

        Raises `Refused(INTERNAL)` if it has more than were sent, or less than it had.
        """
        if not self._reached <= reached <= self._sent:
            raise Refused(Code.INTERNAL, f"the worker has typed {reached} bytes, and not {self._reached} to {self._sent}")
        self._reached = reached
        self._limit = limit

    def next(self) -> Piece | None:
        """Return the next piece to send, once; None if there is none now."""
        size = min(len(self._unsent), self._limit - self._sent, self._most_bytes)
        if size <= 0:
            return None
        data = bytes(self._unsent[:size])
        del self._unsent[:size]
        self._sent += size
        return Piece(self._sent - size, data, last=False)

    def next_size(self) -> TerminalSize | None:
        """Return the size to send next, once; None if the worker has it."""
        return self._sizes.pop(0) if self._sizes else None

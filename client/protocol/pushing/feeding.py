"""The standard input of a job on its way to the worker: how much may be read, and what is to be sent. Knows no message and no descriptor.

Bytes are kept until the worker has acknowledged them, so that after a lost connection they are sent again from where the worker is. That is
never more than the worker allows, at most a window of 4 MiB.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ....keys.proofs.input_seal import RunningHash
from ....schemas.refusal import Code, Refused


class Piece(NamedTuple):
    """Bytes to send, and the offset of the first one. `last`: nothing follows."""

    start: int
    data: bytes | memoryview
    last: bool


class Feeding:
    """One input, across any number of attempts. Offsets count from its first byte.

    `continues`: another feeder may have sent the first bytes, and it begins where the worker is.
    """

    __slots__ = ("_continues", "_is_ended", "_is_last_sent", "_kept", "_limit", "_most_bytes", "_read", "_sent", "hash", "seal")

    def __init__(self, *, continues: bool = False) -> None:
        self._continues = continues
        # Bytes that may have to be sent again, oldest first, with the offset of each piece.
        self._kept: deque[tuple[int, bytes]] = deque()
        self._read = 0
        self._is_ended = False
        # Of this attempt. 0 bytes may be sent until the worker says how far it is.
        self._sent = 0
        self._limit = 0
        self._is_last_sent = False
        self._most_bytes = 0
        # Of everything that was read, if it is sealed; and the seal, if somebody else has made it.
        self.hash: RunningHash | None = None
        self.seal = b""

    @property
    def reached(self) -> int:
        """The offset before which the worker has acknowledged all bytes."""
        return self._kept[0][0] if self._kept else self._read

    @property
    def limit(self) -> int:
        """The offset before which bytes may be sent; 0 if none may be sent now."""
        return self._limit

    @property
    def read(self) -> int:
        """How many bytes were added, or came before."""
        return self._read

    @property
    def room(self) -> int:
        """How many bytes may be read now; 0 after the end too."""
        return 0 if self._is_ended else max(0, min(self._limit - self._read, self._most_bytes))

    def add(self, data: bytes) -> None:
        """Add bytes that were read; empty bytes are the end."""
        if not data:
            self._is_ended = True
            return
        if self.hash is not None:
            self.hash.add(data)
        self._kept.append((self._read, data))
        self._read += len(data)

    def be_sealed(self) -> None:
        """Hash what is read from now on: all of it passes through a broker."""
        self.hash = self.hash or RunningHash()

    def begin(self, most_bytes: int) -> None:
        """Begin an attempt, in which a piece may have this many bytes."""
        self._most_bytes = most_bytes
        self._limit = 0
        self._is_last_sent = False

    def allow(self, reached: int, limit: int) -> None:
        """Note that the worker has all bytes before `reached`, and accepts those before `limit`.

        Raises `Refused(INTERNAL)` if it has more than were sent, or less than it had.
        """
        if self._continues:
            self._continues, self._read = False, reached
        if not self.reached <= reached <= self._read:
            raise Refused(Code.INTERNAL, f"the worker has {reached} bytes of the standard input, and not {self.reached} to {self._read}")
        while self._kept and self._kept[0][0] + len(self._kept[0][1]) <= reached:
            self._kept.popleft()
        if not self._limit:
            self._sent = reached
        self._limit = limit

    def next(self) -> Piece | None:
        """Return the next piece to send, once; None if there is none now."""
        if not self._limit or self._is_last_sent:
            return None
        for start, data in self._kept:
            if start + len(data) > self._sent:
                rest = memoryview(data)[self._sent - start :][: max(0, self._limit - self._sent)]
                return self._piece(rest) if rest else None
        return self._piece(memoryview(b"")) if self._is_ended else None

    def _piece(self, data: memoryview) -> Piece:
        start = self._sent
        self._sent += len(data)
        self._is_last_sent = self._is_ended and self._sent == self._read
        return Piece(start, data, self._is_last_sent)

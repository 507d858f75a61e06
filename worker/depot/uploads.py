"""Incoming contents: each is written and hashed by a thread while the next bytes arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...broker.depot import Sender
from ...schemas.frames import LARGEST_FEED_WINDOW
from ...schemas.jobs.brought_files import BroughtFile
from ...schemas.refusal import Refused
from ..state.blobs import Blobs, Receiving
from .threads import Threads

_Result = TypeVar("_Result")


class IncomingFile:
    """One content; the `Upload` of broker/depot.py. `over` is called once, at its end."""

    def __init__(
        self, blobs: Blobs, threads: Threads, owner: bytes, file: BroughtFile, limit_bytes: int, token: bytes, over: Callable[[], None]
    ) -> None:
        self._threads = threads
        self._file = file
        self._over = over
        self._senders: list[Sender] = []
        self._receiving: Receiving | None = None
        self._pending: list[bytes] = []
        self._is_busy = True
        self._arrived = 0
        self._written = 0
        threads.run(lambda: _attempt(lambda: blobs.receive(owner, file, limit_bytes, token)), self._opened, self._opened)

    @property
    def reached(self) -> int:
        """How many bytes have arrived."""
        return self._arrived

    @property
    def limit(self) -> int:
        """Up to which offset bytes may be written now."""
        return min(self._file.size, self._written + LARGEST_FEED_WINDOW) if self._receiving is not None else 0

    def join(self, sender: Sender) -> None:
        """Add a sender; its `advance` is called when bytes can be written."""
        self._senders.append(sender)

    def write(self, data: memoryview) -> None:
        """Add bytes."""
        if len(data):
            self._pending.append(bytes(data))
            self._arrived += len(data)
            self._go_on()

    def leave(self, sender: Sender) -> None:
        """Stop sending; the file is closed when no sender is left."""
        if sender in self._senders:
            self._senders.remove(sender)
            self._go_on()

    def _opened(self, result: Receiving | Refused) -> None:
        self._is_busy = False
        if isinstance(result, Refused):
            self._refuse(result)
            return
        self._receiving = result
        self._arrived = self._written = result.written
        for sender in list(self._senders):
            sender.advance()
        self._go_on()

    def _go_on(self) -> None:
        receiving = self._receiving
        if self._is_busy or receiving is None:
            return
        if self._pending:
            data, self._pending = b"".join(self._pending), []
            self._is_busy = True
            self._threads.run(lambda: _attempt(lambda: receiving.write(data)), self._wrote, self._wrote)
        elif self._written >= self._file.size:
            self._is_busy = True
            self._threads.run(lambda: _attempt(receiving.complete), self._completed, self._completed)
        elif not self._senders:
            self._end()

    def _wrote(self, result: Refused | None) -> None:
        self._is_busy = False
        if result is not None:
            self._refuse(result)
            return
        if self._receiving is not None:
            self._written = self._receiving.written
        if self._written < self._file.size:
            for sender in list(self._senders):
                sender.advance()
        self._go_on()

    def _completed(self, result: Refused | None) -> None:
        if result is not None:
            self._refuse(result)
            return
        senders = list(self._senders)
        self._end()
        for sender in senders:
            sender.stored()

    def _refuse(self, refused: Refused) -> None:
        senders = list(self._senders)
        self._end()
        for sender in senders:
            sender.refuse(refused.anew())

    def _end(self) -> None:
        self._senders.clear()
        self._pending.clear()
        if self._receiving is not None:
            self._receiving.close()
            self._receiving = None
        self._over()


def _attempt(work: Callable[[], _Result]) -> _Result | Refused:
    try:
        return work()
    except Refused as refused:
        return refused

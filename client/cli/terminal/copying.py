"""Copy logs of a job to descriptors of this process, as they arrive and as fast as they are read."""

from __future__ import annotations

import select
from collections.abc import Iterable, Sequence
from typing import Protocol

from ...library.client import Client
from ...library.streams.output import JobOutput
from .outlet import Outlet
from .streams import Readers

# After so much of a log, the memory for its pieces is worth keeping: to arrange that takes some milliseconds.
_LONG_BYTES = 8 * 1024 * 1024


class Copy:
    """One log that is copied to one descriptor, up to a position or, if that is None, to its end."""

    def __init__(self, output: JobOutput, outlet: Outlet, upto: int | None = None) -> None:
        self.output = output
        self.outlet = outlet
        self._upto = upto
        self._written = output.position
        self._long_from = output.position + _LONG_BYTES
        self._waiting: memoryview = memoryview(b"")

    @property
    def written(self) -> int:
        """The position up to which it was written."""
        return self._written

    @property
    def is_blocked(self) -> bool:
        """Whether its reader must read before more can be written."""
        return len(self._waiting) > 0

    @property
    def is_done(self) -> bool:
        """Whether everything was written."""
        return not self.is_blocked and (self.output.ended or (self._upto is not None and self._written >= self._upto))

    def advance(self) -> bool:
        """Write what has arrived and return whether there was anything.

        Raises ReaderGone and CannotWrite.
        """
        before = self._written
        while self.is_blocked or self._take():
            count = self.outlet.write(self._waiting)
            if not count:
                break
            self._count(count)
            self._waiting = self._waiting[count:]
        return self._written > before

    def show(self, data: bytes | memoryview) -> bool:
        """Write bytes that were taken from the exchange of the output, and return whether more can be written at once.

        Raises ReaderGone and CannotWrite.
        """
        self.output.skip(len(data))
        if self._waiting:
            data = bytes(self._waiting) + data
        if self._upto is not None:
            data = memoryview(data)[: self._upto - self._written]
        count = self.outlet.write(data)
        self._count(count)
        self._waiting = memoryview(data)[count:]
        return not (self._waiting or self._written == self._upto)

    def _count(self, written: int) -> None:
        before, self._written = self._written, self._written + written
        if before < self._long_from <= self._written:
            from ....keys.malloc import reuse_buffers  # noqa: PLC0415 -- see above

            reuse_buffers()

    def drop(self) -> None:
        """Stop writing: it has no reader."""
        self.output.close()
        self._waiting = memoryview(b"")
        self._upto = self._written

    def _take(self) -> bool:
        if self._upto is not None and self._written >= self._upto:
            return False
        data = self.output.take()
        if data is None:
            return False
        self._waiting = memoryview(data)
        if self._upto is not None:
            self._waiting = self._waiting[: self._upto - self._written]
        return self.is_blocked


class Copying(Protocol):
    """Something that is copied to descriptors."""

    @property
    def outlet(self) -> Outlet:
        """Where it is written."""
        ...

    @property
    def is_blocked(self) -> bool:
        """Whether the reader of `outlet` must read before more can be written."""
        ...

    def advance(self) -> bool:
        """Write what has arrived and return whether there was anything. Raises ReaderGone and CannotWrite."""
        ...


def step(client: Client, copies: Sequence[Copying], readers: Readers, wake_fds: Sequence[int] = (), deadline: float | None = None) -> None:
    """Copy what can be copied; if nothing can, wait until something happens, a wake fd is readable or the deadline has passed.

    Raises ReaderGone and CannotWrite.
    """
    if any([copy.advance() for copy in copies]):  # noqa: C419 -- each gets its turn
        return
    blocked = [copy.outlet.fd for copy in copies if copy.is_blocked]
    if blocked:
        # Of these logs nothing more is taken: their credit ends, and the worker waits. Input goes on, because whoever writes it may read
        # the output only afterwards.
        with select.epoll() as writable:
            for fd in blocked:
                writable.register(fd, select.EPOLLOUT)
            client.pump(deadline, [*wake_fds, writable.fileno()])
        return
    shown = {copy.output.exchange: copy.show for copy in copies if isinstance(copy, Copy) and not copy.is_done}
    if shown and client.connection.pour(shown, [*wake_fds, readers.fd], deadline):
        client.pump(0)
        readers.check()
    else:
        pump_for_readers(client, readers, wake_fds, deadline)


def pump_for_readers(client: Client, readers: Readers, wake_fds: Sequence[int] = (), deadline: float | None = None) -> None:
    """Process pending messages while the output has a reader.

    Raises ReaderGone as soon as the reader is gone, even if there is nothing to write.
    """
    client.pump(deadline, [*wake_fds, readers.fd])
    readers.check()


def copy_blocks(standard: int, blocks: Iterable[bytes]) -> None:
    """Write blocks to a standard stream, one after the other.

    Raises ReaderGone and CannotWrite.
    """
    outlet = Outlet(standard)
    try:
        for block in blocks:
            left = memoryview(block)
            while left:
                written = outlet.write(left)
                left = left[written:]
                if not written:
                    select.select([], [outlet.fd], [])
    finally:
        outlet.close()

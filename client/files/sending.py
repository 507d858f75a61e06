"""Send contents that the worker lacks, several at a time; for a client that blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ...schemas.spec import JobSpec
from ...schemas.trees.reading import Source, changed
from .local_files import LocalFile, shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..protocol.exchange import Exchange
    from ..sockets.connection import Connection

# More than one, so that the worker has something to do while it syncs a file.
_AT_ONCE = 4


def put_request(file: LocalFile) -> request_pb2.Request:
    """Return a request to send a content."""
    return request_pb2.Request(put=request_pb2.Put(digest=file.digest, size=file.size))


class Sending:
    """One content that is sent with an exchange; `feed` sends bytes with it."""

    def __init__(self, exchange: Exchange, file: LocalFile, feed: Callable[[Exchange, bytes], None]) -> None:
        self.exchange = exchange
        self._file = file
        self._feed = feed
        self._source: Source | None = None
        self._bytes: Generator[bytes, None, None] | None = None
        # What was read and not sent, and the offset behind it.
        self._left = b""
        self._read_upto = 0

    def advance(self) -> None:
        """Send what the worker takes now. Raises Refused if the file has changed, or cannot be read any more."""
        uploading = self.exchange.uploading
        while uploading is not None and not self.exchange.ended and (room := uploading.room):
            try:
                data = self._read(uploading.position, room)
            except OSError as error:
                raise Refused(Code.INVALID_ARGUMENT, f"{shown(self._file.local)!r} cannot be read: {error.strerror}") from None
            self._feed(self.exchange, data)

    def _read(self, position: int, most_bytes: int) -> bytes:
        if self._bytes is None or position != self._read_upto - len(self._left):
            self.close()
            source = self._source = self._file.open()
            self._bytes = source.read(position)
            self._left, self._read_upto = b"", position
        if not self._left:
            self._left = next(self._bytes, b"")
            self._read_upto += len(self._left)
            if not self._left:
                raise changed(shown(self._file.local))
        data, self._left = self._left[:most_bytes], self._left[most_bytes:]
        return data

    def close(self) -> None:
        """Close the file."""
        if self._bytes is not None:
            self._bytes.close()
        if self._source is not None:
            self._source.close()


def local_files(jobs: Iterable[object]) -> list[LocalFile]:
    """Return the files of this machine that these jobs bring, each content once."""
    files = {file.digest: file for job in jobs if isinstance(job, JobSpec) for file in job.files if isinstance(file, LocalFile)}
    return list(files.values())


def send(connection: Connection, files: Iterable[LocalFile]) -> None:
    """Send contents; returns when all of them are on the worker's disk.

    Raises Refused if one of them has changed, or what the worker refuses.
    """
    waiting = deque(files)
    sending: list[Sending] = []
    with ExitStack() as stack:
        while waiting or sending:
            while waiting and len(sending) < _AT_ONCE:
                file = waiting.popleft()
                one = Sending(connection.ask(put_request(file)), file, connection.feed)
                stack.callback(one.close)
                stack.callback(connection.forget, one.exchange)
                sending.append(one)
            for one in list(sending):
                one.advance()
                if one.exchange.ended:
                    if one.exchange.refusal is not None:
                        raise one.exchange.refusal.anew()
                    one.close()
                    sending.remove(one)
            if sending:
                connection.pump()

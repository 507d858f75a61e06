"""Send contents that the worker lacks, several at a time; for the blocking client."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ...schemas.generated import request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.trees.reading import Source, changed
from ..sockets.waiting.onlooker import Transfer
from .local_files import Chosen, LocalFile, shown, unreadable

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..protocol.exchange import Exchange
    from ..sockets.connection import Connection

# More than one, so that the worker has something to do while it syncs a file.
AT_ONCE = 4


def put_request(file: LocalFile) -> request_pb2.Request:
    """Return a request to send a content."""
    return request_pb2.Request(put=request_pb2.Put(digest=file.digest, size=file.size))


class Reading:
    """Reads a content from any position on; with `hashes`, reading also computes its digest.

    `content` is opened at the first read, and again to go back.
    """

    def __init__(self, content: LocalFile | Chosen, *, hashes: bool = False) -> None:
        self.content = content
        self._source: Source | None = None
        self._bytes: Generator[bytes, None, None] | None = None
        self._hasher = hashlib.sha256() if hashes else None
        self._hashed = 0
        # What was read and not returned, and the offset behind it.
        self._left = b""
        self._upto = 0

    @property
    def size(self) -> int:
        """The size of the content in bytes."""
        return self.content.size if isinstance(self.content, LocalFile) else self.content.survey.size

    def read(self, position: int, most_bytes: int) -> bytes:
        """Return bytes from a position on. Raises Refused if the content has changed, or can no longer be read."""
        try:
            if self._bytes is None or position != self._upto - len(self._left):
                self._open(position)
            while not self._left:
                if not self._advance(position):
                    raise changed(shown(self.content.local))
        except OSError as error:
            raise unreadable(self.content.local, error) from None
        data, self._left = self._left[:most_bytes], self._left[most_bytes:]
        return data

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole content, reading the rest. Raises as `read` does."""
        assert self._hasher is not None
        try:
            if self._bytes is None:
                self._open(0)
            # Also behind the last byte, where it is seen whether it changed.
            while self._advance(self._upto):
                pass
        except OSError as error:
            raise unreadable(self.content.local, error) from None
        return self._hasher.digest()

    def _open(self, position: int) -> None:
        self.close()
        # What was not hashed yet is read, whether it is to be sent or not.
        start = min(position, self._hashed) if self._hasher is not None else position
        source = self._source = self.content.open()
        self._bytes = source.read(start)
        self._left, self._upto = b"", start

    def _advance(self, position: int) -> bool:
        """Read more; return whether there is more. Bytes from the requested position on are kept."""
        assert self._bytes is not None
        data = next(self._bytes, None)
        while data == b"":
            data = next(self._bytes, None)
        if data is None:
            return False
        start, self._upto = self._upto, self._upto + len(data)
        if self._hasher is not None and self._upto > self._hashed:
            self._hasher.update(memoryview(data)[max(0, self._hashed - start) :])
            self._hashed = self._upto
        self._left = data[max(0, position - start) :]
        return True

    def close(self) -> None:
        """Close the file."""
        if self._bytes is not None:
            self._bytes.close()
            self._bytes = None
        if self._source is not None:
            self._source.close()


class Sending:
    """One content being sent with an exchange; `feed` sends bytes over it."""

    def __init__(self, exchange: Exchange, reading: Reading, feed: Callable[[Exchange, bytes], None]) -> None:
        self.exchange = exchange
        self.reading = reading
        self._feed = feed

    def advance(self) -> None:
        """Send what the worker accepts now. Raises Refused if the content has changed, or can no longer be read."""
        uploading = self.exchange.uploading
        while uploading is not None and not self.exchange.ended and (room := uploading.room):
            self._feed(self.exchange, self.reading.read(uploading.position, room))


def local_files(jobs: Iterable[object]) -> list[LocalFile]:
    """Return the files of this machine that these jobs bring, without duplicate contents."""
    files = {file.digest: file for job in jobs if isinstance(job, JobSpec) for file in job.files if isinstance(file, LocalFile)}
    return list(files.values())


class Progress:
    """How much of some contents the worker has received."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._done_bytes = 0
        self._sending: list[Sending] = []

    def purpose(self) -> Transfer:
        """Return the progress for an onlooker."""
        done = self._done_bytes + sum(one.exchange.uploading.position for one in self._sending if one.exchange.uploading is not None)
        return Transfer(is_sent=True, done_bytes=min(done, self._size_bytes), size_bytes=self._size_bytes)

    def began(self, sending: list[Sending]) -> None:
        """Note the list of contents being sent, which changes."""
        self._sending = sending

    def ended(self, one: Sending) -> None:
        """Note that a content was sent, before it is removed from the list."""
        self._done_bytes += one.reading.size


def send(connection: Connection, files: Collection[LocalFile]) -> None:
    """Send contents, and return when the worker has all of them on its disk.

    Raises Refused if one of them has changed, or what the worker refuses.
    """
    progress = Progress(sum(file.size for file in files))
    with connection.waits_for(progress.purpose):
        send_all(connection, [(put_request(file), Reading(file)) for file in files], progress)


def send_all(connection: Connection, contents: Iterable[tuple[request_pb2.Request, Reading]], progress: Progress) -> None:
    """Send contents with their requests; see `send`."""
    waiting = deque(contents)
    sending: list[Sending] = []
    progress.began(sending)
    with ExitStack() as stack:
        while waiting or sending:
            while waiting and len(sending) < AT_ONCE:
                request, reading = waiting.popleft()
                one = Sending(connection.ask(request), reading, connection.feed)
                stack.callback(reading.close)
                stack.callback(connection.forget, one.exchange)
                sending.append(one)
            for one in list(sending):
                one.advance()
                if one.exchange.ended:
                    if one.exchange.refusal is not None:
                        raise one.exchange.refusal.anew()
                    progress.ended(one)
                    sending.remove(one)
            if sending:
                connection.pump()

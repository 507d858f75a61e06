"""Feed a job from a source, as far as the worker allows; for the blocking client."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ....schemas.frames import TOKEN_BYTES
from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ....schemas.wire_codec import key_to_wire
from ...protocol.exchange import Exchange
from ...sockets.connection import Connection
from .source import Source


def feed_request(key: JobKey) -> request_pb2.Request:
    """Return a request to feed a job, with the token of a new feeder."""
    return request_pb2.Request(feed=request_pb2.Feed(key=key_to_wire(key), token=os.urandom(TOKEN_BYTES)))


class Feeder:
    """Feeds one acknowledged job."""

    def __init__(self, connection: Connection, key: JobKey, source: Source) -> None:
        self._connection = connection
        self._source = source
        self._exchange: Exchange = connection.ask(feed_request(key))
        connection.belongs_to(self._exchange, self)

    @property
    def ended(self) -> bool:
        """Whether no more of the source is needed."""
        return self._exchange.ended

    @property
    def refusal(self) -> Refused | None:
        """Why the job cannot be fed from here; None: it can, or could."""
        return self._exchange.refusal

    def waited_on(self, deadline: float | None) -> tuple[float | None, list[int]]:
        """Return until when to wait for the worker, and the descriptors that are readable when `advance` is due."""
        if not self._room:
            return deadline, []
        # A file has always something.
        return (deadline, [self._source.fd]) if self._source.fd >= 0 else (0, [])

    def advance(self) -> None:
        """Send what has been read. Raises OSError if the source cannot be read."""
        while room := self._room:
            data = self._source.read(room)
            if data is None:
                return
            self._connection.feed(self._exchange, data)

    def finish(self, pump: Callable[[float | None, Sequence[int]], bool]) -> None:
        """Feed the job until it has everything, or takes no more. Raises what the worker refuses, and OSError of the source."""
        try:
            while not self.ended:
                self.advance()
                pump(*self.waited_on(None))
        finally:
            self.close()
        if self.refusal is not None:
            raise self.refusal.anew()

    def close(self) -> None:
        """Stop feeding; the job waits for a while, and then its input ends."""
        self._connection.forget(self._exchange)

    @property
    def _room(self) -> int:
        feeding = self._exchange.feeding
        return feeding.room if feeding is not None and not self._exchange.ended else 0

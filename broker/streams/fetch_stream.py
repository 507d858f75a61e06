"""Send one file or folder to a client that fetches it: its bytes within the client's credit, then its size and digest.

Knows no file: it reads through the depot, one piece at a time, which takes a thread for a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from ...schemas.frames import LARGEST_CHUNK, LARGEST_CREDIT
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.refusal import Refused
from ..depot import Fetched, Piece, Reading


class FetchStream:
    """Sends what `reading` returns. `send(reply, bulk)` returns False if the peer is gone; `ended()` is called once at the end."""

    def __init__(
        self,
        request: request_pb2.Request,
        reading: Reading,
        *,
        send: Callable[[request_pb2.Reply, bytes | None], bool],
        refuse: Callable[[Refused], None],
        ended: Callable[[], None],
    ) -> None:
        self._request_id = request.id
        self._position = request.fetch.start
        self._credit = min(request.fetch.credit_bytes, LARGEST_CREDIT)
        self._reading = reading
        self._send = send
        self._refuse = refuse
        self._ended = ended
        self._is_reading = False
        self._closed = False

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit for bytes."""
        self._credit = min(self._credit + credit.bytes, LARGEST_CREDIT)
        self.go_on()

    def go_on(self) -> None:
        """Read the next bytes if there is credit for them."""
        if self._credit > 0 and not (self._is_reading or self._closed):
            self._is_reading = True
            self._reading.next(min(self._credit, LARGEST_CHUNK), self._take)

    def close(self) -> None:
        """Stop; nothing more is sent."""
        if not self._closed:
            self._closed = True
            self._reading.close()
            self._ended()

    def _take(self, result: Piece | Fetched | Refused) -> None:
        self._is_reading = False
        if self._closed:
            return
        match result:
            case Piece():
                chunk = request_pb2.FetchChunk(
                    start=self._position, kind=cast("job_pb2.FileKind", result.kind.value), validator=result.validator
                )
                self._position += len(result.data)
                self._credit -= len(result.data)
                if not self._send(request_pb2.Reply(request_id=self._request_id, fetch_chunk=chunk), result.data):
                    self.close()
                    return
                self.go_on()
            case Fetched():
                end = request_pb2.FetchEnd(
                    size=result.size, digest=result.digest, kind=cast("job_pb2.FileKind", result.kind.value), mode=result.mode
                )
                self._send(request_pb2.Reply(request_id=self._request_id, last=True, fetch_end=end), None)
                self.close()
            case Refused():
                self._refuse(result)
                self.close()

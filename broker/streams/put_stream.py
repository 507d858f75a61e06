"""One content that is sent: passes the bytes of a client's pushes on to the depot, as far as the client was let, and says how far it is.

Offsets count from the first byte. What has arrived already is ignored, so that a client that does not know where it was can begin anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.frames import LARGEST_PUSH
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..depot import Upload

# What the uploads of one member may have under way together: libzmq may hold 16 MiB of a member, and each was let go by itself.
_MEMBERS_BYTES = 8 * 1024 * 1024
_LEAST_BYTES = 256 * 1024
# A client is told of progress in steps of this size.
_STEP_BYTES = 1024 * 1024


class PutStream:
    """Receives one content. `send(reply, bulk)` returns False if the peer is gone; `ended()` is called once at the end.

    `puts()` returns how many contents the member sends at present. `expel(refused)` is called for bytes that nobody asked for.
    """

    def __init__(
        self,
        request_id: int,
        size: int,
        *,
        puts: Callable[[], int],
        send: Callable[[request_pb2.Reply, bytes | None], bool],
        refuse: Callable[[Refused], None],
        expel: Callable[[Refused], None],
        ended: Callable[[], None],
    ) -> None:
        self._request_id = request_id
        self._size = size
        self._puts = puts
        self._send = send
        self._refuse = refuse
        self._expel = expel
        self._ended = ended
        self._upload: Upload | None = None
        self._limit = 0
        self._closed = False

    def begin(self, upload: Upload) -> None:
        """Pass bytes on to this upload."""
        self._upload = upload
        self.advance()

    def grant(self, credit: request_pb2.Credit) -> None:
        """Do nothing: what it sends is not counted."""

    def push(self, push: request_pb2.Push, data: memoryview | None) -> None:
        """Take the bytes of a push; those that have arrived already are ignored."""
        if data is None:
            self.refuse(Refused(Code.INVALID_ARGUMENT, "a push is followed by one frame with its bytes, and there was none"))
            return
        end = push.start + len(data)
        if self._upload is None or end > self._limit or len(data) > LARGEST_PUSH:
            self._expel(Refused(Code.INVALID_ARGUMENT, f"bytes {push.start} to {end} of a file were sent, but only {self._limit} were let"))
            return
        reached = self._upload.reached
        if push.start > reached:
            self.refuse(Refused(Code.INVALID_ARGUMENT, f"bytes {reached} to {push.start} of the file are missing"))
            return
        self._upload.write(data[reached - push.start :])

    def advance(self) -> None:
        """Tell the client how far it may go, if that is worth a message."""
        if self._closed or self._upload is None:
            return
        share = max(_LEAST_BYTES, _MEMBERS_BYTES // max(1, self._puts()))
        limit = min(self._upload.limit, self._upload.reached + share)
        is_first = not self._limit and self._upload.limit
        if is_first or limit - self._limit >= min(_STEP_BYTES, share // 2, max(1, self._size - self._limit)):
            self._limit = max(limit, self._limit)
            window = request_pb2.Window(reached=self._upload.reached, limit=self._limit)
            if not self._send(request_pb2.Reply(request_id=self._request_id, window=window), None):
                self.close()

    def stored(self) -> None:
        """Tell the client that the content is on the disk."""
        if not self._closed:
            self._send(request_pb2.Reply(request_id=self._request_id, last=True, done=request_pb2.Done()), None)
            self.close()

    def refuse(self, refused: Refused) -> None:
        """End with a refusal."""
        if not self._closed:
            self._refuse(refused)
            self.close()

    def close(self) -> None:
        """Stop; what has arrived is kept for a while."""
        if not self._closed:
            self._closed = True
            if self._upload is not None:
                self._upload.leave(self)
            self._ended()

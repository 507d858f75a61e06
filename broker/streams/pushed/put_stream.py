"""Receive one content: forwards the bytes of a client's pushes to the depot, and tells the client how many more it may send."""

from __future__ import annotations

from collections.abc import Callable

from ....schemas.generated import request_pb2
from ...depot import Upload
from .pushed_stream import PushedStream, Pusher

# What the uploads of one member, with the inputs of its jobs, may have under way together: libzmq may hold 16 MiB of a member, and each
# continues by itself.
_MEMBERS_BYTES = 8 * 1024 * 1024
_LEAST_BYTES = 256 * 1024
# The client is told again how much it may send after so many bytes.
_STEP_BYTES = 1024 * 1024


class PutStream(PushedStream):
    """Receives one content of `size` bytes. `shared_by()` returns how many contents and inputs the member is sending."""

    def __init__(
        self,
        pusher: Pusher,
        size: int,
        *,
        shared_by: Callable[[], int],
    ) -> None:
        super().__init__(pusher, "the file")
        self._size = size
        self._shared_by = shared_by
        self._upload: Upload | None = None

    def begin(self, upload: Upload) -> None:
        """Forward bytes to this upload."""
        self._upload = upload
        self.advance()

    def advance(self) -> None:
        """Tell the client how much it may send, if that is worth a message."""
        if self._closed or self._upload is None:
            return
        share = max(_LEAST_BYTES, _MEMBERS_BYTES // max(1, self._shared_by()))
        limit = min(self._upload.limit, self._upload.reached + share)
        is_first = not self._limit and self._upload.limit
        if is_first or limit - self._limit >= min(_STEP_BYTES, share // 2, max(1, self._size - self._limit)):
            self._allow(self._upload.reached, max(limit, self._limit))

    def stored(self) -> None:
        """Tell the client that the content is on the disk."""
        if not self._closed:
            self._send(request_pb2.Reply(request_id=self._request_id, last=True, done=request_pb2.Done()), None)
            self.close()

    def _reached(self) -> int:
        return self._upload.reached if self._upload is not None else 0

    def _take(self, data: memoryview, *, is_last: bool) -> None:  # noqa: ARG002 -- its size is known
        # Nothing may be sent before there is an upload.
        assert self._upload is not None
        self._upload.write(data)

    def _let_go(self) -> None:
        # What has arrived is kept for a while.
        if self._upload is not None:
            self._upload.leave(self)

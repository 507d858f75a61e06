"""Common parts of the streams for pushed bytes: how many a client may send, and the refusal of more.

Offsets count from the first byte. Bytes that have arrived already are ignored, so that a client may send some of them again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from ....schemas.frames import LARGEST_PUSH
from ....schemas.generated import request_pb2
from ....schemas.jobs.terminal import TerminalSize
from ....schemas.refusal import Code, Refused


class Pusher(NamedTuple):
    """The sender of pushed bytes: the request that they belong to, and how it is answered.

    `send(reply, bulk)` returns False if the peer is gone. `expel(refused)` is called for bytes that nobody asked for, `ended()` once at the
    end.
    """

    request_id: int
    send: Callable[[request_pb2.Reply, bytes | None], bool]
    refuse: Callable[[Refused], None]
    expel: Callable[[Refused], None]
    ended: Callable[[], None]


class PushedStream(ABC):
    """One request that is followed by bytes. `what`: what the bytes are, in words. `token`: identifies the feeder of a job."""

    def __init__(self, pusher: Pusher, what: str, token: bytes = b"") -> None:
        self.token = token
        self._request_id, self._send, self._refuse, self._expel, self._ended = pusher
        self._what = what
        self._limit = 0
        self._closed = False
        # Of the last bytes.
        self._seal = b""

    def push(self, push: request_pb2.Push, data: memoryview | None) -> None:
        """Take the bytes of a push."""
        if data is None:
            self.refuse(Refused(Code.INVALID_ARGUMENT, "a push is followed by one frame with its bytes, and there was none"))
            return
        end = push.start + len(data)
        if len(data) > LARGEST_PUSH:
            self._expel(Refused(Code.INVALID_ARGUMENT, f"a push has {len(data)} bytes, the limit is {LARGEST_PUSH}"))
            return
        if not self._limit or end > self._limit:
            said = f"bytes {push.start} to {end} of {self._what} were sent, but only those before {self._limit} may be sent so far"
            self._expel(Refused(Code.INVALID_ARGUMENT, said))
            return
        reached = self._reached()
        if push.start > reached:
            self.refuse(Refused(Code.INVALID_ARGUMENT, f"bytes {reached} to {push.start} of {self._what} are missing"))
            return
        if push.last:
            self._seal = push.seal
        self._take(data[reached - push.start :], is_last=push.last)

    def resize(self, size: TerminalSize) -> None:  # noqa: B027 -- what it does, for all but terminals
        """Do nothing: this stream has no terminal."""

    def grant(self, credit: request_pb2.Credit) -> None:  # noqa: B027 -- what it does, for all of them
        """Do nothing: its replies need no credit."""

    def refuse(self, refused: Refused) -> None:
        """End with a refusal."""
        if not self._closed:
            self._refuse(refused)
            self.close()

    def close(self) -> None:
        """End without a reply."""
        if not self._closed:
            self._closed = True
            self._let_go()
            self._ended()

    def _allow(self, reached: int, limit: int) -> None:
        """Tell the client that bytes have arrived up to `reached`, and that it may send those before `limit`."""
        self._limit = limit
        if not self._send(request_pb2.Reply(request_id=self._request_id, window=request_pb2.Window(reached=reached, limit=limit)), None):
            self.close()

    @abstractmethod
    def _reached(self) -> int:
        """Return how many bytes have arrived."""

    @abstractmethod
    def _take(self, data: memoryview, *, is_last: bool) -> None:
        """Take the next bytes."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close the target of the bytes."""

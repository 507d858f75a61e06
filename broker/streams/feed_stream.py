"""One job that is fed: passes the bytes of a client's pushes on to the engine, and tells the client how far it may go on.

Offsets count from the first byte of the input. Knows no file: the engine has the bytes, and keeps them if this process dies.
"""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.frames import LARGEST_FEED_WINDOW, LARGEST_PUSH
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..desk.job import Job
from ..engine import Engine, Inlet

# What the feeds of one member may have under way together: libzmq may hold 16 MiB of a member, and a feed keeps the larger share that it
# was given before the next one began.
_MEMBERS_BYTES = 6 * 1024 * 1024
_LEAST_BYTES = 64 * 1024
# A client is told of progress in steps of this size.
_STEP_BYTES = 1024 * 1024


class FeedStream:
    """Feeds one job. `send(reply, bulk)` returns False if the peer is gone; `ended()` is called once at the end.

    `feeds()` returns how many jobs the member feeds at present. `expel(refused)` is called for bytes that nobody asked for.
    """

    def __init__(
        self,
        request_id: int,
        token: bytes,
        engine: Engine,
        *,
        feeds: Callable[[], int],
        send: Callable[[request_pb2.Reply, bytes | None], bool],
        refuse: Callable[[Refused], None],
        expel: Callable[[Refused], None],
        ended: Callable[[], None],
    ) -> None:
        self.token = token
        self._request_id = request_id
        self._engine = engine
        self._feeds = feeds
        self._send = send
        self._refuse = refuse
        self._expel = expel
        self._ended = ended
        self._inlet: Inlet | None = None
        self._limit = 0
        self._closed = False

    def started(self, job: Job) -> None:
        """Begin: the job can take input now."""
        if not self._closed and self._inlet is None:
            self._inlet = self._engine.feed(job.attempt.key, self.token, self)

    def finished(self, job: Job) -> None:  # noqa: ARG002 -- as a watcher of any job is told
        """End: the job wants nothing any more."""
        self.over("the job has ended")

    def stuck(self, job: Job) -> None:
        """Do nothing: it may take input all the same."""

    def flush(self) -> None:
        """Do nothing: nothing is collected."""

    def grant(self, credit: request_pb2.Credit) -> None:
        """Do nothing: what it sends is not counted."""

    def push(self, push: request_pb2.Push, data: memoryview | None) -> None:
        """Take the bytes of a push; those that have arrived already are ignored."""
        if data is None:
            self.refuse(Refused(Code.INVALID_ARGUMENT, "a push is followed by one frame with its bytes, and there was none"))
            return
        end = push.start + len(data)
        if len(data) > LARGEST_PUSH:
            self._expel(Refused(Code.INVALID_ARGUMENT, f"a push has {len(data)} bytes, the limit is {LARGEST_PUSH}"))
            return
        if self._inlet is None or end > self._limit:
            said = f"bytes {push.start} to {end} of the input were sent, but only those before {self._limit} may be sent so far"
            self._expel(Refused(Code.INVALID_ARGUMENT, said))
            return
        reached = self._inlet.reached
        if push.start > reached:
            self.refuse(Refused(Code.INVALID_ARGUMENT, f"bytes {reached} to {push.start} of the input are missing"))
            return
        try:
            self._inlet.write(data[reached - push.start :])
            if push.last:
                self._inlet.finish()
        except Refused as refused:
            self.refuse(refused)
            return
        if push.last:
            self.over("")
        else:
            self.advance()

    def advance(self) -> None:
        """Tell the client how far it may go, if that is worth a message."""
        if self._closed or self._inlet is None:
            return
        share = max(_LEAST_BYTES, min(LARGEST_FEED_WINDOW, _MEMBERS_BYTES // max(1, self._feeds())))
        limit = min(self._inlet.limit, self._inlet.reached + share)
        if limit - self._limit >= min(_STEP_BYTES, share // 2):
            self._limit = limit
            window = request_pb2.Window(reached=self._inlet.reached, limit=limit)
            if not self._send(request_pb2.Reply(request_id=self._request_id, window=window), None):
                self.close()

    def over(self, why: str) -> None:
        """Tell the client that no more is accepted; `why` is empty if everything has arrived."""
        if not self._closed:
            end = request_pb2.FeedEnd(reached=self._inlet.reached if self._inlet is not None else 0, why=why)
            self._send(request_pb2.Reply(request_id=self._request_id, last=True, feed_end=end), None)
            self.close()

    def taken(self) -> None:
        """Refuse it: somebody else feeds the job."""
        self.refuse(fed_by_another())

    def refuse(self, refused: Refused) -> None:
        """End with a refusal."""
        if not self._closed:
            self._refuse(refused)
            self.close()

    def close(self) -> None:
        """Let go of the job, which waits for its feeder to come back."""
        if not self._closed:
            self._closed = True
            if self._inlet is not None:
                self._inlet.close()
            self._ended()


def fed_by_another() -> Refused:
    """Return why a client may not feed a job."""
    message = "another client feeds the standard input of this job, or has fed it before"
    return Refused(Code.FAILED_PRECONDITION, message, "start another job", reason=Reason.FED_BY_ANOTHER)

"""Feed one job: forwards the bytes of a client's pushes to the engine, and tells the client how many more it may send.

Offsets count from the first byte of the input. Knows no file: the engine has the bytes, and keeps them if this process dies.
"""

from __future__ import annotations

from collections.abc import Callable

from ....schemas.frames import LARGEST_FEED_WINDOW
from ....schemas.refusal import Code, Reason, Refused
from ...engine import Engine, Inlet
from ...jobs.job import Job
from .job_input import JobInput
from .pushed_stream import Pusher
from .sealed_input import SealedInput

# What the feeds of one member may have under way together: libzmq may hold 16 MiB of a member, and a feed keeps the larger share that it
# was given before the next one began.
_MEMBERS_BYTES = 6 * 1024 * 1024
_LEAST_BYTES = 64 * 1024
# The client is told again how much it may send after so many bytes.
_STEP_BYTES = 1024 * 1024


class FeedStream(JobInput):
    """Feeds one job. `shared_by()` returns how many inputs and contents the member is sending. `sealed`: verifies the input at its end."""

    def __init__(
        self,
        pusher: Pusher,
        token: bytes,
        engine: Engine,
        *,
        shared_by: Callable[[], int],
        sealed: SealedInput | None = None,
    ) -> None:
        super().__init__(pusher, "the input", token)
        self._engine = engine
        self._shared_by = shared_by
        self._sealed = sealed
        self._inlet: Inlet | None = None

    def started(self, job: Job) -> None:
        """Begin: the job can take input now."""
        if not self._closed and self._inlet is None:
            self._inlet = self._engine.feed(job.attempt.key, self.token, self)

    def advance(self) -> None:
        """Tell the client how much it may send, if that is worth a message."""
        if self._closed or self._inlet is None:
            return
        share = max(_LEAST_BYTES, min(LARGEST_FEED_WINDOW, _MEMBERS_BYTES // max(1, self._shared_by())))
        limit = min(self._inlet.limit, self._inlet.reached + share)
        if limit - self._limit >= min(_STEP_BYTES, share // 2):
            self._allow(self._inlet.reached, limit)

    def taken(self) -> None:
        """Refuse it: another client feeds the job."""
        self.refuse(fed_by_another())

    def _reached(self) -> int:
        return self._inlet.reached if self._inlet is not None else 0

    def _take(self, data: memoryview, *, is_last: bool) -> None:
        # Nothing may be sent before there is an inlet.
        assert self._inlet is not None
        problem = ""
        try:
            if self._sealed is not None:
                self._sealed.add(self._inlet, data)
            self._inlet.write(data)
            if is_last:
                problem = self._sealed.problem(self._seal) if self._sealed is not None else ""
                self._inlet.finish(problem)
        except Refused as refused:
            self.refuse(refused)
            return
        if is_last:
            self.over(problem)
        else:
            self.advance()

    def _let_go(self) -> None:
        # The job waits for its feeder to come back.
        if self._inlet is not None:
            self._inlet.close()


def fed_by_another() -> Refused:
    """Return why a client may not feed a job."""
    message = "another client feeds the standard input of this job, or has fed it before"
    return Refused(Code.FAILED_PRECONDITION, message, "start another job", reason=Reason.FED_BY_ANOTHER)

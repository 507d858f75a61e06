"""A stream that ends when jobs of runs have ended: for a stop of a run, and for clients that wait for its end.

It does not report single ends, only jobs whose processes cannot be killed.
"""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.generated import job_pb2, request_pb2
from ..jobs.job import Job


class RunEnds:
    """The end of some jobs. `ended(job)` notes one of them, `is_over()` returns whether it was the last, and `tell()` replies then.

    `credit`: for how many reports, `send(reply)` returns False if the peer is gone; `closed()` is called once at the end.
    """

    def __init__(
        self,
        request_id: int,
        *,
        credit: int,
        ended: Callable[[Job], None],
        is_over: Callable[[], bool],
        tell: Callable[[], object],
        send: Callable[[request_pb2.Reply], bool],
        closed: Callable[[], None],
    ) -> None:
        self._request_id = request_id
        self._credit = credit
        self._ended = ended
        self._is_over = is_over
        self._tell = tell
        self._send = send
        self._when_closed = closed
        # What was reported about jobs whose processes cannot be ended.
        self._stuck: dict[Job, str] = {}
        self._closed = False

    def started(self, job: Job) -> None:
        """Ignore a start."""

    def stuck(self, job: Job) -> None:
        """Report why the end of the job waits, if it does; only once with the same words."""
        why = job.attempt.waits_for
        if not why or self._closed or self._credit <= 0 or self._stuck.get(job) == why:
            return
        self._stuck[job] = why
        self._credit -= 1
        attempt = job.attempt
        reply = request_pb2.Reply(request_id=self._request_id)
        report = reply.reports.reports.add(state=job_pb2.STATE_STOPPING, attempt=attempt.key.attempt, pid=attempt.pid, waits_for=why)
        report.key.owner, report.key.id = job.key
        report.started_at_us = attempt.started_at_us
        if not self._send(reply):
            self.close()

    def finished(self, job: Job) -> None:
        """Note that the job has ended."""
        self._ended(job)

    def flush(self) -> None:
        """Reply if all have ended."""
        if not self._closed and self._is_over():
            self._tell()
            self.close()

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit for reports."""
        self._credit += credit.messages

    def close(self) -> None:
        """Stop reporting."""
        if not self._closed:
            self._closed = True
            self._when_closed()

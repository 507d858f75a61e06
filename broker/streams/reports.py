"""The stream of reports for a start or a stop: each job when it finished, with its last lines; for a start, also when it started.

Pending reports are stored by job, not by message: tails are read when a report is sent, so that a client that grants no credit costs
nothing but the keys of its jobs. One message contains several reports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.states import State
from ...schemas.refusal import Refused
from ..engine import Engine, StreamName
from ..fairness.turns import OwnTurns
from ..jobs.job import Job

_REPORTS_A_MESSAGE = 256
_BYTES_A_MESSAGE = 512 * 1024


class Reports:
    """The reports of one request. `send(reply)` returns False if the peer is gone; `ended(reports)` is called once at the end."""

    def __init__(
        self,
        request_id: int,
        engine: Engine,
        *,
        tail_lines: int,
        tail_bytes: int,
        credit: int,
        starts: bool = True,
        turns: OwnTurns,
        send: Callable[[request_pb2.Reply], bool],
        ended: Callable[[Reports], None],
    ) -> None:
        self._request_id = request_id
        self._engine = engine
        self._tail_lines = tail_lines
        self._tail_bytes = tail_bytes
        self._credit = credit
        self._starts = starts
        self._turns = turns
        self._scheduled = False
        self._send = send
        self._ended = ended
        self._due: deque[tuple[Job, bool]] = deque()
        # Jobs whose end waits, and what was reported about them: sent only with credit that no end needs.
        self._stuck: dict[Job, str] = {}
        self._open = 0
        # The last report of a job whose end is being written.
        self._prepared: tuple[Job, request_pb2.Report] | None = None
        self._closed = False
        self._started: set[Job] = set()

    def expect(self, jobs: int) -> None:
        """Set how many jobs are to be reported as finished before the stream ends."""
        self._open = jobs

    def started(self, job: Job) -> None:
        """Add the report that the job started; once, and only for a start."""
        if self._starts and not self._closed and job not in self._started:
            self._started.add(job)
            self._due.append((job, False))

    def stuck(self, job: Job) -> None:
        """Add a report of why the end of the job waits, if it does; only once with the same words."""
        why = job.attempt.waits_for
        if why and not self._closed and self._credit > self._open and self._stuck.get(job) != why:
            self._stuck[job] = why
            self._due.append((job, False))

    def prepare(self, job: Job) -> None:
        """Build the report that the job finished while its end is being written; `finished` sends it. Only for one job at a time."""
        if not self._closed and self._credit > 0 and job.attempt.outcome is not None:
            report = request_pb2.Report()
            self._write(report, job, finished=True)
            self._prepared = job, report

    def finished(self, job: Job) -> None:
        """Add the report that the job finished."""
        if not self._closed:
            self._due.append((job, True))

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit for messages."""
        self._credit += credit.messages
        self.flush()

    def close(self) -> None:
        """Drop pending reports; nothing more is sent."""
        if not self._closed:
            self._closed = True
            self._due.clear()
            self._prepared = None
            self._ended(self)

    def flush(self) -> None:
        """Send pending reports while there is credit and time; without time, continue in a later turn."""
        if self._scheduled:
            return
        first = True
        while not self._closed and self._credit > 0 and self._due:
            # Checked only from the second message on: a check costs the loop a turn.
            if not first and not self._turns.time_left():
                self._scheduled = True
                self._turns.call_soon(self._next_turn)
                return
            first = False
            reply = request_pb2.Reply(request_id=self._request_id)
            size = 0
            while self._due and len(reply.reports.reports) < _REPORTS_A_MESSAGE and size < _BYTES_A_MESSAGE:
                job, finished = self._due.popleft()
                report = reply.reports.reports.add()
                if finished and self._prepared is not None and self._prepared[0] is job:
                    report.CopyFrom(self._prepared[1])
                    self._prepared = None
                else:
                    self._write(report, job, finished=finished)
                size += len(report.stdout_tail) + len(report.stderr_tail)
                self._open -= finished
            reply.last = self._open == 0
            self._credit -= 1
            if not self._send(reply) or reply.last:
                self.close()

    def _next_turn(self) -> None:
        self._scheduled = False
        self.flush()

    def _write(self, report: request_pb2.Report, job: Job, *, finished: bool) -> None:
        # Of one that has failed at once, the next attempt may wait already.
        attempt = job.earlier[-1] if job.earlier and not job.attempt.started_at_us and not finished else job.attempt
        report.key.owner, report.key.id = job.key
        report.attempt = attempt.key.attempt
        report.pid = attempt.pid
        report.started_at_us = attempt.started_at_us
        if not finished:
            report.state = job_pb2.STATE_STOPPING if job.state is State.STOPPING else job_pb2.STATE_RUNNING
            report.waits_for = self._stuck.get(job, "")
            return
        report.state = job_pb2.STATE_FINISHED
        report.ended_at_us = attempt.ended_at_us
        if attempt.outcome is None:
            return
        report.outcome.CopyFrom(attempt.told_outcome)
        if self._tail_lines and attempt.outcome.stdout_bytes:
            report.stdout_tail = self._tail(job, "stdout")
        if self._tail_lines and attempt.outcome.stderr_bytes:
            report.stderr_tail = self._tail(job, "stderr")

    def _tail(self, job: Job, stream: StreamName) -> bytes:
        try:
            return self._engine.tail_log(job.attempt.run, stream, self._tail_lines, self._tail_bytes).data
        except Refused:
            # The folder was removed by hand; the outcome is still worth reporting.
            return b""

"""What is known here about jobs, from reports of a start or stop, events, and answers to queries. Knows no socket.

A record is kept as long as a handle of the job; two handles of one job share it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.job import Outcome, State
from ...schemas.naming import JobKey, short_id
from ...schemas.wire_codec import outcome_from_wire, state_from_wire
from ..protocol.exchange import Exchange


class Record:
    """One job as far as it is known here; 0, None and empty mean: not known (yet)."""

    __slots__ = ("__weakref__", "ended_at_us", "key", "outcome", "pid", "started_at_us", "state", "stderr_tail", "stdout_tail", "watch")

    def __init__(self, key: JobKey) -> None:
        self.key = key
        self.state: State | None = None
        self.pid = 0
        self.started_at_us = 0
        self.ended_at_us = 0
        self.outcome: Outcome | None = None
        self.stdout_tail = b""
        self.stderr_tail = b""
        # The start or stop that will report its end.
        self.watch: Exchange | None = None

    @property
    def is_watched(self) -> bool:
        """Whether its end will be reported without a query."""
        return self.watch is not None and not self.watch.ended


class KnownJobs:
    """All records of one client. Each of `listeners` is called with a record when its state has changed."""

    def __init__(self, notice: Callable[[str], None] | None = None) -> None:
        self.listeners: list[Callable[[Record], None]] = []
        self._notice = notice
        self._records: weakref.WeakValueDictionary[JobKey, Record] = weakref.WeakValueDictionary()

    def record(self, key: JobKey) -> Record:
        """Return the record of a job."""
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = Record(key)
        return record

    def learn_reports(self, reports: request_pb2.Reports) -> None:
        """Process a report of a start or stop."""
        for report in reports.reports:
            record = self._records.get(JobKey(report.key.owner, report.key.id))
            if record is None:
                continue
            if report.state == job_pb2.STATE_FINISHED:
                record.stdout_tail = report.stdout_tail
                record.stderr_tail = report.stderr_tail
                self._ended(record, report.pid, report.started_at_us, report.ended_at_us, report.outcome)
            else:
                self._lives(record, state_from_wire(report.state), report.pid, report.started_at_us)
                if report.waits_for and self._notice is not None:
                    self._notice(f"job {short_id(record.key.id)}: {report.waits_for}")

    def learn_event(self, event: event_pb2.Event) -> None:
        """Process an event."""
        record = self._records.get(JobKey(event.key.owner, event.key.id))
        if record is None:
            return
        match event.kind:
            case event_pb2.EVENT_KIND_FINISHED:
                self._ended(record, event.pid, event.started_at_us, event.at_us, event.outcome)
            case event_pb2.EVENT_KIND_STOPPING:
                self._lives(record, State.STOPPING, event.pid, event.started_at_us)
            case event_pb2.EVENT_KIND_STARTED | event_pb2.EVENT_KIND_ADOPTED:
                self._lives(record, State.RUNNING, event.pid, event.started_at_us)
            case event_pb2.EVENT_KIND_QUEUED:
                self._lives(record, State.QUEUED, 0, 0)
            case _:  # Of a newer worker.
                pass

    def learn_job(self, job: job_pb2.Job) -> None:
        """Process an answer to a query."""
        record = self._records.get(JobKey(job.key.owner, job.key.id))
        if record is None:
            return
        if job.state == job_pb2.STATE_FINISHED:
            self._ended(record, job.pid, job.started_at_us, job.ended_at_us, job.outcome)
        else:
            self._lives(record, state_from_wire(job.state), job.pid, job.started_at_us)

    def _lives(self, record: Record, state: State, pid: int, started_at_us: int) -> None:
        # Several sources report, each at its own time: older news change nothing.
        if record.outcome is None:
            before = record.state
            record.state = max(record.state or state, state)
            record.pid = pid or record.pid
            record.started_at_us = started_at_us or record.started_at_us
            if record.state is not before:
                self._changed(record)

    def _ended(self, record: Record, pid: int, started_at_us: int, ended_at_us: int, outcome: job_pb2.Outcome) -> None:
        if record.outcome is None:
            record.state = State.FINISHED
            record.pid = pid
            record.started_at_us = started_at_us
            record.ended_at_us = ended_at_us
            record.outcome = outcome_from_wire(outcome)
            self._changed(record)

    def _changed(self, record: Record) -> None:
        for listener in self.listeners:
            listener(record)

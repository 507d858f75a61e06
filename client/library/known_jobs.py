"""What is known about jobs here, from reports of a start or stop, events, and replies to queries. Knows no socket.

A record is kept as long as a handle of the job; two handles of one job share it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.jobs.states import Outcome, State, exit_status, return_code
from ...schemas.naming import JobKey, format_id, short_id
from ...schemas.refusal import Code, Refused
from ...schemas.wire_codec import outcome_from_wire, state_from_wire
from ..protocol.exchange import Exchange
from .attached import Attached
from .options.arguments import Duration, Text, seconds
from .streams.text_mode import TextMode

if TYPE_CHECKING:
    from .values.completed_job import CompletedJob

StreamName = Literal["stdout", "stderr"]
STREAMS = {"stdout": request_pb2.STREAM_STDOUT, "stderr": request_pb2.STREAM_STDERR}


class Record:
    """One job as far as it is known here; 0, None and empty mean: not known (yet)."""

    __slots__ = (
        "__weakref__",
        "ended_at_us",
        "is_repeated",
        "key",
        "outcome",
        "pid",
        "started_at_us",
        "state",
        "stderr_tail",
        "stdout_tail",
        "watch",
    )

    def __init__(self, key: JobKey) -> None:
        self.key = key
        self.state: State | None = None
        self.pid = 0
        self.started_at_us = 0
        self.ended_at_us = 0
        self.outcome: Outcome | None = None
        self.stdout_tail = b""
        self.stderr_tail = b""
        # Whether all jobs of its start had been submitted before.
        self.is_repeated = False
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
            key = report.key
            record = self._records.get(JobKey(key.owner, key.id))
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
        """Process a reply to a query."""
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


class Handle(Attached):
    """One job on a worker, as far as it is known here. The job continues when the handle, its client or this program is gone.

    Every call that waits, and `poll`, update what is known here (`pid`, `returncode`, `outcome`, ...).
    """

    def __init__(self, record: Record, args: tuple[Text, ...] = ()) -> None:
        self.args = args
        self._record = record

    def __repr__(self) -> str:
        """Return a text with id and state."""
        return f"<{type(self).__name__} {self.id} {self._record.state.name.lower() if self._record.state else 'unknown'}>"

    @property
    def record(self) -> Record:
        """What is known about the job here, shared with other handles."""
        return self._record

    @property
    def key(self) -> JobKey:
        """The owner's public key and the id, in bytes."""
        return self._record.key

    @property
    def id(self) -> str:
        """The id as text."""
        return format_id(self._record.key.id)

    @property
    def state(self) -> State | None:
        """The state, as far as it is known here."""
        return self._record.state

    @property
    def pid(self) -> int | None:
        """The pid of its first process on the worker's machine; None if it has none (yet)."""
        return self._record.pid or None

    @property
    def started_at_us(self) -> int | None:
        """The start time of its process, in microseconds UTC."""
        return self._record.started_at_us or None

    @property
    def ended_at_us(self) -> int | None:
        """The time when its last process had ended, in microseconds UTC."""
        return self._record.ended_at_us or None

    @property
    def outcome(self) -> Outcome | None:
        """How the job ended; None while it has not."""
        return self._record.outcome

    @property
    def returncode(self) -> int | None:
        """The return code as in `subprocess`: the exit status, or the negative signal."""
        return None if self._record.outcome is None else return_code(self._record.outcome)

    @property
    def exit_status(self) -> int | None:
        """The exit status as in a shell: 128+n for signal n, 124 over its time limit, 125 lost, 126 and 127 not started.

        153: over another limit.
        """
        outcome = self._record.outcome
        return None if outcome is None else exit_status(outcome.kind, outcome.exit_status, outcome.signal)

    @property
    def stdout_tail(self) -> bytes:
        """The last lines of its stdout, if a report of its end brought them."""
        return self._record.stdout_tail

    @property
    def stderr_tail(self) -> bytes:
        """The last lines of its stderr, if a report of its end brought them."""
        return self._record.stderr_tail

    def completed(self, stdout: bytes, stderr: bytes) -> CompletedJob:
        """Return the result of the ended job, with this output."""
        from .values.completed_job import CompletedJob  # noqa: PLC0415 -- it stands on subprocess, which is slow to import

        record = self._record
        outcome = self._ended()
        args = self.args or (self.id,)
        return CompletedJob(
            args, return_code(outcome), stdout, stderr, record.key, record.pid or None, record.started_at_us, record.ended_at_us, outcome
        )

    def timed_out(self, timeout: Duration | None, stdout: bytes = b"", stderr: bytes = b"", mode: TextMode | None = None) -> Exception:
        """Return the exception for a `timeout` that has passed, with this output so far."""
        from .values.completed_job import JobTimeout  # noqa: PLC0415 -- as above

        so_far = (stdout, stderr) if mode is None else (mode.decode_for_error(stdout), mode.decode_for_error(stderr))
        return JobTimeout(self.args or (self.id,), seconds(timeout or 0), *so_far)

    def _ended(self) -> Outcome:
        if self._record.outcome is None:
            raise Refused(Code.FAILED_PRECONDITION, f"job {self.id} has not ended")
        return self._record.outcome

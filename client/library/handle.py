"""What is known here about one job, for handles of jobs: those that block and those of an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...schemas.generated import request_pb2
from ...schemas.job import Outcome, State, exit_status, return_code
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Refused
from .known_jobs import Record
from .specs import Duration, Text, seconds
from .text_mode import TextMode

if TYPE_CHECKING:
    from .completed_job import CompletedJob

StreamName = Literal["stdout", "stderr"]
STREAMS = {"stdout": request_pb2.STREAM_STDOUT, "stderr": request_pb2.STREAM_STDERR}


class Handle:
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
        """Return the result of the ended job, with this as its output."""
        from .completed_job import CompletedJob  # noqa: PLC0415 -- it stands on subprocess, which is slow to import

        record = self._record
        outcome = self._ended()
        args = self.args or (self.id,)
        return CompletedJob(
            args, return_code(outcome), stdout, stderr, record.key, record.pid or None, record.started_at_us, record.ended_at_us, outcome
        )

    def timed_out(self, timeout: Duration | None, stdout: bytes = b"", stderr: bytes = b"", mode: TextMode | None = None) -> Exception:
        """Return the exception for a `timeout` that has passed, with this as the output so far."""
        from .completed_job import JobTimeout  # noqa: PLC0415 -- as above

        so_far = (stdout, stderr) if mode is None else (mode.decode_for_error(stdout), mode.decode_for_error(stderr))
        return JobTimeout(self.args or (self.id,), seconds(timeout or 0), *so_far)

    def _ended(self) -> Outcome:
        if self._record.outcome is None:
            raise Refused(Code.FAILED_PRECONDITION, f"job {self.id} has not ended")
        return self._record.outcome

"""One job, which resembles `subprocess.Popen`: its end, its output, signals to it."""

from __future__ import annotations

import signal as signals
from typing import TYPE_CHECKING, Literal

from ...schemas.generated import request_pb2
from ...schemas.job import Outcome, State, exit_status, return_code
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Refused
from ...schemas.wire_codec import key_to_wire
from ..protocol.exchange import Chunk
from . import actions
from .known_jobs import Record
from .output import Collecting, JobOutput
from .session import Session
from .specs import Duration, Text, deadline_in, seconds

if TYPE_CHECKING:
    from .completed_job import CompletedJob
    from .results import Forgotten, JobInfo

StreamName = Literal["stdout", "stderr"]
_STREAMS = {"stdout": request_pb2.STREAM_STDOUT, "stderr": request_pb2.STREAM_STDERR}


class Job:
    """A handle of a job on a worker. The job continues when the handle, its client or this program is gone.

    Every call that waits, and `poll`, update what is known here (`pid`, `returncode`, `outcome`, ...).
    """

    def __init__(self, session: Session, key: JobKey, args: tuple[Text, ...] = ()) -> None:
        self.args = args
        self._session = session
        self._record = session.known_jobs.record(key)
        self._stdout: JobOutput | None = None
        self._stderr: JobOutput | None = None

    def __repr__(self) -> str:
        """Return a text with id and state."""
        return f"<Job {self.id} {self._record.state.name.lower() if self._record.state else 'unknown'}>"

    # --- what is known here

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

    # --- its end

    def poll(self) -> int | None:
        """Return the return code if the job has ended, else None. Asks the worker only if it would not report the end by itself."""
        if self._record.outcome is None:
            self._session.pump(0)
        if self._record.outcome is None and not self._record.is_watched:
            self._session.query(self._record)
        return self.returncode

    def wait(self, timeout: Duration | None = None) -> int:
        """Wait for the end of the job and return its return code.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`.
        """
        try:
            self._session.wait([self._record], deadline=deadline_in(timeout))
        except TimeoutError:
            raise self.timed_out(timeout) from None
        return return_code(self._ended())

    def result(self, timeout: Duration | None = None) -> CompletedJob:
        """Wait for the end of the job and return its result, with all its output.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`, with the output so far.
        """
        deadline = deadline_in(timeout)
        with self.collect() as output:
            try:
                output.finish(deadline)
                self._session.wait([self._record], deadline=deadline)
            except TimeoutError:
                raise self.timed_out(timeout, output.stdout, output.stderr) from None
            return self.completed(output.stdout, output.stderr)

    def stop(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> CompletedJob:
        """Stop the job and all processes that it started: send its stop signal and, after the grace, SIGKILL (with a grace of 0 at once).

        Returns when none of its processes is left, with the last lines of its output. Raises TimeoutError if `timeout` passes before.
        """
        deadline = deadline_in(timeout)
        self.stop_soon(signal, grace, timeout)
        self._session.wait([self._record], deadline=deadline)
        return self.completed(self.stdout_tail, self.stderr_tail)

    def stop_soon(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> None:
        """Start to stop the job; returns once the worker has accepted that."""
        actions.stop(self._session, [self._record], signal, grace, deadline_in(timeout))

    def terminate(self) -> None:
        """Start to stop the job with SIGTERM, and SIGKILL after its grace. Does nothing if it has ended, as in `subprocess`."""
        self.stop_soon(signals.SIGTERM)

    def kill(self) -> None:
        """Start to stop the job with SIGKILL. Does nothing if it has ended, as in `subprocess`."""
        self.stop_soon(grace=0)

    def send_signal(self, signal: int) -> None:
        """Send a signal to all processes of the job."""
        request = request_pb2.Request(signal=request_pb2.Signal(key=key_to_wire(self.key), signal=signal))
        self._session.reply(request, "done")

    def forget(self) -> Forgotten:
        """Remove the job and its logs; its id is never run again.

        Raises `Refused(FAILED_PRECONDITION)` if it has not ended.
        """
        return actions.forget(self._session, [self.key])

    def pause(self) -> None:
        """Suspend all processes of the job; returns when they are. Its time limit keeps running, and it keeps its slot."""
        actions.pause(self._session, [self.key])

    def resume(self) -> None:
        """Continue the paused job."""
        actions.resume(self._session, [self.key])

    # --- its output

    @property
    def stdout(self) -> JobOutput:
        """The stdout of the job from the first byte, opened at the first access."""
        if self._stdout is None:
            self._stdout = self.output("stdout")
        return self._stdout

    @property
    def stderr(self) -> JobOutput:
        """The stderr of the job from the first byte, opened at the first access."""
        if self._stderr is None:
            self._stderr = self.output("stderr")
        return self._stderr

    def output(self, stream: StreamName, start: int = 0) -> JobOutput:
        """Return a log, opened at a byte. Each one is read independently."""
        return JobOutput(self._session.connection, self._session.pump, self.key, _STREAMS[stream], start)

    def collect(self) -> Collecting:
        """Return both logs, opened at their first byte, to collect them whole."""
        return Collecting(self._session.pump, self.output("stdout"), self.output("stderr"))

    def tail(self, stream: StreamName, lines: int) -> bytes:
        """Return the last lines written so far."""
        read = request_pb2.ReadLog(key=key_to_wire(self.key), stream=_STREAMS[stream], tail_lines=lines)
        return self._read(read)[0]

    def read_range(self, stream: StreamName, start: int, length: int) -> tuple[bytes, int]:
        """Return a range of bytes (shorter at the end, at most 1 MiB) and the size of the log so far."""
        part = request_pb2.ByteRange(start=start, length=length)
        return self._read(request_pb2.ReadLog(key=key_to_wire(self.key), stream=_STREAMS[stream], range=part))

    def _read(self, read: request_pb2.ReadLog) -> tuple[bytes, int]:
        item = self._session.connection.call(request_pb2.Request(read_log=read))
        if not isinstance(item, Chunk):
            raise Refused(Code.INTERNAL, "the worker did not answer with a part of the log")
        return bytes(item.data), item.reply.log_range.size

    # --- the rest

    def info(self) -> JobInfo:
        """Return everything that the worker knows about the job."""
        from .results import job_info  # noqa: PLC0415 -- a command that runs a job need not wait for it

        return job_info(self._session.query(self._record))

    def completed(self, stdout: bytes, stderr: bytes) -> CompletedJob:
        """Return the result of the ended job, with this as its output."""
        from .completed_job import CompletedJob  # noqa: PLC0415 -- it stands on subprocess, which is slow to import

        record = self._record
        outcome = self._ended()
        args = self.args or (self.id,)
        return CompletedJob(
            args, return_code(outcome), stdout, stderr, record.key, record.pid or None, record.started_at_us, record.ended_at_us, outcome
        )

    def timed_out(self, timeout: Duration | None, stdout: bytes = b"", stderr: bytes = b"") -> Exception:
        """Return the exception for a `timeout` that has passed, with this as the output so far."""
        from .completed_job import JobTimeout  # noqa: PLC0415 -- as above

        return JobTimeout(self.args or (self.id,), seconds(timeout or 0), stdout, stderr)

    def _ended(self) -> Outcome:
        if self._record.outcome is None:
            raise Refused(Code.FAILED_PRECONDITION, f"job {self.id} has not ended")
        return self._record.outcome

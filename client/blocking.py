"""The blocking library, in the manner of `subprocess`: `Client`, and the `Job` that it gives.

SKELETON: signatures are final, bodies follow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Self

from ..keys.identity import Identity
from ..schemas.generated import request_pb2
from ..schemas.spec import JobSpec
from .connection import Connection
from .contexts import Context  # TYPE_CHECKING only, later
from .job import Job
from .results import BatchInfo, CompletedJob, Event, EventCursor, JobInfo
from .specs import Duration, Text  # Text = str | bytes | os.PathLike; Duration = float | timedelta

__all__ = ["Client", "CompletedJob", "Event", "EventCursor", "Job", "JobInfo"]


class Client:
    """A daemon, to run jobs on. Use it as a context manager, from one thread at a time; it connects at the first request.

    `context`: a name, a Context, or None for the current one (none configured: the embedded worker).
    """

    connection: Connection

    def __init__(self, context: "str | Context | None" = None, *, connect_timeout: float = 5.0, notice=None) -> None: ...

    @classmethod
    def connect(cls, endpoint: str, server_key: bytes, identity: Identity, *, connect_timeout: float = 5.0, revive=None, notice=None) -> Self: ...

    def run(
        self, argv: Sequence[Text], *, check: bool = False, timeout: Duration | None = None, input: bytes | None = None,
        cwd: Text | None = None, env: Mapping[Text, Text] | None = None, name: str = "", labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None, stop_signal: int | None = None, grace: Duration | None = None, id: bytes | str | None = None,
    ) -> CompletedJob: ...

    def submit(
        self, argv: Sequence[Text], *, input: bytes | None = None, cwd: Text | None = None, env: Mapping[Text, Text] | None = None, name: str = "",
        labels: Mapping[str, str] | None = None, time_limit: Duration | None = None, stop_signal: int | None = None,
        grace: Duration | None = None, id: bytes | str | None = None, watch: bool = True,
    ) -> Job:
        """Returns when the job is acknowledged (durable). watch=False: nothing is kept open at the daemon for it."""

    def submit_many(
        self, specs: Iterable[JobSpec], *, batch: BatchInfo | None = None, ids: Sequence[bytes] | None = None, watch: bool = True,
        tail_lines: int | None = None,
    ) -> list[Job]:
        """Accepted whole or not at all, one request. With `watch` the jobs' `started`/`finished` come by themselves during `pump`."""

    def job(self, name: str) -> Job:
        """What a person types: full id, PID@START, last, name, unambiguous prefix. `Refused(NOT_FOUND)` or as the daemon says."""

    def job_by_key(self, owner: bytes, id: bytes) -> Job: ...

    def list(self, all: bool = False, batch: str | bytes | None = None, owner: bytes | None = None) -> Iterator[JobInfo]: ...

    def events(
        self, start: "str | EventCursor" = "now", *, jobs: Iterable[Job] = (), batch: bytes | None = None, owner: bytes | None = None,
        labels: Mapping[str, str] | None = None, timeout: Duration | None = None,
    ) -> Iterator[Event]:
        """Every event after `start`, in order, once. Ends only when `timeout` passes (raises TimeoutError); close() the iterator to unsubscribe."""

    def wait(self, jobs: Iterable[Job], *, any: bool = False, timeout: Duration | None = None) -> "list[Job]":
        """Returns those that have ended (all of them, or with `any` at least one). Raises TimeoutError."""

    def stop(self, jobs: Iterable[Job], *, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> None:
        """Stop several with one request; returns when nothing of them is left (see Job.outcome, .stdout_tail)."""

    def hello(self) -> request_pb2.HelloReply: ...

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """See Connection.pump: for programs that wait on several things at once (jobs, output, signals)."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


# client/job.py
class Job:
    key: "JobKey"           # (owner, id)
    id: str                 # UUID text
    pid: int | None         # None: no process yet (or could not be started)
    started_at_us: int | None
    ended_at_us: int | None
    returncode: int | None  # as subprocess gives it; None until the end is known here
    exit_status: int | None # as a shell gives it (128+n, 124, 125)
    outcome: "Outcome | None"
    stdout_tail: bytes
    stderr_tail: bytes      # the last lines, where a report brought them
    state: "State | None"     # as far as known here

    stdout: "JobOutput"
    stderr: "JobOutput"       # opened at first use; from byte 0

    def output(self, stream: "Literal['stdout','stderr']", start: int = 0) -> "JobOutput": ...
    def tail(self, stream, lines: int) -> bytes: ...
    def read_range(self, stream, start: int, length: int) -> "tuple[bytes, int]":
        """(bytes, size of the log so far)"""
    def info(self) -> JobInfo: ...
    def wait(self, timeout: Duration | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
    def poll(self) -> int | None: ...
    def stop(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> CompletedJob:
        """Ends it with all it started; returns when nothing is left: outcome, and the last lines as stdout and stderr."""
    def stop_soon(self, signal: int | None = None, grace: Duration | None = None) -> None:
        """Ask for the stop and return when that is acknowledged (durable)."""
    def send_signal(self, signal: int) -> None: ...
    def result(self, timeout: Duration | None = None) -> CompletedJob:
        """Waits; whole stdout and stderr."""


# client/output.py
class JobOutput:
    position: int       # the byte reached
    ended: bool         # the job has ended and its last byte was taken
    def take(self) -> bytes | memoryview | None:
        """What has arrived, without waiting; None if nothing. Grants the daemon more."""
    def read(self, n: int = -1) -> bytes:
        """As a pipe: waits until n bytes are there or the job's end."""
    def read1(self, n: int = -1) -> bytes:
        """As a pipe: at least one byte, or b"" at the end."""
    def readline(self) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...

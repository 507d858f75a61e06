"""What is known about a job at one moment, as the library returns it. Frozen; made from what came over the wire.

Times are microseconds since 1970 UTC (`..._us`; 0: not yet); properties of the same name without `_us` give a datetime.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ....schemas.generated import job_pb2
from ....schemas.jobs.conditions import After
from ....schemas.jobs.conditions import from_wire as after_from_wire
from ....schemas.jobs.spec import JobSpec, from_wire
from ....schemas.jobs.states import Outcome, State, return_code
from ....schemas.naming import JobKey, format_id, format_process
from ....schemas.private_parts.frozen import frozen, made
from ....schemas.wire_codec import outcome_from_wire, state_from_wire
from .results import BatchInfo, batch_info, moment, span

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta


class AwaitedInfo(NamedTuple):
    """A condition that a job waits for. `name`, `state`: of a single job. `left`: of a run, how many of its jobs have not ended."""

    after: After
    name: str
    state: State
    left: int


@frozen
class JobAttempt:
    """One attempt at a job: 1 for the first, its process (None if it has none), its times, and how it ended (None while it has not)."""

    attempt: int
    pid: int | None
    started_at_us: int
    ended_at_us: int
    outcome: Outcome | None

    @property
    def process(self) -> str | None:
        """`PID@START`, which names the attempt; None if it never had a process."""
        return format_process(self.pid, self.started_at_us) if self.pid else None

    @property
    def started_at(self) -> datetime | None:
        """The time when its process was started."""
        return moment(self.started_at_us)

    @property
    def ended_at(self) -> datetime | None:
        """The time when its last process had ended."""
        return moment(self.ended_at_us)


@frozen
class JobInfo:
    """Everything known about one job at one moment. `spec` is what was submitted, without its stdin."""

    key: JobKey
    spec: JobSpec
    state: State
    owner_name: str
    batch: BatchInfo | None
    queued_at_us: int
    started_at_us: int
    ended_at_us: int
    # None: it has no process (yet).
    pid: int | None
    # Set once it has finished.
    outcome: Outcome | None
    # Why it waits, in words; empty if it does not.
    waits_for: str
    # It runs, and all its processes are suspended until it is resumed.
    paused: bool = False
    # How long it ran, or has been running or queued, and how long ago it ended, by the worker's clock.
    lasted_us: int = 0
    ended_ago_us: int | None = None
    # Which attempt at the job pid, times and outcome are of, 1 for the first.
    attempt: int = 1
    # The job that this one runs again; it may be forgotten.
    rerun_of: JobKey | None = None
    # The job that started it with a key of its own.
    started_by: JobKey | None = None
    # It waits for jobs that it started, and has given back its slots for so long.
    lends_slots: bool = False
    # When it is to start, while it waits for that; 0: it does not.
    starts_at_us: int = 0
    # The size of its stdin; None: it has none, or the worker is older and does not say.
    stdin_bytes: int | None = None
    # What it is now; a change may have set another one than that of its spec.
    priority: int = 0
    # It waits until it is released; and who holds it, empty if it was submitted so.
    held: bool = False
    held_by: str = ""
    # The time limit that was set later, 0: none; None: that of its spec counts.
    changed_limit_ms: int | None = None
    # While it waits: the conditions that do not hold yet.
    awaits: tuple[AwaitedInfo, ...] = ()
    # The attempts before the last one, which the other fields are about.
    earlier_attempts: tuple[JobAttempt, ...] = ()
    # While it waits for a time: how long until then, in microseconds; None: it does not.
    starts_in_us: int | None = None
    # While it waits: how long until it is cancelled if it has not started by then, in microseconds; None: it may wait for ever.
    expires_in_us: int | None = None

    @property
    def attempts(self) -> tuple[JobAttempt, ...]:
        """All attempts at the job so far, in order; the last one may be waiting or running."""
        last = JobAttempt(self.attempt, self.pid, self.started_at_us, self.ended_at_us, self.outcome)
        return (*self.earlier_attempts, last)

    @property
    def starts_in(self) -> timedelta | None:
        """How long it still waits for its start time; None if it does not."""
        return None if self.starts_in_us is None else span(self.starts_in_us)

    # The ids of the GPUs that it was handed out when it was last started.
    gpus: tuple[str, ...] = ()
    # Of a broker: the name of the worker that has it; empty: none yet, or there is no broker.
    worker: str = ""

    @property
    def id(self) -> str:
        """The id as text."""
        return format_id(self.key.id)

    @property
    def name(self) -> str:
        """The name; empty if it has none."""
        return self.spec.name

    @property
    def argv(self) -> tuple[bytes, ...]:
        """The program and its arguments."""
        return self.spec.argv

    @property
    def args(self) -> tuple[str, ...]:
        """The program and its arguments as text; bytes that are not UTF-8 are escaped as `os.fsdecode` does."""
        return tuple(map(os.fsdecode, self.spec.argv))

    @property
    def cwd(self) -> str | None:
        """The requested working directory; None: the worker's default."""
        return os.fsdecode(self.spec.directory) or None

    @property
    def env(self) -> dict[str, str]:
        """The variables that were added to the clean environment."""
        return {os.fsdecode(name): os.fsdecode(value) for name, value in self.spec.environment}

    @property
    def labels(self) -> dict[str, str]:
        """The labels."""
        return dict(self.spec.labels)

    @property
    def is_on_finish(self) -> bool:
        """Whether it is the `on_finish` job of its run, as opposed to one of the jobs that the run consists of."""
        return self.batch is not None and self.key.id == self.batch.on_finish_id

    @property
    def process(self) -> str | None:
        """`PID@START`, which also names the job; None if it never had a process."""
        return format_process(self.pid, self.started_at_us) if self.pid else None

    @property
    def returncode(self) -> int | None:
        """The return code as in `subprocess`; None while it has not ended."""
        return None if self.outcome is None else return_code(self.outcome)

    @property
    def time_limit_ms(self) -> int | None:
        """The time limit in force, in milliseconds; None: no limit."""
        return self.spec.time_limit_ms if self.changed_limit_ms is None else self.changed_limit_ms or None

    @property
    def time_limit(self) -> timedelta | None:
        """The time after which it is stopped; None: no limit."""
        return None if self.time_limit_ms is None else span(self.time_limit_ms * 1000)

    @property
    def grace(self) -> timedelta | None:
        """The time from its stop signal to SIGKILL; None: the worker's default."""
        return None if self.spec.grace_ms is None else span(self.spec.grace_ms * 1000)

    @property
    def lasted(self) -> timedelta:
        """How long it ran, or has been running or queued, by the worker's clock."""
        return span(self.lasted_us)

    @property
    def ended_ago(self) -> timedelta | None:
        """How long ago it ended, by the worker's clock; None while it has not, and from an older worker."""
        return None if self.ended_ago_us is None else span(self.ended_ago_us)

    @property
    def queued_at(self) -> datetime | None:
        """The time when it was accepted."""
        return moment(self.queued_at_us)

    @property
    def started_at(self) -> datetime | None:
        """The time when its process was started."""
        return moment(self.started_at_us)

    @property
    def ended_at(self) -> datetime | None:
        """The time when its last process had ended."""
        return moment(self.ended_at_us)


def job_info(message: job_pb2.Job) -> JobInfo:
    """Return a job received over the wire, without fields that only a newer worker knows."""
    message.spec.DiscardUnknownFields()
    said = dict(_SAYS_NOTHING)
    # Most jobs have few fields: to ask for each of them would take several times as long.
    for field, value in message.ListFields():
        if field.name in _READ:
            name, read = _READ[field.name]
            said[name] = value if read is None else read(value)
    if "lasted_us" not in said:
        said["lasted_us"] = max(0, _lasted_us(message))
    return made(JobInfo, said)


@lru_cache(maxsize=8)
def _batch(serialized: bytes) -> BatchInfo:
    return batch_info(job_pb2.Batch.FromString(serialized))


def _key(message: job_pb2.JobKey) -> JobKey:
    return JobKey(message.owner, message.id)


def _awaited(message: job_pb2.Awaited) -> AwaitedInfo:
    return AwaitedInfo(after_from_wire(message.after), message.name, state_from_wire(message.state), message.left)


def _attempt(message: job_pb2.EarlierAttempt) -> JobAttempt:
    outcome = outcome_from_wire(message.outcome) if message.HasField("outcome") else None
    return JobAttempt(message.attempt, message.pid or None, message.started_at_us, message.ended_at_us, outcome)


def _lasted_us(message: job_pb2.Job) -> int:
    """Return how long a job lasted, from its dates: an older worker does not report it."""
    return message.ended_at_us - (message.started_at_us or message.queued_at_us) if message.ended_at_us else 0


# A job of which a worker says nothing else, and how each field is read that it may say; None: as it is.
_SAYS_NOTHING: dict[str, Any] = {
    "key": JobKey(b"", b""),
    "spec": JobSpec(()),
    "state": State.RUNNING,
    **dict.fromkeys(("owner_name", "waits_for"), ""),
    **dict.fromkeys(("queued_at_us", "started_at_us", "ended_at_us"), 0),
    **dict.fromkeys(("batch", "pid", "outcome")),
}
_READ: dict[str, tuple[str, Callable[[Any], Any] | None]] = {
    **{name: (name, None) for name in ("owner_name", "waits_for", "queued_at_us", "started_at_us", "ended_at_us", "pid", "paused")},
    **{name: (name, None) for name in ("ended_ago_us", "lends_slots", "starts_at_us", "stdin_bytes", "priority", "held", "held_by")},
    **{name: (name, None) for name in ("starts_in_us", "expires_in_us", "worker")},
    # 0: from an older worker, which makes only one attempt.
    "attempt": ("attempt", lambda number: number or 1),
    "lasted_us": ("lasted_us", lambda lasted_us: max(0, lasted_us)),
    "time_limit_ms": ("changed_limit_ms", None),
    "key": ("key", _key),
    "spec": ("spec", from_wire),
    "state": ("state", state_from_wire),
    # The jobs of a list are often of the same run.
    "batch": ("batch", lambda message: _batch(message.SerializeToString())),
    "outcome": ("outcome", outcome_from_wire),
    "rerun_of": ("rerun_of", _key),
    "started_by": ("started_by", _key),
    "after": ("awaits", lambda messages: tuple(map(_awaited, messages))),
    "earlier_attempts": ("earlier_attempts", lambda messages: tuple(map(_attempt, messages))),
    "gpus": ("gpus", tuple),
}

"""Values about schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec, from_wire
from ....schemas.jobs.states import Outcome, State
from ....schemas.naming import JobKey, format_id
from ....schemas.wire_codec import outcome_from_wire, state_from_wire
from .results import BatchInfo, batch_info
from .run_info import RunInfo, read_counts

# In the order of their numbers, from 1.
OVERLAPS = ("skip", "queue", "stop")
MISSED = ("once", "skip", "all")


class Firing(NamedTuple):
    """The result of one scheduled time. `job`: the id of the job or run that was started, empty if none was; `note`: a remark, or why.

    `state`, `outcome`: of that job now; None if it was forgotten, or has no outcome yet. `run`: the progress of that run; None if it was
    forgotten.
    """

    due_us: int
    job: bytes
    note: str
    state: State | None
    outcome: Outcome | None
    run: RunInfo | None = None

    @property
    def job_id(self) -> str:
        """The id of the job or run as text; empty if none was started."""
        return format_id(self.job) if self.job else ""


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """Everything known about a schedule at one moment; times are microseconds since 1970. `firings` begin with the newest.

    `spec`: of its job; None if it starts a batch: then `batch` is that batch, and `jobs` its number of jobs.
    """

    key: JobKey
    owner_name: str
    name: str
    spec: JobSpec | None
    cron: str
    zone: str
    overlap: str
    missed: str
    paused: bool
    next_us: Sequence[int]
    waiting: int
    firings: Sequence[Firing]
    batch: BatchInfo | None = None
    jobs: int = 1

    @property
    def id(self) -> str:
        """The id as text."""
        return format_id(self.key.id)


def schedule_info(message: request_pb2.ScheduleInfo) -> ScheduleInfo:
    """Return a schedule received from a worker."""
    has_batch = message.HasField("batch")
    return ScheduleInfo(
        JobKey(message.key.owner, message.key.id),
        message.owner_name,
        message.name,
        None if has_batch else from_wire(message.spec),
        message.cron,
        message.zone,
        _name(OVERLAPS, message.overlap),
        _name(MISSED, message.missed),
        message.paused,
        tuple(message.next_us),
        message.waiting,
        tuple(map(_firing, message.firings)),
        batch_info(message.batch) if has_batch else None,
        message.jobs if has_batch else 1,
    )


def _name(names: Sequence[str], number: int) -> str:
    return names[number - 1] if 1 <= number <= len(names) else "unknown"


def _firing(message: request_pb2.Firing) -> Firing:
    outcome = outcome_from_wire(message.outcome) if message.HasField("outcome") else None
    state = state_from_wire(message.state) if message.state else None
    return Firing(message.due_us, message.job, message.note, state, outcome, read_counts(message.run) if message.HasField("run") else None)

"""A schedule in memory: what it starts and when (a job or a batch), and which of its jobs or runs have not ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...schemas.batches.schedules import id_at
from ...schemas.generated import job_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import OnFailure
from ...schemas.naming import JobKey
from ..jobs.job import BatchRun
from ..writes.schedules import ScheduleRow
from ..writes.staged import Template
from .cron import Times, read_times
from .due import Missed, Overlap


@dataclass(frozen=True, slots=True)
class OneJob:
    """The job that a schedule starts; `raw`: its spec as received."""

    spec: JobSpec
    raw: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class ManyJobs:
    """The batch that a schedule starts. `batch` has the id under which it is staged, `finish` is the `on_finish` of its runs."""

    batch: BatchRun
    finish: JobSpec | None
    template: Template


@dataclass(slots=True, eq=False)
class Schedule:
    """One schedule. `next_us`: its next time, None if it is paused or has none; `starting`: how many of its starts are being written.

    `jobs`, here and below, are runs if it starts a batch: they have keys of the same form.
    """

    row: int
    key: JobKey
    name: str
    starts: OneJob | ManyJobs
    cron: str
    zone: str
    times: Times
    overlap: Overlap
    missed: Missed
    paused: bool
    fired_upto_us: int
    waiting: tuple[int, ...]
    proof: bytes
    next_us: int | None = None
    starting: int = 0
    removed: bool = False
    _jobs: set[JobKey] = field(default_factory=set)

    @staticmethod
    def of(row: ScheduleRow, template: Template | None = None) -> Schedule:
        """Return the schedule that a row describes; `template`: the batch that it starts, if it does.

        Raises Refused if this worker does not understand it, as when its time zone was removed from the machine.
        """
        return Schedule(
            row.row,
            JobKey(row.owner, row.id),
            row.name,
            _read_job(row.spec) if template is None else _read_batch(row.batch, template),
            row.cron,
            row.zone,
            read_times(row.cron, row.zone),
            Overlap(row.overlap),
            Missed(row.missed),
            row.paused,
            row.fired_upto_us,
            tuple(row.waiting),
            row.proof,
        )

    def job_id(self, due_us: int) -> bytes:
        """Return the id of the job or the run of one of its times."""
        return id_at(self.key.id, due_us)

    def began(self, job: JobKey) -> None:
        """Note an unended job of it."""
        self._jobs.add(job)

    def unfinished(self, is_live: Callable[[JobKey], bool]) -> list[JobKey]:
        """Return its unended jobs."""
        self._jobs = {job for job in self._jobs if is_live(job)}
        return sorted(self._jobs)


def _read_job(raw: bytes) -> OneJob:
    spec = specs.from_wire(job_pb2.JobSpec.FromString(raw))
    return OneJob(spec, raw, specs.digest(spec))


def _read_batch(raw: bytes, template: Template) -> ManyJobs:
    sent = job_pb2.Batch.FromString(raw)
    finish = sent.on_finish.SerializeToString() if sent.HasField("on_finish") else b""
    batch = BatchRun(sent.id, sent.name, sent.parallel, OnFailure(sent.on_failure), on_finish=finish)
    return ManyJobs(batch, specs.from_wire(sent.on_finish) if finish else None, template)

"""A schedule in memory: what it starts and when, and which of its jobs have not ended."""

from __future__ import annotations

import uuid
from collections.abc import Container
from dataclasses import dataclass, field

from ...schemas.generated import job_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs.spec import JobSpec
from ...schemas.naming import JobKey
from ..store.schedule_writes import ScheduleRow
from .cron import Times, read_times
from .due import Missed, Overlap


@dataclass(slots=True, eq=False)
class Schedule:
    """One schedule. `next_us`: its next time, None if it is paused or none comes; `starting`: how many of its jobs are being written."""

    row: int
    key: JobKey
    name: str
    spec: JobSpec
    raw: bytes
    digest: bytes
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
    def of(row: ScheduleRow) -> Schedule:
        """Return the schedule that a row describes.

        Raises Refused if this worker does not understand it, such as a zone that was removed from the machine.
        """
        spec = specs.from_wire(job_pb2.JobSpec.FromString(row.spec))
        return Schedule(
            row.row,
            JobKey(row.owner, row.id),
            row.name,
            spec,
            row.spec,
            specs.digest(spec),
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
        """Return the id of the job of one of its times, which is always the same (UUID version 5)."""
        return uuid.uuid5(uuid.UUID(bytes=self.key.id), str(due_us)).bytes

    def began(self, job: JobKey) -> None:
        """Note a job of it that has not ended."""
        self._jobs.add(job)

    def unfinished(self, live: Container[JobKey]) -> list[JobKey]:
        """Return its jobs that have not ended."""
        self._jobs = {job for job in self._jobs if job in live}
        return sorted(self._jobs)

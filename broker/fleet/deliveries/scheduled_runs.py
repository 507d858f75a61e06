"""The runs that schedules have started, as they are delivered to workers: for each job, the staged job from which it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....schemas.batches.parts import KeptJob
from ....schemas.generated import request_pb2
from ....schemas.naming import scheduled_job_id
from ...store.rows.batches import template_rows

_Read = Callable[..., list[tuple[Any, ...]]]


@dataclass(slots=True, eq=False)
class ScheduledRun:
    """A run, the row of the batch that it is made from, and the scheduled time."""

    id: bytes
    template: int
    due_us: int
    _read: _Read
    # Of the part that was used last: most deliveries are of the same one as the delivery before.
    _number: int = -1
    _jobs: dict[bytes, KeptJob] = field(default_factory=dict)

    def jobs_of(self, number: int) -> Mapping[bytes, KeptJob]:
        """Return the jobs of a part by their ids in this run."""
        if number != self._number:
            jobs = template_rows.jobs_of(self._read, self.template, number)
            self._number, self._jobs = number, {scheduled_job_id(self.id, job.id): job for job in jobs}
        return self._jobs

    def job(self, number: int, job_id: bytes) -> bytes:
        """Return a job as it was staged, a serialized NewJob, given its part and its id in the run."""
        found = self.jobs_of(number)[job_id]
        job = request_pb2.NewJob(id=found.id)
        job.spec.ParseFromString(found.spec)
        return job.SerializeToString()


def find_run(read: _Read, batch: int) -> ScheduledRun | None:
    """Return the run in this row if a schedule started it, else None."""
    found = template_rows.run_of(read, batch) if batch else None
    return ScheduledRun(*found, read) if found is not None else None

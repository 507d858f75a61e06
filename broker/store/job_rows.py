"""Convert rows of the store to jobs. Knows columns, but no queries."""

from __future__ import annotations

import json

from ...schemas.generated import job_pb2
from ...schemas.jobs.same_specs import SameSpecs
from ...schemas.jobs.states import OnFailure, State
from ...schemas.naming import ID_BYTES, AttemptKey, JobKey
from ...schemas.wire_codec import outcome_from_wire
from ...schemas.workers.capacity import wants_of
from ..jobs.job import Attempt, BatchRun, Job, StopOrder
from ..jobs.life import Phase, Stored, phase_of
from .store import Row

COLUMNS = (
    "jobs.row, jobs.owner, jobs.id, digest, state, spec, launched, attempt, jobs.queued_at, started_at, jobs.ended_at,"
    " aged_from, pid, outcome, stop, batches.id, batches.name, batches.parallel, rerun_of,"
    " priority, held_by, time_limit, batches.on_failure, batches.broken_by, not_before, never_retried, gpus, wait_until, started_by, depth,"
    " is_finish, cleans_up, machine, expires"
)
FROM = (
    "FROM jobs LEFT JOIN batches ON batches.row = jobs.batch LEFT JOIN placements ON placements.job = jobs.row AND placements.n = attempt"
)


class JobRows:
    """Reads rows. Equal parts of them become one object: of a million jobs, most share owner, batch and often spec with others."""

    def __init__(self) -> None:
        self._specs = SameSpecs()
        self._owners: dict[bytes, bytes] = {}
        self._batches: dict[tuple[object, ...], BatchRun] = {}

    def read(self, row: Row) -> Job:
        """Return the job that a row of the store describes."""
        (
            number,
            owner,
            job_id,
            digest,
            state,
            spec,
            launched,
            attempt,
            queued_at,
            started_at,
            ended_at,
            aged_from,
            pid,
            outcome,
            stop,
            batch_id,
            batch_name,
            parallel,
            rerun_of,
            priority,
            held_by,
            changed_limit_ms,
            on_failure,
            broken_by,
            not_before,
            never_retried,
            gpus,
            starts_aged_us,
            started_by,
            depth,
            is_finish,
            cleans_up,
            machine,
            expires_aged_us,
        ) = row
        said, owner = self._specs.read(spec), self._owners.setdefault(owner, owner)
        batch = None
        if batch_id is not None:
            of_run = (owner, batch_id, batch_name, parallel, on_failure, broken_by)
            batch = self._batches.get(of_run)
            if batch is None:
                batch = self._batches[of_run] = BatchRun(batch_id, batch_name, parallel, OnFailure(on_failure), broken_by)
        key = JobKey(owner, job_id)
        return Job(
            row=number,
            key=key,
            spec=said,
            digest=digest,
            batch=batch,
            queued_at_us=queued_at,
            attempt=Attempt(
                key=AttemptKey(owner, job_id, attempt),
                phase=phase_of(Stored(State(state), launched=bool(launched)), has_process=pid > 0),
                pid=pid,
                started_at_us=started_at,
                ended_at_us=ended_at,
                outcome=outcome_from_wire(job_pb2.Outcome.FromString(outcome)) if outcome is not None else None,
            ),
            aged_from_us=aged_from,
            priority=priority,
            held_by=held_by,
            changed_limit_ms=changed_limit_ms,
            not_before_us=not_before,
            never_retried=bool(never_retried),
            stop=StopOrder(**json.loads(stop)) if stop is not None else None,
            rerun_of=JobKey(rerun_of[:-ID_BYTES], rerun_of[-ID_BYTES:]) if rerun_of is not None else None,
            spec_bytes=len(spec),
            wants=wants_of(said, depth),
            started_by=started_by or b"",
            depth=depth,
            gpus=tuple(gpus.split(",")) if gpus else (),
            starts_aged_us=starts_aged_us,
            is_finish=bool(is_finish),
            cleans_up=bool(cleans_up),
            machine=machine or b"",
            expires_aged_us=expires_aged_us,
        )


def read_attempt(key: JobKey, number: int, pid: int, started_at_us: int, ended_at_us: int, outcome: bytes) -> Attempt:
    """Return an earlier attempt at a job."""
    return Attempt(
        AttemptKey(*key, number),
        Phase.FINISHED,
        pid=pid,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        outcome=outcome_from_wire(job_pb2.Outcome.FromString(outcome)),
    )

"""The rows about where a broker has placed jobs, and about its workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .....schemas.generated import job_pb2
from .....schemas.jobs.states import Outcome
from .....schemas.naming import AttemptKey, JobKey
from .....schemas.wire_codec import outcome_from_wire

_Read = Callable[..., list[tuple[Any, ...]]]


class Submitted(NamedTuple):
    """The rows of the request that submitted a job, and of its run; 0 for none."""

    proof: int
    batch: int


def submitted_with(read: _Read, key: JobKey) -> Submitted:
    """Return the rows of a job's submission."""
    rows = read("SELECT proof, coalesce(batch, 0) FROM jobs WHERE owner = ? AND id = ?", key)
    return Submitted(*rows[0]) if rows else Submitted(0, 0)


def spec_of(read: _Read, key: JobKey) -> bytes:
    """Return the spec of a job, serialized; empty if there is no such job."""
    rows = read("SELECT spec FROM jobs WHERE owner = ? AND id = ?", key)
    return rows[0][0] if rows else b""


def due_of(read: _Read, key: JobKey) -> int:
    """Return the scheduled time of a job that a schedule started; 0 if unknown."""
    rows = read("SELECT coalesce(due, 0) FROM jobs WHERE owner = ? AND id = ?", key)
    return int(rows[0][0]) if rows else 0


def envelope(read: _Read, number: int) -> bytes:
    """Return a request as it was received; empty if it is not kept."""
    rows = read("SELECT envelope FROM proofs WHERE row = ?", (number,))
    return rows[0][0] if rows else b""


def stop_of(read: _Read, key: JobKey) -> bytes:
    """Return the last request to stop a job, as received; empty if there is none."""
    rows = read("SELECT envelope FROM jobs JOIN proofs ON proofs.row = stop_proof WHERE owner = ? AND id = ?", key)
    return rows[0][0] if rows else b""


def limit_of(read: _Read, key: JobKey) -> bytes:
    """Return the request for the time limit that replaces the one of a job's spec, as received; empty if there is none."""
    rows = read("SELECT envelope FROM jobs JOIN proofs ON proofs.row = limit_proof WHERE owner = ? AND id = ?", key)
    return rows[0][0] if rows else b""


def limited(read: _Read) -> frozenset[JobKey]:
    """Return the unended jobs with such a time limit."""
    rows = read("SELECT owner, id FROM jobs WHERE limit_proof IS NOT NULL AND state < 4")
    return frozenset(JobKey(*row) for row in rows)


def machine_of(read: _Read, key: AttemptKey) -> bytes:
    """Return where an attempt at a job was placed, even if the job was forgotten; empty if unknown."""
    rows = read(
        "SELECT machine FROM placements JOIN jobs ON jobs.row = job WHERE owner = ? AND id = ? AND n = ?"
        " UNION ALL SELECT machine FROM leftover_machines WHERE owner = ? AND id = ? AND attempt = ?",
        (*key, *key),
    )
    return rows[0][0] if rows else b""


def waits(read: _Read, key: JobKey) -> bool:
    """Return whether a job has neither started nor ended."""
    return bool(read("SELECT 1 FROM jobs WHERE owner = ? AND id = ? AND state = 1", key))


def end_of(read: _Read, key: AttemptKey) -> Outcome | None:
    """Return the outcome of an attempt; None if it has not ended, or its job was forgotten."""
    rows = read(
        "SELECT outcome FROM jobs WHERE owner = ? AND id = ? AND attempt = ? AND state = 4"
        " UNION ALL SELECT attempts.outcome FROM attempts JOIN jobs ON jobs.row = job WHERE owner = ? AND id = ? AND n = ?",
        (*key, *key),
    )
    return outcome_from_wire(job_pb2.Outcome.FromString(rows[0][0])) if rows and rows[0][0] else None


def drained(read: _Read) -> Sequence[bytes]:
    """Return the keys of the drained workers."""
    return [key for (key,) in read("SELECT key FROM workers WHERE drained")]

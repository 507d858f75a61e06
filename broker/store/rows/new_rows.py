"""The statements that insert new jobs, with their labels and files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...writes.jobs import NewRow
from .large_values import LARGE, fill

_INSERT_JOB = (
    "INSERT INTO jobs (row, owner, id, digest, state, name, batch, proof, spec, launched, attempt, queued_at, store_bytes, rerun_of,"
    " priority, held_by, folder_bytes, shares_proof, never_retried, wait_until, started_by, depth, is_finish, cleans_up,"
    " expires)"
    " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_LARGE_JOB = _INSERT_JOB.replace("VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?,", "VALUES (?, ?, ?, ?, 1, ?, ?, ?, zeroblob(?),")
assert _INSERT_LARGE_JOB != _INSERT_JOB
# A spec may have the same label twice.
_INSERT_LABEL = "INSERT OR IGNORE INTO labels (name, value, queued_at, job) VALUES (?, ?, ?, ?)"
# A job may bring one content in several places.
_INSERT_FILE = "INSERT OR IGNORE INTO files (owner, digest, job) VALUES (?, ?, ?)"


class Proof(NamedTuple):
    """The row of the proof of new jobs, each job's share of its size, and whether they share it."""

    row: int
    share_bytes: int
    is_shared: int | None


def insert(
    connection: sqlite3.Connection, jobs: Sequence[tuple[int, NewRow]], batch: int | None, proof: Proof, *, is_finish: bool = False
) -> None:
    """Insert new jobs in their rows; large specs follow with `fill_large`.

    `batch`: the row of their run, `is_finish`: the job is the `on_finish` of that run.
    """
    added: list[tuple[object, ...]] = []
    large: list[tuple[object, ...]] = []
    labels: list[tuple[object, ...]] = []
    files: list[tuple[object, ...]] = []
    for row, job in jobs:
        store_bytes = len(job.spec) + proof.share_bytes
        if job.labels:
            labels += [(*label, job.queued_at_us, row) for label in job.labels]
        for file in job.files:
            store_bytes += file.size
            files.append((job.key.owner, file.digest, row))
        to = added if len(job.spec) <= LARGE else large
        to.append(_row_of(row, job, batch, proof.row, store_bytes, proof.is_shared, is_finish=is_finish))
    connection.executemany(_INSERT_JOB, added)
    if large:
        connection.executemany(_INSERT_LARGE_JOB, large)
    if labels:
        connection.executemany(_INSERT_LABEL, labels)
    if files:
        connection.executemany(_INSERT_FILE, files)


def fill_large(connection: sqlite3.Connection, jobs: Sequence[tuple[int, NewRow]]) -> Iterator[None]:
    """Write the large specs of inserted jobs, in steps."""
    for row, job in jobs:
        if len(job.spec) > LARGE:
            yield from fill(connection, "jobs", "spec", row, job.spec)


def _row_of(
    row: int, job: NewRow, batch: int | None, proof: int, store_bytes: int, shares_proof: int | None, *, is_finish: bool = False
) -> tuple[object, ...]:
    """Return the parameters of `_INSERT_JOB`."""
    return (
        row,
        *job.key,
        job.digest,
        job.name,
        batch,
        proof,
        job.spec if len(job.spec) <= LARGE else len(job.spec),
        job.launched,
        job.attempt,
        job.queued_at_us,
        store_bytes,
        b"".join(job.rerun_of) if job.rerun_of else None,
        job.priority,
        job.held_by,
        None if job.has_folder else 0,
        shares_proof,
        job.never_retried,
        job.starts_aged_us,
        job.started_by or None,
        job.depth,
        1 if is_finish else None,
        1 if job.cleans_up else None,
        job.expires_aged_us,
    )

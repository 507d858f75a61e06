"""The rows of ended jobs: their counts, and what is left of forgotten ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from ....schemas.naming import AttemptKey, JobKey
from ...jobs.job import RunKey
from ...writes.jobs import Change, DropJobs, Dropped, FolderMeasured
from . import edges, envelopes, hash_rows
from .batches import runs
from .fleet import relays
from .tombstones import mark_of

_Execute = Callable[..., sqlite3.Cursor]

_COUNT_ENDED = (
    "UPDATE kept SET ended = ended + 1, log_bytes = log_bytes + ?, store_bytes = store_bytes + (SELECT store_bytes FROM jobs WHERE row = ?)"
)
# SQLite allows many more in one statement.
_ROWS_A_QUESTION = 100
# What is removed in one step: a job takes some 60 us, and a megabyte four milliseconds.
_JOBS_A_STEP = 50
_BYTES_OF_A_JOB = 16 * 1024


def count(execute: _Execute, ended: Sequence[Change]) -> None:
    """Count jobs that end, in all and in their runs."""
    for at in range(0, len(ended), _ROWS_A_QUESTION):
        part = ended[at : at + _ROWS_A_QUESTION]
        if len(part) == 1:
            (change,) = part
            execute(_COUNT_ENDED, (change.log_bytes, change.row))
            continue
        marks = ", ".join("?" * len(part))
        execute(
            "UPDATE kept SET ended = ended + ?, log_bytes = log_bytes + ?,"  # noqa: S608 -- marks only
            f" store_bytes = store_bytes + (SELECT sum(store_bytes) FROM jobs WHERE row IN ({marks}))",
            (len(part), sum(change.log_bytes for change in part), *(change.row for change in part)),
        )
    of_runs: dict[RunKey, list[Change]] = {}
    for change in ended:
        if change.run is not None:
            of_runs.setdefault(change.run, []).append(change)
    for run, changes in of_runs.items():
        runs.record_ends(execute, run, changes)


def measure(execute: _Execute, write: FolderMeasured) -> None:
    """Record how many bytes the folder of an ended job takes."""
    found = execute("SELECT row, coalesce(folder_bytes, 0) FROM jobs WHERE owner = ? AND id = ? AND state = 4", write.key).fetchone()
    if found is not None:
        row, before = found
        more = write.size_bytes - before
        execute("UPDATE jobs SET folder_bytes = ?, store_bytes = store_bytes + ? WHERE row = ?", (write.size_bytes, more, row))
        execute("UPDATE kept SET store_bytes = store_bytes + ?", (more,))


def _drop_proofs(execute: _Execute, proofs: Sequence[int], bytes_of_one: int) -> Iterator[None]:
    """Delete proofs that nothing refers to any more, in steps; `bytes_of_one`: about how many one has."""
    together = max(1, _JOBS_A_STEP // (1 + bytes_of_one // _BYTES_OF_A_JOB))
    for at in range(0, len(proofs), together):
        yield
        envelopes.drop_unused(execute, proofs[at : at + together])


def drop(execute: _Execute, write: DropJobs, *, has_edges: bool) -> Iterator[None]:  # noqa: C901 -- what only some jobs have
    """Replace ended jobs by their tombstones, in steps, and fill in what they were; delete old events.

    `has_edges`: whether any job waits for another, or did.
    """
    dropped: list[Dropped] = []
    proofs: set[int] = set()
    batches: dict[int, list[int]] = {}
    last_row = store_bytes = taken = 0
    for key in write.keys:
        if taken >= _JOBS_A_STEP:
            taken = 0
            yield
        found = execute(
            "SELECT row, store_bytes, attempt, pid, started_at, ended_at, log_bytes, proof, stop_proof, change_proof,"
            " limit_proof, batch, ok, is_finish FROM jobs WHERE owner = ? AND id = ? AND state = 4",
            key,
        ).fetchone()
        if found is None:
            continue
        row, its_bytes, attempt, pid, started_at, ended_at, log_bytes, *uses, batch, ok, is_finish = found
        if has_edges:
            edges.forget(execute, row, None if is_finish else batch)
        store_bytes += its_bytes
        taken += 1 + its_bytes // _BYTES_OF_A_JOB
        execute("DELETE FROM jobs WHERE row = ?", (row,))
        execute("DELETE FROM labels WHERE job = ?", (row,))
        execute("DELETE FROM files WHERE job = ?", (row,))
        relays.drop(execute, row)
        hash_rows.drop(execute, row)
        last_row = max(last_row, row)
        proofs.update(use for use in uses if use is not None)
        if batch is not None:
            batches.setdefault(batch, []).extend([] if is_finish else [ok or 0])
        earlier = _drop_attempts(execute, key, row) if attempt > 1 else []
        dropped.append(Dropped(AttemptKey(*key, attempt), pid, started_at, ended_at, log_bytes, earlier))
        execute("INSERT OR IGNORE INTO tombstones (mark) VALUES (?)", (mark_of(key),))
        for attempt_key, *run in (*earlier, (AttemptKey(*key, attempt), pid, started_at, ended_at)):
            if run[1]:
                execute(
                    "INSERT OR REPLACE INTO leftovers (owner, id, attempt, pid, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (*attempt_key, *run),
                )
        _drop_placed(execute, key, row)
    for batch, oks in batches.items():
        proofs |= runs.drop_jobs(execute, batch, oks)
    if proofs:
        yield from _drop_proofs(execute, sorted(proofs), store_bytes // len(proofs))
    if dropped:
        execute(
            "UPDATE kept SET ended = ended - ?, log_bytes = log_bytes - ?, store_bytes = store_bytes - ?, last_row = max(last_row, ?)",
            (len(dropped), sum(one.log_bytes for one in dropped), store_bytes, last_row),
        )
    if write.events_upto:
        execute("DELETE FROM events WHERE seq <= ?", (write.events_upto,))
        execute("UPDATE kept SET first_seq = max(first_seq, ?)", (write.events_upto + 1,))
    write.result = dropped


def _drop_placed(execute: _Execute, key: JobKey, row: int) -> None:
    """Delete where attempts were placed; for attempts with logs, that is kept until the logs are gone."""
    execute(
        "INSERT OR REPLACE INTO leftover_machines SELECT owner, id, attempt, machine FROM leftovers"
        " JOIN placements ON placements.n = leftovers.attempt WHERE owner = ? AND id = ? AND placements.job = ?",
        (*key, row),
    )
    execute("DELETE FROM placements WHERE job = ?", (row,))


def _drop_attempts(execute: _Execute, key: JobKey, row: int) -> list[tuple[AttemptKey, int, int, int]]:
    """Delete the attempts before the last one; return their runs."""
    found = execute("SELECT n, pid, started_at, ended_at FROM attempts WHERE job = ? ORDER BY n", (row,)).fetchall()
    execute("DELETE FROM attempts WHERE job = ?", (row,))
    return [(AttemptKey(*key, attempt), *run) for attempt, *run in found]

"""Runs of batches: how many jobs each has and how they ended, stored with the run, so that nobody has to count its jobs.

Ended jobs are counted in the commit of their end. How many have a process is not stored: an index finds these, and there are at most as
many as slots.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from .....schemas.jobs.states import OnFailure
from .....schemas.naming import ID_BYTES, format_id, prefix_of
from .....schemas.refusal import Code, Reason, Refused
from ....jobs.ends import Ends
from ....jobs.job import BatchRun, RunKey
from ....writes.jobs import Change
from ...selection import Place
from .. import edges
from . import staged_rows

# Of each run, the jobs that ran longest are known. One that is forgotten leaves a gap.
MOST_LONGEST = 10
# Of several that a text can mean.
_MOST_SHOWN = 5

_BATCH = "id, name, parallel, on_failure, broken_by, on_finish, is_finished, ends_ok, ends_failed, ends_cancelled, ends_stopped"
_COLUMNS = f"row, owner, jobs, ok, failed, queued_at, ended_at, longest, {_BATCH}"
_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]


class Run(NamedTuple):
    """A run, and the counts of its jobs that were not forgotten. Times are in microseconds UTC; `ended_at_us`: of the latest end."""

    row: int
    owner: bytes
    batch: BatchRun
    jobs: int
    running: int
    ok: int
    failed: int
    queued_at_us: int
    ended_at_us: int
    # Rows of the jobs that ran longest and have ended, the longest first.
    longest: Sequence[int]

    @property
    def queued(self) -> int:
        """How many jobs wait for their start."""
        return max(0, self.jobs - self.ok - self.failed - self.running)


class RunPage(NamedTuple):
    """Runs, newest first, and the place after which more may follow."""

    runs: Sequence[Run]
    onward: Place | None


def add_jobs(execute: _Execute, owner: bytes, batch: BatchRun, jobs: int, queued_at_us: int, proof: int) -> tuple[int, BatchRun]:
    """Add jobs to a run, which is created if there is none; return its row, and the run as it was first submitted. `proof`: its row."""
    execute(
        "INSERT INTO batches (owner, id, name, parallel, on_failure, jobs, queued_at, on_finish, finish_proof)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, id) DO UPDATE SET jobs = jobs + excluded.jobs",
        (
            *(owner, batch.id, batch.name, batch.parallel, batch.on_failure, jobs, queued_at_us),
            *((batch.on_finish, proof) if batch.on_finish else (None, None)),
        ),
    )
    row, *run = execute(f"SELECT row, {_BATCH} FROM batches WHERE owner = ? AND id = ?", (owner, batch.id)).fetchone()  # noqa: S608 -- our own text
    return int(row), _read_batch(run)


def jobs_of(execute: _Execute, owner: bytes, run: bytes) -> int:
    """Return how many jobs a run has; 0 if there is none."""
    found = execute("SELECT jobs FROM batches WHERE owner = ? AND id = ?", (owner, run)).fetchone()
    return int(found[0]) if found is not None else 0


def unfinished(read: _Read) -> list[tuple[bytes, BatchRun]]:
    """Return the runs, each with its owner, whose `on_finish` was not queued."""
    rows = read(
        f"SELECT owner, {_BATCH} FROM batches INDEXED BY batches_unfinished WHERE on_finish IS NOT NULL AND is_finished = 0",  # noqa: S608 -- our own text
        (),
    )
    return [(owner, _read_batch(run)) for owner, *run in rows]


def _read_batch(columns: Sequence[Any]) -> BatchRun:
    run, name, parallel, on_failure, broken_by, on_finish, is_finished, *ends = columns
    return BatchRun(run, name, parallel, OnFailure(on_failure), broken_by, on_finish or b"", bool(is_finished), Ends(*ends))


def record_ends(execute: _Execute, run: RunKey, ended: Sequence[Change]) -> None:
    """Count jobs of a run that have ended."""
    ok = sum(bool(change.ok) for change in ended)
    row, kept = execute("SELECT row, longest FROM batches WHERE owner = ? AND id = ?", run).fetchone()
    ran = [(change.ended_at_us - change.started_at_us, change.row) for change in ended if change.started_at_us]
    ends = reduce(Ends.plus, (change.end for change in ended))
    longest = _write_longest(sorted([*_read_longest(kept), *ran], reverse=True)[:MOST_LONGEST])
    execute(
        "UPDATE batches SET ok = ok + ?, failed = failed + ?, ended_at = max(ended_at, ?), longest = ?, ends_ok = ends_ok + ?,"
        " ends_failed = ends_failed + ?, ends_cancelled = ends_cancelled + ?, ends_stopped = ends_stopped + ? WHERE row = ?",
        (ok, len(ended) - ok, max(change.ended_at_us for change in ended), longest, *ends, row),
    )


def drop_jobs(execute: _Execute, batch: int, oks: Sequence[int]) -> set[int]:
    """Uncount forgotten jobs of a run, given whether each succeeded, and drop the run after the last one; return its proofs.

    The `on_finish` job is kept as long as the others, and keeps the run; so do jobs that are still to come.
    """
    ok = sum(oks)
    execute("UPDATE batches SET jobs = jobs - ?, ok = ok - ?, failed = failed - ? WHERE row = ?", (len(oks), ok, len(oks) - ok, batch))
    gone = execute(
        "SELECT change_proof, finish_proof, owner, id FROM batches WHERE row = ? AND jobs <= 0"
        " AND NOT EXISTS (SELECT 1 FROM jobs WHERE batch = ?)"
        " AND NOT EXISTS (SELECT 1 FROM staged_runs AS its WHERE its.owner = batches.owner AND its.id = batches.id AND NOT its.is_whole)",
        (batch, batch),
    ).fetchone()
    if gone is None:
        return set()
    edges.forget_groups(execute, batch)
    execute("DELETE FROM batches WHERE row = ?", (batch,))
    *proofs, owner, run = gone
    staged_rows.forget(execute, owner, run)
    return set(proofs) - {None}


def find(read: _Read, owner: bytes, run: bytes, name: str) -> Run | None:
    """Return the run with this id, or the newest run with this name; of one owner, or (empty) of any. None if there is none.

    A text that is no run's name can be the beginning of an id. Raises Refused as `begun_by` does.
    """
    conditions = [(value, condition) for value, condition in ((owner, "owner = ?"), (run, "id = ?"), (name, "name = ?")) if value]
    where = " AND ".join(condition for _, condition in conditions)
    rows = read(
        f"SELECT {_COLUMNS} FROM batches WHERE {where} ORDER BY queued_at DESC, row DESC LIMIT 1",  # noqa: S608 -- our own texts
        [value for value, _ in conditions],
    )
    if not rows and not run:
        # Of several members that have a run of this id, the first.
        for number in begun_by(read, owner, name)[:1]:
            rows = read(f"SELECT {_COLUMNS} FROM batches WHERE row = ?", (number,))  # noqa: S608 -- our own texts
    if not rows:
        return None
    of_run = "state IN (2, 3) AND batch = ? AND is_finish IS NULL"
    ((running,),) = read(f"SELECT count(*) FROM jobs INDEXED BY jobs_running WHERE {of_run}", (rows[0][0],))  # noqa: S608 -- our own text
    return _read_run(rows[0], running)


# Which index has the runs of an owner, of a name, or of both in their order.
_ORDERS = {
    (False, False): "batches_by_queue",
    (True, False): "batches_by_queue_of_owner",
    (False, True): "batches_by_name",
    (True, True): "batches_by_name_of_owner",
}


def page(read: _Read, owner: bytes, name: str, after: Place | None, limit: int) -> RunPage:
    """Return at most this many runs, newest first, of one owner or (empty) of any, with one name or (empty) any."""
    conditions: list[tuple[Sequence[object], str]] = [
        ([value], text) for value, text in ((name, "name = ?"), (owner, "owner = ?")) if value
    ]
    if after is not None:
        conditions.append((after, "(queued_at, row) < (?, ?)"))
    where = f"WHERE {' AND '.join(text for _, text in conditions)} " if conditions else ""
    rows = read(
        f"SELECT {_COLUMNS} FROM batches INDEXED BY {_ORDERS[bool(owner), bool(name)]} {where}"  # noqa: S608 -- our own texts
        f"ORDER BY queued_at DESC, row DESC LIMIT {limit + 1}",
        [value for values, _ in conditions for value in values],
    )
    # Of all runs at once: there are no more such jobs than slots.
    running: dict[int, int] = dict(
        read("SELECT batch, count(*) FROM jobs INDEXED BY jobs_running WHERE state IN (2, 3) AND is_finish IS NULL GROUP BY batch", ())
    )
    found = [_read_run(row, running.get(row[0], 0)) for row in rows[:limit]]
    return RunPage(found, Place(found[-1].queued_at_us, found[-1].row) if len(rows) > limit else None)


def _read_run(columns: Sequence[Any], running: int) -> Run:
    row, whose, jobs, ok, failed, queued_at, ended_at, longest, *batch = columns
    return Run(
        row,
        whose,
        _read_batch(batch),
        jobs,
        running,
        ok,
        failed,
        queued_at,
        ended_at,
        [job for _, job in _read_longest(longest)],
    )


def begun_by(read: _Read, owner: bytes, text: str) -> list[int]:
    """Return the rows of the run whose id begins with this; of one owner, or (empty) of any: several members may have a run with this id.

    Raises Refused(INVALID_ARGUMENT) with the reason AMBIGUOUS if it is the beginning of several ids.
    """
    prefix = prefix_of(text)
    if prefix is None:
        return []
    low, high = (bytes.fromhex(prefix.ljust(2 * ID_BYTES, fill)) for fill in "0f")
    own, values = (" AND owner = ?", [low, high, owner]) if owner else ("", [low, high])
    rows = read(f"SELECT row, id FROM batches WHERE id BETWEEN ? AND ?{own} LIMIT {_MOST_SHOWN + 1}", values)  # noqa: S608 -- our own texts
    ids = [format_id(run) for run in dict.fromkeys(run for _, run in rows)]
    if len(ids) > 1:
        shown = ", ".join(ids[:_MOST_SHOWN]) + (", ..." if len(ids) > _MOST_SHOWN else "")
        message = f"{text!r} is the beginning of the ids of several runs: {shown}"
        raise Refused(Code.INVALID_ARGUMENT, message, "type more of it", reason=Reason.AMBIGUOUS)
    return [row for row, _ in rows]


def _read_longest(text: str) -> list[tuple[int, int]]:
    pairs = (pair.split() for pair in text.split(",") if pair)
    return [(int(lasted), int(row)) for lasted, row in pairs]


def _write_longest(longest: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{lasted} {row}" for lasted, row in longest)

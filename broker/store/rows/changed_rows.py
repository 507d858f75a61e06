"""Changes of existing jobs (they advance, end, or are altered), of the widths of their runs, and of the capacity for jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from ....schemas.jobs.states import State
from ...writes.jobs import CapacityChange, Change, ChangeJobs, EventRow, Width
from . import ended_rows, envelopes

_Execute = Callable[..., sqlite3.Cursor]

# Each sets no column that stays as it is: that would write the pages of its indexes again. Of a job that goes on; of one that ends, with
# its start, or without it if that is recorded already; and the order to stop it.
_GO_ON = "UPDATE jobs SET state = ?, launched = ?, attempt = ?, pid = ?, started_at = ?, aged_from = ? WHERE row = ?"
# What was set beside the spec of a job, alone or of one that goes on: a request alters some hundreds, in one piece.
_ALTERED = (
    "priority = ?, held_by = ?, limit_proof = CASE WHEN time_limit IS ? THEN limit_proof ELSE ? END, time_limit = ?, change_proof = ?"
)
_ALTER = f"UPDATE jobs SET {_ALTERED} WHERE row = ?"  # noqa: S608 -- constants
_GO_ON_ALTERED = f"UPDATE jobs SET {_ALTERED}, state = ?, launched = ?, attempt = ?, pid = ?, started_at = ?, aged_from = ? WHERE row = ?"  # noqa: S608 -- constants
_END = "UPDATE jobs SET state = ?, launched = ?, attempt = ?, ended_at = ?, aged_from = ?, outcome = ?, log_bytes = ?, ok = ?"
_END_STARTED = f"{_END} WHERE row = ?"
_END_WITH_START = f"{_END}, pid = ?, started_at = ? WHERE row = ?"
_STOP_JOB = "UPDATE jobs SET stop = coalesce(?, stop), stop_proof = coalesce(?, stop_proof), store_bytes = store_bytes + ? WHERE row = ?"
# It changes no column that an index contains, so it costs a third of one that does.
_LAUNCH_JOB = "UPDATE jobs SET launched = 1 WHERE row = ?"
_INSERT_ATTEMPT = "INSERT INTO attempts (job, n, pid, started_at, ended_at, outcome, log_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)"
_HAND_OUT = "UPDATE jobs SET gpus = ? WHERE row = ?"
_FREE = "DELETE FROM placements WHERE job = ? AND n = ?"
_PLACE = "INSERT OR REPLACE INTO placements (job, n, machine) VALUES (?, ?, ?)"
_AWAIT_HASHES = "INSERT OR IGNORE INTO unhashed (job, n) VALUES (?, ?)"


def record(connection: sqlite3.Connection, write: ChangeJobs) -> list[EventRow]:  # noqa: C901, PLR0912 -- a test for each thing that most jobs do not have, and no call for it
    """Record all changes, and return the events about them."""
    execute = connection.execute
    if write.launched or write.freed:
        _launch(connection, write)
    # A stop of many jobs has one proof.
    proofs: dict[bytes, int] = {}
    going_on: list[tuple[object, ...]] = []
    ended_started: list[tuple[object, ...]] = []
    ended_with_start: list[tuple[object, ...]] = []
    stopped: list[tuple[object, ...]] = []
    events: list[EventRow] = []
    altered: list[Change] = []
    ended: list[Change] = []
    for change in write.changes:
        events += change.events
        if change.altered is not None:
            altered.append(change)
        if change.state == State.FINISHED:
            ended.append(change)
        if change.retried is not None:
            connection.executemany(_INSERT_ATTEMPT, [(change.row, *attempt) for attempt in change.retried.attempts])
            execute("UPDATE jobs SET not_before = ? WHERE row = ?", (change.retried.not_before_us, change.row))
        if change.stop is not None or change.stop_proof is not None:
            stopped.append(_stopped(execute, change, proofs, len(write.changes)))
        state, launched, attempt, started = change.state, change.launched, change.attempt, (change.pid, change.started_at_us)
        if change.ok is None:
            if change.altered is None:
                going_on.append((state, launched, attempt, *started, change.aged_from_us, change.row))
            continue
        end = (state, launched, attempt, change.ended_at_us, change.aged_from_us, change.outcome, change.log_bytes, change.ok)
        if change.is_start_recorded:
            ended_started.append((*end, change.row))
        else:
            ended_with_start.append((*end, *started, change.row))
    of_kinds = ((_GO_ON, going_on), (_END_STARTED, ended_started), (_END_WITH_START, ended_with_start), (_STOP_JOB, stopped))
    for statement, rows in of_kinds:
        if rows:
            connection.executemany(statement, rows)
    if write.unhashed:
        connection.executemany(_AWAIT_HASHES, write.unhashed)
    if altered:
        _alter(connection, altered)
    for width in write.widths:
        _widen(execute, width)
    for run, why in write.broken:
        execute("UPDATE batches SET broken_by = ? WHERE owner = ? AND id = ?", (why, *run))
    if write.capacity is not None:
        _set_capacity(connection, write.capacity)
    if ended:
        ended_rows.count(execute, ended)
    return events


def _stopped(execute: _Execute, change: Change, proofs: dict[bytes, int], changes: int) -> tuple[object, ...]:
    """Return the parameters of `_STOP_JOB`; a stop of many jobs is recorded for all of them in one write, with one proof."""
    proof = change.stop_proof
    if proof is not None and proof not in proofs:
        proofs[proof] = envelopes.add(execute, proof)
    row_of_proof, proof_bytes = (proofs[proof], len(proof) // changes) if proof is not None else (None, 0)
    return change.stop, row_of_proof, proof_bytes, change.row


def _alter(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    execute = connection.execute
    numbers = ", ".join(str(change.row) for change in changes)
    before = execute(f"SELECT change_proof, limit_proof FROM jobs WHERE row IN ({numbers})").fetchall()  # noqa: S608 -- numbers
    proofs: dict[bytes, int] = {}
    ended: list[tuple[object, ...]] = []
    going_on: list[tuple[object, ...]] = []
    for change in changes:
        if change.altered is None:
            continue
        priority, held_by, time_limit, proof = change.altered
        if proof not in proofs:
            proofs[proof] = envelopes.add(execute, proof)
        row_of_proof = proofs[proof]
        said = (priority, held_by, time_limit, row_of_proof, time_limit, row_of_proof)
        if change.ok is not None:
            ended.append((*said, change.row))
        else:
            process = change.attempt, change.pid, change.started_at_us
            going_on.append((*said, change.state, change.launched, *process, change.aged_from_us, change.row))
    _run_for_each(connection, _ALTER, ended)
    _run_for_each(connection, _GO_ON_ALTERED, going_on)
    envelopes.drop_unused(execute, {proof for row in before for proof in row} - {None})


def _widen(execute: _Execute, width: Width) -> None:
    before = execute("SELECT change_proof FROM batches WHERE owner = ? AND id = ?", width.run).fetchone()
    proof = envelopes.add(execute, width.proof)
    execute("UPDATE batches SET parallel = ?, change_proof = ? WHERE owner = ? AND id = ?", (width.parallel, proof, *width.run))
    envelopes.drop_unused(execute, {before[0]} - {None} if before else {proof})


def _set_capacity(connection: sqlite3.Connection, change: CapacityChange) -> None:
    if change.reset:
        connection.execute("DELETE FROM capacity")
    rows = [(name, value, change.proof) for name, value in change.rows]
    _run_for_each(connection, "INSERT OR REPLACE INTO capacity (name, value, proof) VALUES (?, ?, ?)", rows)


def _launch(connection: sqlite3.Connection, write: ChangeJobs) -> None:
    _run_for_each(connection, _LAUNCH_JOB, [(row,) for row in write.launched])
    _run_for_each(connection, _HAND_OUT, [(",".join(gpus), row) for row, gpus in write.handed_out])
    _run_for_each(connection, _FREE, write.freed)
    _run_for_each(connection, _PLACE, write.placed)


def _run_for_each(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        connection.executemany(statement, rows)

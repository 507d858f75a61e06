"""Which jobs wait for which: statements that add edges, read them after a restart, and keep what matters of forgotten targets.

The target of an edge is the row of a job, or the negative number of a row of job_groups; 0 is a target that can never be reached any more.
An edge counts until its job is launched for the first time, and is removed with the job. Whether its condition holds is not stored: the row
of the target says so, and when that is removed, it is stored in the edge.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....schemas.generated import job_pb2
from ....schemas.jobs.conditions import After, Condition, Fate, base_of, described, holds
from ....schemas.jobs.states import State
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.wire_codec import outcome_from_wire
from ...jobs.targets import FORGOTTEN, Edge, End, GroupKey, end_of
from ...writes.jobs import NewRow
from .tombstones import mark_of

_NEVER = 0
_INSERT_EDGE = "INSERT OR IGNORE INTO edges (job, target, condition) VALUES (?, ?, ?)"
# Each target that is looked up takes some 20 us, and each edge 5.
_TARGETS_A_STEP = 100
_EDGES_A_STEP = 400
_FAILURES = "SELECT id, name, outcome FROM jobs WHERE batch = ? AND ok = 0 AND row <= ? AND is_finish IS NULL ORDER BY queued_at"
_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., Sequence[tuple[Any, ...]]]


class Found(NamedTuple):
    """A target in the store. `upto`: for a group, the last row that counts; None: that of the jobs that wait for it."""

    row: int
    end: End | None
    upto: int | None = None


Targets = Mapping[After, Found]


def targets_of(
    execute: _Execute, jobs: Sequence[NewRow], fresh: Sequence[int], run: bytes, groups_upto: int | None = None
) -> Generator[None, None, Targets | Refused]:
    """Return the targets in the store that the new jobs at these positions wait for; or why one of them is invalid.

    In steps of a few milliseconds.

    `run`: the run that they join, if there is one. `groups_upto`: they are a slice of a run that was committed when this was the last row.
    Their targets were known when they were staged, and are not refused any more: one that was forgotten since is never reached.
    """
    new = {jobs[position].key.id for position in fresh}
    names = {"", *(name for position in fresh for name in (jobs[position].name, base_of(jobs[position].name)))} if run else set()
    found: dict[After, Found] = {}
    for position in fresh:
        for after in jobs[position].after:
            is_slice = groups_upto is not None
            if after in found or after.job in new or (after.run and after.run == run and (is_slice or after.name in names)):
                continue
            owner = jobs[position].key.owner
            if len(found) % _TARGETS_A_STEP == _TARGETS_A_STEP - 1:
                yield
            target = find_target(execute, owner, after)
            if target is None and not is_slice:
                return unknown(after, position, execute, owner)
            found[after] = Found(_NEVER, FORGOTTEN) if target is None else target._replace(upto=groups_upto)
    return found


def add(
    connection: sqlite3.Connection,
    jobs: Sequence[NewRow],
    rows: Sequence[int],
    fresh: Sequence[int],
    found: Targets,
    slice_of: bytes = b"",
) -> Generator[None, None, dict[int, list[Edge]]]:
    """Add the edges of new jobs, which have their rows, and return them by position; in steps of a few milliseconds.

    `slice_of`: the committed run that they are a slice of. Groups of that run are shared with earlier slices: its jobs were staged before,
    so all of them had their rows by then.
    """
    by_id = {job.key.id: position for position, job in enumerate(jobs)}
    groups: dict[After, tuple[int, GroupKey, End | None]] = {}
    upto = max(rows)
    added: list[tuple[int, int, int]] = []
    edges: dict[int, list[Edge]] = {}
    for position in fresh:
        job = jobs[position]
        if len(added) >= _EDGES_A_STEP:
            connection.executemany(_INSERT_EDGE, added)
            added.clear()
            yield
        for after in job.after:
            if after in found and found[after].end is FORGOTTEN:
                added.append((rows[position], _NEVER, Condition.OK))
                edge = Edge(JobKey(job.key.owner, b""), Condition.OK, FORGOTTEN)
            elif after.run:
                # The condition is another thing than the group.
                group = after._replace(condition=Condition.ANY)
                if group not in groups:
                    known_upto = found[after].upto if after in found else None
                    groups[group] = _add_group(connection.execute, job.key.owner, after, known_upto or upto, slice_of)
                number, key, failure = groups[group]
                added.append((rows[position], -number, after.condition))
                edge = Edge(key, after.condition, failure)
            else:
                target = found.get(after)
                row = target.row if target is not None else rows[by_id[after.job]]
                added.append((rows[position], row, after.condition))
                edge = Edge(JobKey(job.key.owner, after.job), after.condition, target.end if target is not None else None)
            edges.setdefault(position, []).append(edge)
    connection.executemany(_INSERT_EDGE, added)
    return edges


def of(read: _Read, jobs: Sequence[int]) -> dict[JobKey, list[Edge]]:
    """Return the edges of the jobs in these rows that have not been launched."""
    numbers = ", ".join(map(str, jobs))
    rows = read(
        "SELECT jobs.owner, jobs.id, edges.target, edges.condition, its.owner, its.id, its.state, its.name, its.outcome"  # noqa: S608 -- numbers
        " FROM edges CROSS JOIN jobs ON jobs.row = edges.job LEFT JOIN jobs AS its ON its.row = edges.target"
        f" WHERE edges.job IN ({numbers}) AND jobs.ok IS NULL AND jobs.state = 1 AND jobs.launched = 0 AND jobs.attempt = 1"
    )
    groups: dict[int, Edge] = {}
    edges: dict[JobKey, list[Edge]] = {}
    for owner, job_id, target, condition, its_owner, its_id, state, name, outcome in rows:
        if target < 0:
            if target not in groups:
                groups[target] = _read_group(read, -target)
            edge = groups[target]._replace(condition=Condition(condition))
        elif its_id is None:
            edge = Edge(JobKey(owner, b""), Condition.OK, FORGOTTEN)
        else:
            edge = Edge(JobKey(its_owner, its_id), Condition(condition), _end(its_id, state, name, outcome))
        edges.setdefault(JobKey(owner, job_id), []).append(edge)
    return edges


def forget(execute: _Execute, row: int, batch: int | None) -> None:
    """Remove the edges of a job that is about to be forgotten, and those to it. A group of which it was a failed member remembers that."""
    execute("DELETE FROM edges WHERE job = ?", (row,))
    waiting = execute("SELECT job, condition FROM edges WHERE target = ?", (row,)).fetchall()
    groups = execute("SELECT row, name FROM job_groups WHERE batch = ? AND failed IS NULL AND upto >= ?", (batch, row)).fetchall()
    if not (waiting or groups):
        return
    job_id, state, name, outcome = execute("SELECT id, state, name, outcome FROM jobs WHERE row = ?", (row,)).fetchone()
    end = _end(job_id, state, name, outcome)
    _forget_target(execute, row, waiting, end)
    for number, group in groups:
        if end is not None and end.fate is Fate.FAILED and group in {"", name, base_of(name)}:
            execute("UPDATE job_groups SET failed = ? WHERE row = ?", (end.why, number))


def forget_groups(execute: _Execute, batch: int) -> None:
    """Remove the groups of a run without jobs."""
    for number, failed in execute("SELECT row, failed FROM job_groups WHERE batch = ?", (batch,)).fetchall():
        waiting = execute("SELECT job, condition FROM edges WHERE target = ?", (-number,)).fetchall()
        _forget_target(execute, -number, waiting, End(Fate.OK if failed is None else Fate.FAILED, failed or ""))
        execute("DELETE FROM job_groups WHERE row = ?", (number,))


def _forget_target(execute: _Execute, target: int, waiting: Iterable[tuple[int, int]], end: End | None) -> None:
    """Remove the edges to a target. A job that was to be cancelled because of it must not start after a crash."""
    for job, condition in waiting:
        if end is not None and not holds(Condition(condition), end.fate):
            execute("INSERT OR IGNORE INTO edges (job, target, condition) VALUES (?, ?, ?)", (job, _NEVER, condition))
    execute("DELETE FROM edges WHERE target = ?", (target,))


def find_target(execute: _Execute, owner: bytes, after: After) -> Found | None:
    """Return the target of a condition; None if it is not in the store."""
    return _find_job(execute, owner, after) if after.job else _find_group(execute, owner, after)


def _find_job(execute: _Execute, owner: bytes, after: After) -> Found | None:
    found = execute("SELECT row, state, name, outcome FROM jobs WHERE owner = ? AND id = ?", (owner, after.job)).fetchone()
    return Found(found[0], _end(after.job, *found[1:])) if found is not None else None


def _find_group(execute: _Execute, owner: bytes, after: After) -> Found | None:
    batch = execute("SELECT row FROM batches WHERE owner = ? AND id = ?", (owner, after.run)).fetchone()
    if batch is None:
        return None
    names = execute("SELECT name FROM jobs WHERE batch = ? AND is_finish IS NULL", batch) if after.name else iter([("",)])
    return Found(0, None) if any(after.name in {"", name, base_of(name)} for (name,) in names) else None


def _add_group(execute: _Execute, owner: bytes, after: After, upto: int, slice_of: bytes) -> tuple[int, GroupKey, End | None]:
    """Add a group; slices of one run share one, which is not shared with jobs submitted in between."""
    ((batch,),) = execute("SELECT row FROM batches WHERE owner = ? AND id = ?", (owner, after.run))
    known = (
        execute(
            "SELECT row, upto FROM job_groups WHERE batch = ? AND name = ? AND slice_of = ? AND failed IS NULL",
            (batch, after.name, slice_of),
        ).fetchone()
        if slice_of
        else None
    )
    if known is not None:
        number, upto = known
    else:
        number = (
            execute(
                "INSERT INTO job_groups (batch, name, upto, slice_of) VALUES (?, ?, ?, ?)", (batch, after.name, upto, slice_of)
            ).lastrowid
            or 0
        )
    failures = execute(_FAILURES, (batch, upto))
    return number, GroupKey(owner, after.run, after.name, upto), _first_failure(failures, after.name)


def _read_group(read: _Read, number: int) -> Edge:
    ((batch, name, upto, failed, owner, run),) = read(
        "SELECT batch, job_groups.name, upto, job_groups.failed, owner, id FROM job_groups JOIN batches ON batches.row = batch"
        " WHERE job_groups.row = ?",
        (number,),
    )
    if failed is not None:
        return Edge(GroupKey(owner, run, name, upto), Condition.ANY, End(Fate.FAILED, failed))
    failures = read(_FAILURES, (batch, upto))
    return Edge(GroupKey(owner, run, name, upto), Condition.ANY, _first_failure(failures, name))


def _first_failure(failures: Iterable[tuple[bytes, str, bytes]], name: str) -> End | None:
    return next(_ends(failures, name), None)


def _ends(failures: Iterable[tuple[bytes, str, bytes]], name: str) -> Iterator[End]:
    for job_id, its_name, outcome in failures:
        end = _end(job_id, State.FINISHED, its_name, outcome) if name in {"", its_name, base_of(its_name)} else None
        if end is not None:
            yield end


def _end(job_id: bytes, state: int, name: str, outcome: bytes | None) -> End | None:
    if state != State.FINISHED:
        return None
    return end_of(job_id, name, outcome_from_wire(job_pb2.Outcome.FromString(outcome or b"")))


def unknown(after: After, position: int, execute: _Execute, owner: bytes) -> Refused:
    """Return the refusal of a job whose target is unknown."""
    mark = mark_of(JobKey(owner, after.job)) if after.job else b""
    if mark and execute("SELECT 1 FROM tombstones WHERE mark = ?", (mark,)).fetchone():
        message = f"the job {format_id(after.job)}, which it is to wait for, has ended and was forgotten, including how it ended"
        return Refused(Code.NOT_FOUND, message, "leave that condition out", position, Reason.FORGOTTEN)
    message = f"there is nothing to wait for: {described(after)} is not known to this worker as yours"
    return Refused(Code.NOT_FOUND, message, "list your jobs", position, Reason.NO_SUCH_JOB)

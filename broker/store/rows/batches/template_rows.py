"""The statements about batches that schedules start, inside the caller's transaction.

Such a batch is staged like others (staged_rows.py), but never committed: it stays, and each scheduled time adds one row, the run. The jobs
of that run are made from the staged ones, slice by slice. The batch is removed with its schedule, but only after its last run was
forgotten: until then it proves their jobs.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from .....schemas.batches.parts import KeptJob, split
from .....schemas.naming import JobKey, finish_job_id, format_id, scheduled_job_id
from .....schemas.refusal import Code, Reason, Refused
from ....jobs.job import RunKey
from ....writes.schedules import AddSchedule
from ....writes.staged import FILES_OF_PARTS, Committed, DropTemplate, Part, Pending, StartRun, Template
from .. import envelopes
from ..tombstones import mark_of

_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., Sequence[tuple[Any, ...]]]
_UNUSED = -1
_COPIED_PARTS = "number, jobs, content, hashes, hash, spec_bytes, priority, nice, queued, claims"


class Origin(NamedTuple):
    """The staged form of a job in a scheduled run, with the hashes of its part, and the scheduled time."""

    due_us: int
    job_id: bytes = b""
    spec: bytes = b""
    hashes: bytes = b""


def find_problem(execute: _Execute, write: AddSchedule) -> Refused | None:
    """Return why a schedule cannot start the batch that it names; None if it can."""
    run = RunKey(write.schedule.owner, write.staged)
    found = execute("SELECT row, schedule FROM staged_runs WHERE owner = ? AND id = ?", run).fetchone()
    row, schedule = found or (0, 0)
    if found is not None and schedule != 0:
        message = f"the id {format_id(write.staged)} belongs to another batch"
        return Refused(Code.ALREADY_EXISTS, message, "stage the batch under another id", reason=Reason.ID_TAKEN)
    staged = [one for (one,) in execute("SELECT hash FROM staged_parts WHERE run = ? ORDER BY number", (row,))]
    if staged == list(write.parts):
        return None
    if len(staged) < len(write.parts) and list(write.parts[: len(staged)]) == staged:
        message = f"{len(staged)} of {len(write.parts)} parts of the batch of the schedule are staged"
        return Refused(Code.FAILED_PRECONDITION, message, "stage the others first", reason=Reason.PART_MISSING)
    message = "the parts of the batch that are staged are others than those of the schedule"
    return Refused(Code.ALREADY_EXISTS, message, "stage the batch under another id", reason=Reason.ID_TAKEN)


def adopt(execute: _Execute, write: AddSchedule, schedule: int) -> None:
    """Keep the batch that a schedule starts."""
    proof = envelopes.add(execute, write.schedule.proof)
    run = (write.schedule.owner, write.staged)
    execute("UPDATE staged_runs SET schedule = ?, proof = ?, is_whole = 1 WHERE owner = ? AND id = ?", (schedule, proof, *run))


def read_template(read: _Read, schedule: int) -> Template | None:
    """Return the batch of a schedule; None if it has none."""
    runs = read("SELECT row, jobs, left_bytes FROM staged_runs WHERE schedule = ?", (schedule,))
    if not runs:
        return None
    row, jobs, spec_bytes = runs[0]
    highest, lowest = 0, 0
    claims: dict[bytes, None] = {}
    for content, priority, nice, positions in read("SELECT content, priority, nice, claims FROM staged_parts WHERE run = ?", (row,)):
        highest, lowest = max(highest, priority), min(lowest, nice)
        wanted = set(map(int, positions.split()))
        claims.update((job.spec, None) for position, job in enumerate(split(content)) if position in wanted)
    return Template(row, jobs, spec_bytes, highest, lowest, list(claims))


def start(execute: _Execute, write: StartRun, last_row: int) -> None:
    """Add a run; the result is filled in. `last_row`: of any job."""
    run = RunKey(write.owner, write.batch.id)
    known = execute("SELECT row, jobs FROM staged_runs WHERE owner = ? AND id = ?", run).fetchone()
    if known is not None or execute("SELECT 1 FROM batches WHERE owner = ? AND id = ?", run).fetchone():
        row, jobs = known or (0, 0)
        write.result = Committed(row, jobs, is_known=True)
        return
    # Of a run that is not known, all jobs were forgotten, or there was none.
    staged = execute("SELECT id FROM staged_ids WHERE run = ? LIMIT 1", (write.template,)).fetchone()
    if staged is not None and _is_forgotten(execute, JobKey(write.owner, scheduled_job_id(write.batch.id, staged[0]))):
        message = f"the run {format_id(write.batch.id)} has ended and was forgotten; it is never started again"
        write.result = Refused(Code.ALREADY_EXISTS, message, "use a new id", reason=Reason.FORGOTTEN)
        return
    if write.shortage is not None:
        write.result = write.shortage
        return
    proof = envelopes.add(execute, write.proof) if write.proof else None
    batch = write.batch
    row = execute(
        "INSERT INTO staged_runs (owner, id, parts, jobs, left, left_bytes, aged_from, proof, groups_upto, name, parallel, on_failure,"
        " template, due) SELECT owner, ?, parts, jobs, jobs, left_bytes, 0, coalesce(?, proof), ?, ?, ?, ?, row, ? FROM staged_runs"
        " WHERE row = ?",
        (batch.id, proof, last_row, batch.name, batch.parallel, batch.on_failure, write.due_us, write.template),
    ).lastrowid
    (jobs,) = execute("SELECT jobs FROM staged_runs WHERE row = ?", (row,)).fetchone()
    write.result = Committed(int(row or 0), jobs, is_known=False)


def _is_forgotten(execute: _Execute, key: JobKey) -> bool:
    return execute("SELECT 1 FROM tombstones WHERE mark = ?", (mark_of(key),)).fetchone() is not None


def next_part(read: _Read, pending: Pending) -> Part | None:
    """Return the part of the batch from which the next jobs of a run are made; None if none is left."""
    rows = read(
        "SELECT its.number, its.content, run.at_job, its.number + 1 = run.parts FROM staged_runs AS run JOIN staged_parts AS its"
        " ON its.run = run.template AND its.number = run.at_part WHERE run.row = ?",
        (pending.row,),
    )
    if not rows:
        return None
    number, content, queued, is_final = rows[0]
    clean_up = read("SELECT job FROM staged_clean_up WHERE run = ? AND part = ?", (pending.template, number))
    return Part(number, content, queued, bool(is_final), frozenset(scheduled_job_id(pending.key.id, job) for (job,) in clean_up))


def origin_of(read: _Read, owner: bytes, run: bytes, job_id: bytes, row: int) -> Origin | None:
    """Return the origin of a job in a run; None if no schedule started the run. Without a job, it is that of the `on_finish`.

    `row`: of the job. The jobs of a run have rows in their order: the number of later ones gives its position, unless some were forgotten.
    """
    rows = read("SELECT template, due, jobs - left FROM staged_runs WHERE owner = ? AND id = ? AND template IS NOT NULL", (owner, run))
    if not rows:
        return None
    template, due_us, queued = rows[0]
    if job_id == finish_job_id(run):
        return Origin(due_us)
    ((behind,),) = read("SELECT count(*) FROM jobs WHERE batch = (SELECT batch FROM jobs WHERE row = ?) AND row > ?", (row, row))
    parts = read("SELECT number, jobs FROM staged_parts WHERE run = ? ORDER BY number", (template,))
    for number in nearest_first([jobs for _, jobs in parts], queued - 1 - behind):
        # One after the other: to make all ids of a large batch takes a second.
        ((content, hashes),) = read("SELECT content, hashes FROM staged_parts WHERE run = ? AND number = ?", (template, number))
        for job in split(content):
            if scheduled_job_id(run, job.id) == job_id:
                return Origin(due_us, job.id, job.spec, hashes)
    return Origin(due_us)


def run_of(read: _Read, batch: int) -> tuple[bytes, int, int] | None:
    """Return the id of a run, the row of its batch, and the scheduled time; None if no schedule started it."""
    rows = read(
        "SELECT run.id, run.template, run.due FROM batches JOIN staged_runs AS run ON run.owner = batches.owner AND run.id = batches.id"
        " WHERE batches.row = ? AND run.template IS NOT NULL",
        (batch,),
    )
    return (bytes(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None


def jobs_of(read: _Read, template: int, number: int) -> Iterator[KeptJob]:
    """Iterate over the jobs of a part of a batch, as they were staged."""
    ((content,),) = read("SELECT content FROM staged_parts WHERE run = ? AND number = ?", (template, number))
    return split(content)


def nearest_first(parts: Sequence[int], position: int) -> Sequence[int]:
    """Return the numbers of parts, which have this many jobs each: first the one with this position, then those around it."""
    ends = list(accumulate(parts))
    found = min(bisect_right(ends, position), len(ends) - 1)
    return sorted(range(len(parts)), key=lambda number: abs(number - found))


def schedule_gone(execute: _Execute, schedule: int) -> None:
    """Record that the schedule of a batch was removed."""
    execute("UPDATE staged_runs SET schedule = ? WHERE schedule = ?", (_UNUSED, schedule))


def drop(execute: _Execute, write: DropTemplate) -> None:
    """Remove the last part of an unneeded batch, or such a batch without parts."""
    found = execute(
        "SELECT row, proof FROM staged_runs AS batch WHERE schedule = ?"
        " AND NOT EXISTS (SELECT 1 FROM staged_runs WHERE template = batch.row) LIMIT 1",
        (_UNUSED,),
    ).fetchone()
    if found is None:
        return
    write.more = True
    row, proof = found
    part = execute("SELECT row, number FROM staged_parts WHERE run = ? ORDER BY number DESC LIMIT 1", (row,)).fetchone()
    if part is not None:
        execute("DELETE FROM staged_parts WHERE row = ?", part[:1])
        execute("DELETE FROM files WHERE job = ?", (FILES_OF_PARTS - part[0],))
        execute("DELETE FROM staged_ids WHERE run = ? AND part = ?", (row, part[1]))
        execute("DELETE FROM staged_clean_up WHERE run = ? AND part = ?", (row, part[1]))
        return
    execute("DELETE FROM staged_runs WHERE row = ?", (row,))
    # Its jobs share it, and only those that share one are in an index by it.
    execute(
        "DELETE FROM proofs WHERE row = ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE proof = ? AND shares_proof IS NOT NULL)",
        (proof, proof),
    )


def is_to_be_dropped(read: _Read) -> bool:
    """Return whether there is a batch whose schedule was removed."""
    return bool(read("SELECT 1 FROM staged_runs WHERE schedule = ? LIMIT 1", (_UNUSED,)))


def copy(old: _Execute, new: _Execute, old_schedule: int, new_schedule: int) -> bool:
    """Copy the batch of a schedule from another store; return whether there is one, and all of it could be read."""
    found = old(
        "SELECT row, owner, id, parts, jobs, left_bytes, (SELECT envelope FROM proofs WHERE proofs.row = proof) FROM staged_runs"
        " WHERE schedule = ?",
        (old_schedule,),
    ).fetchone()
    if found is None:
        return False
    row, owner, run, parts, jobs, spec_bytes, envelope = found
    its = old(f"SELECT row, {_COPIED_PARTS} FROM staged_parts WHERE run = ? ORDER BY number", (row,)).fetchall()  # noqa: S608 -- our own text
    if len(its) != parts or any(part[3] is None for part in its):
        return False
    proof = envelopes.add(new, envelope or b"")
    copied = new(
        "INSERT INTO staged_runs (owner, id, parts, jobs, left, left_bytes, aged_from, proof, is_whole, schedule)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, 1, ?)",
        (owner, run, parts, jobs, jobs, spec_bytes, proof, new_schedule),
    ).lastrowid
    for part_row, *part in its:
        part_copied = new(
            f"INSERT INTO staged_parts (run, {_COPIED_PARTS}) VALUES (?, {', '.join('?' * len(part))})",  # noqa: S608 -- our own text
            (copied, *part),
        ).lastrowid
        for job in split(part[2]):
            staged = (owner, job.id, copied, part[0], job.digest)
            new("INSERT OR IGNORE INTO staged_ids (owner, id, run, part, digest) VALUES (?, ?, ?, ?, ?)", staged)
        for (digest,) in old("SELECT digest FROM files WHERE job = ?", (FILES_OF_PARTS - part_row,)):
            file = (owner, digest, FILES_OF_PARTS - int(part_copied or 0))
            new("INSERT OR IGNORE INTO files (owner, digest, job) VALUES (?, ?, ?)", file)
    for part_number, job_id, name in old("SELECT part, job, name FROM staged_clean_up WHERE run = ?", (row,)):
        new("INSERT INTO staged_clean_up (run, part, job, name) VALUES (?, ?, ?, ?)", (copied, part_number, job_id, name))
    return True

"""The statements about batches that are staged in parts, inside the caller's transaction.

Nothing else reads these tables, so staged jobs cannot be found, listed or run. Once a run is committed, its jobs become normal rows, slice
by slice; `staged_parts.queued` is the progress, updated in the commit of each slice. The hashes of the jobs stay with the run: together
with the request that committed it, they prove each job.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .....schemas.batches.parts import hash_of_part
from .....schemas.naming import JobKey, format_id
from .....schemas.refusal import Code, Reason, Refused
from ....jobs.clean_up import Before, Waiter, find_clean_up, groups_of
from ....jobs.job import RunKey
from ....writes.jobs import AddJobs
from ....writes.staged import FILES_OF_PARTS, CommitRun, Committed, DropPart, Dropped, Staged, StagedJob, StagePart
from .. import edges, envelopes, large_values
from ..tombstones import mark_of

_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., Sequence[tuple[Any, ...]]]
_AGAIN = "submit it as a new run, with another id"


def stage(connection: sqlite3.Connection, write: StagePart) -> Iterator[None]:
    """Stage a part, in steps if it is large; the result is filled in."""
    execute = connection.execute
    write.result = _refusal_of(execute, write)
    if write.result is not None:
        return
    execute(
        "INSERT INTO staged_runs (owner, id, aged_from, schedule) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (owner, id) DO UPDATE SET aged_from = excluded.aged_from",
        (*write.run, write.aged_from_us, 0 if write.for_schedule else None),
    )
    row, parts, jobs = execute("SELECT row, parts, jobs FROM staged_runs WHERE owner = ? AND id = ?", write.run).fetchone()
    if (refused := _find_conflict(execute, write, row)) is not None:
        if not parts:
            execute("DELETE FROM staged_runs WHERE row = ?", (row,))
        write.result = refused
        return
    is_large = len(write.content) > large_values.LARGE
    part = execute(
        "INSERT INTO staged_parts (run, number, jobs, content, hashes, hash, spec_bytes, priority, nice,"  # noqa: S608 -- our own texts
        f" claims, reruns) VALUES (?, ?, ?, {'zeroblob(?)' if is_large else '?'}, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(
                row,
                write.number,
                len(write.jobs),
                len(write.content) if is_large else write.content,
                write.hashes,
                hash_of_part([write.hashes]),
                write.spec_bytes,
            ),
            *(write.highest_priority, write.lowest_nice, " ".join(map(str, write.claims)), write.reruns),
        ),
    ).lastrowid
    if is_large:
        yield from large_values.fill(connection, "staged_parts", "content", int(part or 0), write.content)
    connection.executemany(
        "INSERT INTO staged_ids (owner, id, run, part, digest) VALUES (?, ?, ?, ?, ?)",
        [(write.run.owner, job.id, row, write.number, job.digest) for job in write.jobs],
    )
    _note_clean_up(connection, write, row)
    for digest in write.files:
        file = (write.run.owner, digest, FILES_OF_PARTS - int(part or 0))
        execute("INSERT OR IGNORE INTO files (owner, digest, job) VALUES (?, ?, ?)", file)
    execute(
        "UPDATE staged_runs SET parts = parts + 1, jobs = jobs + ?, left = left + ?, left_bytes = left_bytes + ? WHERE row = ?",
        (len(write.jobs), len(write.jobs), write.spec_bytes, row),
    )
    write.result = Staged(parts + 1, jobs + len(write.jobs), is_known=False)


def _note_clean_up(connection: sqlite3.Connection, write: StagePart, row: int) -> None:
    """Record which jobs of a part clean up. This depends only on earlier parts: nothing waits for what is staged later."""
    if not any(job.after for job in write.jobs):
        return
    execute, owner = connection.execute, write.run.owner
    own = {job.id for job in write.jobs}
    targets = {after.job for job in write.jobs for after in job.after if after.job and after.job not in own}
    jobs = {
        one for one in targets if execute("SELECT 1 FROM staged_ids WHERE owner = ? AND id = ? AND run = ?", (owner, one, row)).fetchone()
    }
    clean_up = {one for one in jobs if execute("SELECT 1 FROM staged_clean_up WHERE run = ? AND job = ?", (row, one)).fetchone()}
    names = execute("SELECT DISTINCT name FROM staged_clean_up WHERE run = ?", (row,)).fetchall()
    groups = {group for (name,) in names for group in groups_of(name)}
    waiters = [Waiter(job.id, job.name, job.after) for job in write.jobs]
    found = [write.jobs[place] for place in find_clean_up(waiters, write.run.id, Before(jobs, clean_up, groups))]
    connection.executemany(
        "INSERT INTO staged_clean_up (run, part, job, name) VALUES (?, ?, ?, ?)", [(row, write.number, job.id, job.name) for job in found]
    )


def _refusal_of(execute: _Execute, write: StagePart) -> Staged | Refused | None:
    """Return the result for a part that is staged already or has no place in its run; None for a new part."""
    run = execute("SELECT row, parts, jobs, proof, schedule IS NOT NULL FROM staged_runs WHERE owner = ? AND id = ?", write.run).fetchone()
    row, parts, jobs, proof, is_of_schedule = run or (0, 0, 0, None, write.for_schedule)
    if bool(is_of_schedule) is not write.for_schedule:
        return _other_kind(write.run.id, is_of_schedule=bool(is_of_schedule))
    found = execute("SELECT hashes FROM staged_parts WHERE run = ? AND number = ?", (row, write.number)).fetchone()
    if found is not None:
        if found[0] == write.hashes:
            return Staged(parts, jobs, is_known=True)
        message = f"part {write.number} of the run {format_id(write.run.id)} was staged before with other jobs"
        return Refused(Code.ALREADY_EXISTS, message, _AGAIN, reason=Reason.ID_TAKEN)
    if proof is not None:
        return closed(write.run.id)
    if write.number > parts:
        message = f"part {write.number} of the run {format_id(write.run.id)} cannot be staged: only {parts} before it are"
        return Refused(Code.FAILED_PRECONDITION, message, "stage the parts in their order", reason=Reason.PART_MISSING)
    return write.shortage


def _find_conflict(execute: _Execute, write: StagePart, row: int) -> Refused | None:
    """Return why one of the jobs of a part cannot be staged, else None."""
    owner = write.run.owner
    own = {job.id for job in write.jobs}
    is_any_known = _is_any_known(execute, owner, [*own])
    for position, job in enumerate(write.jobs):
        refused = _conflict_of(execute, JobKey(owner, job.id), job, row) if is_any_known else None
        refused = refused or _unknown_target(execute, write, job, own, row)
        if refused is not None:
            refused.job_index = position
            return refused
    return None


def _is_any_known(execute: _Execute, owner: bytes, ids: Sequence[bytes]) -> bool:
    """Return whether any of these jobs may be in conflict. Querying a thousand of them one by one would take twice as long."""
    marks = [mark_of(JobKey(owner, one)) for one in ids]
    return bool(
        execute(f"SELECT 1 FROM staged_ids WHERE owner = ? AND id IN ({_places(ids)}) LIMIT 1", (owner, *ids)).fetchone()  # noqa: S608 -- marks only
        or execute(f"SELECT 1 FROM tombstones WHERE mark IN ({_places(marks)}) LIMIT 1", marks).fetchone()  # noqa: S608 -- as above
        or execute(f"SELECT 1 FROM jobs WHERE owner = ? AND id IN ({_places(ids)}) LIMIT 1", (owner, *ids)).fetchone()  # noqa: S608 -- as above
    )


def _places(values: Sequence[bytes]) -> str:
    return ", ".join("?" * len(values))


def _conflict_of(execute: _Execute, key: JobKey, job: StagedJob, row: int) -> Refused | None:
    found = execute("SELECT run FROM staged_ids WHERE owner = ? AND id = ?", key).fetchone()
    if found is not None:
        if found[0] == row:
            return Refused(Code.INVALID_ARGUMENT, f"the id {format_id(key.id)} occurs twice in one batch")
        message = f"the id {format_id(key.id)} belongs to a job that is staged in another batch"
        return Refused(Code.ALREADY_EXISTS, message, "choose another id", reason=Reason.ID_TAKEN)
    if execute("SELECT 1 FROM tombstones WHERE mark = ?", (mark_of(key),)).fetchone():
        message = f"the job {format_id(key.id)} has ended and was forgotten; its id never runs again"
        return Refused(Code.ALREADY_EXISTS, message, "choose another id", reason=Reason.FORGOTTEN)
    found = execute("SELECT digest FROM jobs WHERE owner = ? AND id = ?", key).fetchone()
    if found is not None and found[0] != job.digest:
        message = f"the id {format_id(key.id)} belongs to a job with another spec"
        return Refused(Code.ALREADY_EXISTS, message, "choose another id", reason=Reason.ID_TAKEN)
    return None


def _unknown_target(execute: _Execute, write: StagePart, job: StagedJob, own: set[bytes], row: int) -> Refused | None:
    """Return why a condition of a job is invalid. Jobs of its own run are looked up among the staged ones, see requests/stage.py."""
    run = write.run
    for after in job.after:
        if after.run == run.id or after.job in own:
            continue
        if after.job and execute("SELECT 1 FROM staged_ids WHERE owner = ? AND id = ? AND run = ?", (run.owner, after.job, row)).fetchone():
            continue
        if write.for_schedule:
            message = "the jobs of a schedule start at its times, and can wait only for each other"
            return Refused(Code.INVALID_ARGUMENT, message)
        if edges.find_target(execute, run.owner, after) is None:
            return edges.unknown(after, 0, execute, run.owner)
    return None


def commit(execute: _Execute, write: CommitRun, last_row: int, started: int) -> None:
    """Commit a run; the result is filled in. One that was committed with the same parts is not committed again.

    `last_row`: of any job. `started`: how many jobs the run has that were not staged.
    """
    key = RunKey(write.owner, write.batch.id)
    run = execute("SELECT row, jobs, proof, schedule IS NOT NULL FROM staged_runs WHERE owner = ? AND id = ?", key).fetchone()
    row, jobs, proof, is_of_schedule = run or (0, 0, None, 0)
    if is_of_schedule:
        write.result = _other_kind(key.id, is_of_schedule=True)
        return
    staged = [one for (one,) in execute("SELECT hash FROM staged_parts WHERE run = ? ORDER BY number", (row,))]
    if staged != list(write.parts):
        write.result = _mismatch(key.id, staged, write.parts, is_committed=proof is not None)
        return
    if proof is None and write.batch.is_whole and 0 < started < jobs:
        write.result = other(key.id)
        return
    if proof is None:
        batch = write.batch
        execute(
            "UPDATE staged_runs SET proof = ?, proof_bytes = ?, groups_upto = ?, name = ?, parallel = ?, on_failure = ? WHERE row = ?",
            (envelopes.add(execute, write.proof), len(write.proof), last_row, batch.name, batch.parallel, batch.on_failure, row),
        )
    write.result = Committed(row, jobs, is_known=proof is not None)


def _mismatch(run: bytes, staged: Sequence[bytes], wanted: Sequence[bytes], *, is_committed: bool) -> Refused:
    if is_committed:
        message = f"the run {format_id(run)} was committed before with other jobs"
        return Refused(Code.ALREADY_EXISTS, message, _AGAIN, reason=Reason.ID_TAKEN)
    if len(staged) < len(wanted) and list(wanted[: len(staged)]) == list(staged):
        message = f"{len(staged)} of {len(wanted)} parts of the run {format_id(run)} are staged"
        return Refused(Code.FAILED_PRECONDITION, message, "stage the others first", reason=Reason.PART_MISSING)
    message = f"the parts of the run {format_id(run)} that are staged are others than those to be committed"
    return Refused(Code.ALREADY_EXISTS, message, _AGAIN, reason=Reason.ID_TAKEN)


def _other_kind(run: bytes, *, is_of_schedule: bool) -> Refused:
    what = "is staged for a schedule" if is_of_schedule else "is not staged for a schedule"
    return Refused(Code.ALREADY_EXISTS, f"the batch {format_id(run)} {what}", _AGAIN, reason=Reason.ID_TAKEN)


def other(run: bytes) -> Refused:
    """Return the refusal of a run that was submitted before with other jobs."""
    message = f"the run {format_id(run)} was submitted before, without all of these jobs; no job was submitted"
    return Refused(Code.ALREADY_EXISTS, message, "submit the same jobs again, or others with another id", reason=Reason.ID_TAKEN)


def closed(run: bytes) -> Refused:
    """Return the refusal of further jobs for a committed run."""
    message = f"the run {format_id(run)} was submitted as a whole, and takes no further jobs"
    return Refused(Code.ALREADY_EXISTS, message, _AGAIN, reason=Reason.RUN_CLOSED)


def record(connection: sqlite3.Connection, write: AddJobs) -> None:
    """Record that a slice of a committed run is queued, if the jobs are one."""
    queued = write.queued
    if queued is None:
        return
    keys, spec_bytes = [job.key for job in write.jobs], sum(len(job.spec) for job in write.jobs)
    execute = connection.execute
    if queued.is_scheduled:
        at = (queued.part + 1, 0) if queued.is_last else (queued.part, queued.upto)
        execute("UPDATE staged_runs SET at_part = ?, at_job = ? WHERE row = ?", (*at, queued.run))
    else:
        connection.executemany("DELETE FROM staged_ids WHERE owner = ? AND id = ?", keys)
        execute("UPDATE staged_parts SET queued = ? WHERE run = ? AND number = ?", (queued.upto, queued.run, queued.part))
    execute("UPDATE staged_runs SET left = left - ?, left_bytes = left_bytes - ? WHERE row = ?", (len(keys), spec_bytes, queued.run))
    if queued.is_last and not queued.is_scheduled:
        _release(execute, queued.run, queued.part)
    if queued.is_whole:
        execute("UPDATE staged_runs SET is_whole = 1 WHERE row = ?", (queued.run,))
        owner, run = execute("SELECT owner, id FROM staged_runs WHERE row = ?", (queued.run,)).fetchone()
        if not execute("SELECT 1 FROM batches WHERE owner = ? AND id = ?", (owner, run)).fetchone():
            forget(execute, owner, run)


def _release(execute: _Execute, run: int, number: int) -> None:
    """Delete the content of a part."""
    (row,) = execute("SELECT row FROM staged_parts WHERE run = ? AND number = ?", (run, number)).fetchone()
    execute("UPDATE staged_parts SET content = NULL WHERE row = ?", (row,))
    execute("DELETE FROM files WHERE job = ?", (FILES_OF_PARTS - row,))
    execute("DELETE FROM staged_clean_up WHERE run = ? AND part = ?", (run, number))


def drop_part(execute: _Execute, write: DropPart) -> None:
    """Remove the last part of a run; fills in the result: None if there is none, or it must stay."""
    found = execute("SELECT row, parts, aged_from FROM staged_runs WHERE owner = ? AND id = ? AND proof IS NULL", write.run).fetchone()
    if found is None or (write.aged_upto_us is not None and found[2] > write.aged_upto_us):
        return
    row, parts, _ = found
    jobs, spec_bytes = execute("SELECT jobs, spec_bytes FROM staged_parts WHERE run = ? AND number = ?", (row, parts - 1)).fetchone()
    _release(execute, row, parts - 1)
    execute("DELETE FROM staged_ids WHERE run = ? AND part = ?", (row, parts - 1))
    execute("DELETE FROM staged_parts WHERE run = ? AND number = ?", (row, parts - 1))
    if parts == 1:
        execute("DELETE FROM staged_runs WHERE row = ?", (row,))
    else:
        execute(
            "UPDATE staged_runs SET parts = parts - 1, jobs = jobs - ?, left = left - ?, left_bytes = left_bytes - ? WHERE row = ?",
            (jobs, jobs, spec_bytes, row),
        )
    write.result = Dropped(jobs, spec_bytes, parts - 1)


def forget(execute: _Execute, owner: bytes, run: bytes) -> None:
    """Remove what is stored about a run without jobs, unless some of its jobs are still to come."""
    found = execute("SELECT row FROM staged_runs WHERE owner = ? AND id = ? AND is_whole", (owner, run)).fetchone()
    if found is not None:
        execute("DELETE FROM staged_parts WHERE run = ?", found)
        execute("DELETE FROM staged_runs WHERE row = ?", found)


def is_closed(execute: _Execute, owner: bytes, run: bytes) -> bool:
    """Return whether a run was committed."""
    return bool(execute("SELECT 1 FROM staged_runs WHERE owner = ? AND id = ? AND proof IS NOT NULL", (owner, run)).fetchone())


def digest_of(execute: _Execute, key: JobKey) -> bytes | None:
    """Return the digest of a staged job; None if there is none."""
    found = execute("SELECT digest FROM staged_ids WHERE owner = ? AND id = ?", key).fetchone()
    return found[0] if found is not None else None


def proof_of(execute: _Execute, row: int) -> int:
    """Return the row of the request that committed a run."""
    return int(execute("SELECT proof FROM staged_runs WHERE row = ?", (row,)).fetchone()[0])

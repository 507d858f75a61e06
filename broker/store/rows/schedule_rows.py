"""The statements about schedules, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...writes.schedules import MOST_SCHEDULES, AddSchedule, ChangeSchedule, Fired, Firing, ScheduleRow
from .batches import template_rows
from .tombstones import mark_of

Execute = Callable[..., Any]
Read = Callable[..., list[tuple[Any, ...]]]
MOST_FIRINGS = 100
_COLUMNS = "row, owner, id, name, spec, cron, zone, overlap, missed, paused, fired_upto, waiting, proof, batch"


def add(execute: Execute, write: AddSchedule) -> None:
    """Add a schedule; the result is filled in."""
    new = write.schedule
    key = JobKey(new.owner, new.id)
    if execute("SELECT 1 FROM tombstones WHERE mark = ?", (mark_of(key),)).fetchone():
        write.result = _taken(new.id, "was removed")
        return
    found = execute(f"SELECT {_COLUMNS} FROM schedules WHERE owner = ? AND id = ?", key).fetchone()  # noqa: S608 -- our own text
    if found is not None:
        old = _row(found)
        same = (*old[3:9], old.batch) == (*new[3:9], new.batch)
        write.result = found[0] if same else _taken(new.id, "belongs to another schedule")
        return
    if execute("SELECT 1 FROM schedules WHERE owner = ? AND name = ?", (new.owner, new.name)).fetchone():
        what = f"there is already a schedule {new.name}"
        write.result = Refused(Code.ALREADY_EXISTS, what, "choose another name, or remove that one", reason=Reason.NAME_TAKEN)
        return
    # Counted here, as many requests to add one can be written at once.
    if (count := execute("SELECT count(*) FROM schedules WHERE owner = ?", (new.owner,)).fetchone()[0]) >= MOST_SCHEDULES:
        write.result = Refused(Code.RESOURCE_EXHAUSTED, f"there are {count} schedules of this member, which is the limit", "remove some")
        return
    if write.parts and (refused := template_rows.find_problem(execute, write)) is not None:
        write.result = refused
        return
    row = execute(
        f"INSERT INTO schedules ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)",  # noqa: S608 -- our own text
        (*new[1:11], new.proof, new.batch),
    ).lastrowid
    write.result = int(row)
    if write.parts:
        template_rows.adopt(execute, write, write.result)
    for digest in write.digests:
        # Rows of jobs are positive.
        execute("INSERT OR IGNORE INTO files (owner, digest, job) VALUES (?, ?, ?)", (new.owner, digest, -write.result))


def change(execute: Execute, write: ChangeSchedule) -> None:
    """Change or remove a schedule."""
    if write.fired is not None:
        record(execute, write.fired)
    if write.paused is not None:
        execute("UPDATE schedules SET paused = ?, change_proof = ? WHERE row = ?", (write.paused, write.proof, write.row))
    if write.paused is False and write.fired is not None:
        # Only somebody who resumes it may go back behind what was looked at.
        execute("UPDATE schedules SET fired_upto = ? WHERE row = ?", (write.fired.upto_us, write.row))
    if write.removed:
        found = execute("SELECT owner, id FROM schedules WHERE row = ?", (write.row,)).fetchone()
        if found is not None:
            execute("INSERT OR IGNORE INTO tombstones (mark) VALUES (?)", (mark_of(JobKey(*found)),))
        execute("DELETE FROM schedules WHERE row = ?", (write.row,))
        execute("DELETE FROM firings WHERE schedule = ?", (write.row,))
        execute("DELETE FROM files WHERE job = ?", (-write.row,))
        template_rows.schedule_gone(execute, write.row)


def record(execute: Execute, fired: Fired) -> None:
    """Record the results of times that were due; of each schedule only the latest are kept."""
    execute(
        "UPDATE schedules SET fired_upto = max(fired_upto, ?), waiting = ? WHERE row = ?",
        (fired.upto_us, " ".join(map(str, fired.waiting)), fired.schedule),
    )
    for firing in fired.firings:
        if firing.job:
            execute("UPDATE jobs SET due = ? WHERE owner = ? AND id = ?", (firing.due_us, fired.owner, firing.job))
        execute("INSERT INTO firings (schedule, due, job, note) VALUES (?, ?, ?, ?)", (fired.schedule, *firing))
    if fired.firings:
        execute(
            "DELETE FROM firings WHERE schedule = ? AND row <= (SELECT row FROM firings WHERE schedule = ? ORDER BY row DESC"
            " LIMIT 1 OFFSET ?)",
            (fired.schedule, fired.schedule, MOST_FIRINGS),
        )


def read_all(read: Read) -> list[ScheduleRow]:
    """Return all schedules."""
    return list(map(_row, read(f"SELECT {_COLUMNS} FROM schedules ORDER BY row")))  # noqa: S608 -- our own text


def read_each(execute: Execute) -> tuple[list[ScheduleRow], int]:
    """Return the schedules of a store that may be damaged, and how many of its rows are unreadable."""
    found = []
    unreadable = 0
    columns = {column for _, column, *_ in execute("PRAGMA table_info(schedules)")}
    # A store of an earlier version has no batches.
    wanted = _COLUMNS if "batch" in columns else _COLUMNS.replace("batch", "x''")
    for row in execute(f"SELECT {wanted} FROM schedules ORDER BY row"):  # noqa: S608 -- our own text
        try:
            found.append(_row(row))
        except (ValueError, TypeError, AttributeError):
            unreadable += 1
    return found, unreadable


def jobs_of_all(read: Read) -> list[tuple[int, bytes]]:
    """Return the rows of schedules, each with the ids of jobs that it started recently."""
    return [(schedule, job) for schedule, job in read("SELECT schedule, job FROM firings WHERE job <> x''")]


def firings(read: Read, schedule: int, limit: int) -> list[Firing]:
    """Return the results of the latest times of a schedule, newest first."""
    rows = read("SELECT due, job, note FROM firings WHERE schedule = ? ORDER BY row DESC LIMIT ?", (schedule, limit))
    return [Firing(*row) for row in rows]


def _row(found: Sequence[Any]) -> ScheduleRow:
    row = ScheduleRow._make(found)
    return row._replace(paused=bool(row.paused), waiting=tuple(map(int, found[11].split())))


def _taken(schedule_id: bytes, why: str) -> Refused:
    return Refused(Code.ALREADY_EXISTS, f"the id {format_id(schedule_id)} {why}", "use a new id", reason=Reason.ID_TAKEN)

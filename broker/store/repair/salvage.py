"""What can be read from a store that is replaced: schedules, and settings of operators. Jobs come from their logs instead.

A damaged page can hold anything, and SQLite treats damage in the write-ahead log as its end, so that the last changes may be missing: a
schedule that was paused or removed may be there in its earlier state. So each comes back paused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ....schemas.workers.capacity import read_settings
from ...writes.schedules import AddSchedule, ChangeSchedule, ScheduleRow
from ..rows import schedule_rows
from ..rows.batches import template_rows


class Salvaged(NamedTuple):
    """The names of schedules, and settings, as `slots=12`; `problem`: why there may have been more, empty if not."""

    schedules: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    problem: str = ""


def salvage(old: Path, into: sqlite3.Connection, is_sound: Callable[[ScheduleRow], bool]) -> Salvaged:
    """Copy what can be read into a store of this version, inside the caller's transaction."""
    if not old.is_file():
        return Salvaged()
    try:
        # Read-only: closing it must not write the log into it.
        with closing(sqlite3.connect(f"{old.absolute().as_uri()}?mode=ro", uri=True)) as store:
            schedules, schedules_problem = _copy_schedules(store, into, is_sound)
            settings, settings_problem = _copy_settings(store, into)
    except sqlite3.Error as error:
        return Salvaged(problem=str(error))
    return Salvaged(schedules, settings, schedules_problem or settings_problem)


def _copy_schedules(
    store: sqlite3.Connection, into: sqlite3.Connection, is_sound: Callable[[ScheduleRow], bool]
) -> tuple[tuple[str, ...], str]:
    if not _has(store, "schedules"):
        return (), ""
    names = []
    problem = ""
    try:
        rows, unreadable = schedule_rows.read_each(store.execute)
        if unreadable:
            problem = f"{unreadable} schedules cannot be read"
        for row in rows:
            if not is_sound(row):
                problem = f"the schedule {row.name} cannot be read"
                continue
            digests = [digest for (digest,) in store.execute("SELECT digest FROM files WHERE job = ?", (-row.row,))]
            write = AddSchedule(row._replace(paused=True), digests)
            schedule_rows.add(into.execute, write)
            if isinstance(write.result, int) and row.batch and not template_rows.copy(store.execute, into.execute, row.row, write.result):
                schedule_rows.change(into.execute, ChangeSchedule(write.result, removed=True))
                problem = f"the batch of the schedule {row.name} cannot be read"
                continue
            if isinstance(write.result, int):
                names.append(row.name)
                for firing in store.execute("SELECT due, job, note FROM firings WHERE schedule = ? ORDER BY row", (row.row,)):
                    into.execute("INSERT INTO firings (schedule, due, job, note) VALUES (?, ?, ?, ?)", (write.result, *firing))
    except sqlite3.Error as error:
        problem = str(error)
    return tuple(names), problem


def _copy_settings(store: sqlite3.Connection, into: sqlite3.Connection) -> tuple[tuple[str, ...], str]:
    if not _has(store, "capacity"):
        return (), ""
    copied = []
    problem = ""
    try:
        for row in store.execute("SELECT name, value, proof FROM capacity"):
            try:
                read_settings({row[0]: row[1]})
            except (ValueError, TypeError):
                problem = "a setting cannot be read"
                continue
            into.execute("INSERT INTO capacity (name, value, proof) VALUES (?, ?, ?)", row)
            copied.append(f"{row[0]}={row[1]}")
    except sqlite3.Error as error:
        problem = str(error)
    return tuple(copied), problem


def _has(store: sqlite3.Connection, table: str) -> bool:
    return store.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchone() is not None

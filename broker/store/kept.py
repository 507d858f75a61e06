"""Read what is kept of ended jobs: how much there is, what is oldest, and which log folders of forgotten jobs remain.

Decides nothing; retention/ does. Also lists unended jobs, for use while no worker runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ...schemas.jobs.states import State
from ...schemas.naming import AttemptKey, JobKey
from .store import Store


class Totals(NamedTuple):
    """How many ended jobs are kept, how many bytes they use (logs, specs and signed requests), and the first event that is kept."""

    jobs: int
    kept_bytes: int
    first_seq: int


class Aged(NamedTuple):
    """One job that has ended: the time from which its age counts, and how many bytes it uses."""

    key: JobKey
    aged_from_us: int
    kept_bytes: int


class Leftover(NamedTuple):
    """A log folder of an attempt at a forgotten job."""

    key: AttemptKey
    pid: int
    started_at_us: int
    ended_at_us: int


class Unfinished(NamedTuple):
    """One job that has not ended; pid 0 means that it has not started."""

    id: bytes
    name: str
    pid: int


def totals(store: Store) -> Totals:
    """Return how much is kept."""
    return Totals(*store.read("SELECT ended, log_bytes + store_bytes, first_seq FROM kept")[0])


def oldest_jobs(store: Store, limit: int) -> list[Aged]:
    """Return the jobs whose end was recorded first."""
    rows = store.read(
        "SELECT owner, id, aged_from, log_bytes + store_bytes FROM jobs WHERE state = ? ORDER BY aged_from LIMIT ?", (State.FINISHED, limit)
    )
    return [Aged(JobKey(owner, job_id), *rest) for owner, job_id, *rest in rows]


def unmeasured(store: Store, limit: int) -> list[JobKey]:
    """Return ended jobs whose folder was not measured since their end."""
    rows = store.read("SELECT owner, id FROM jobs WHERE folder_bytes IS NULL AND state = 4 ORDER BY row LIMIT ?", (limit,))
    return [JobKey(*row) for row in rows]


def oldest_events(store: Store, after: int, limit: int) -> Sequence[tuple[int, int]]:
    """Return the seqs of the events after this one, each with the time from which its age counts."""
    return [
        (seq, aged_from)
        for seq, aged_from in store.read("SELECT seq, aged_from FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    ]


def leftovers(store: Store, after: AttemptKey, limit: int) -> list[Leftover]:
    """Return the log folders that are still to be removed, in the order of their keys."""
    rows = store.read(
        "SELECT owner, id, attempt, pid, started_at, ended_at FROM leftovers WHERE (owner, id, attempt) > (?, ?, ?)"
        " ORDER BY owner, id, attempt LIMIT ?",
        (*after, limit),
    )
    return [Leftover(AttemptKey(owner, job_id, attempt), *run) for owner, job_id, attempt, *run in rows]


def unfinished(path: Path) -> list[Unfinished]:
    """Return the jobs of a store that have not ended, whether its worker runs or not; an empty list if the store cannot be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            # With `+`, they are found by their index and sorted; without, all jobs would be read in the order of their rows.
            rows = connection.execute("SELECT id, name, CASE state WHEN 1 THEN 0 ELSE pid END FROM jobs WHERE ok IS NULL ORDER BY +row")
            return [Unfinished(*row) for row in rows]
    except sqlite3.Error:
        return []


def unsettled(path: Path) -> int:
    """Return how many jobs of a store have a broker that has not recorded their end yet; 0 if the store cannot be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM relayed WHERE settled = 0").fetchone()[0])
    except sqlite3.Error:
        return 0

"""Which jobs a list contains, and the SQL statements that find them. Pure: executes none.

Jobs are sorted by one of their times, and then by row. A walk follows one index from a place on. If a filter matches few jobs, its index is
used and they are sorted. Otherwise the walk uses an index that has the right order, and examines at most `_MOST_EXAMINED` jobs, so that a
narrow filter over a long history is answered in parts and nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...schemas.jobs.states import JobTime, State

_MOST_EXAMINED = 1000
# So many jobs are sorted at once.
FEW = 2000

EVERY_STATE = frozenset(State)
ALIVE = EVERY_STATE - {State.FINISHED}
_DIGITS = frozenset("0123456789abcdef")
# Sorted behind all that a name can hold.
_AFTER_NAMES = "\x7f"
_WITH_PROCESS = frozenset({State.RUNNING, State.STOPPING})
_COLUMNS = {JobTime.QUEUED: "queued_at", JobTime.STARTED: "started_at", JobTime.ENDED: "ended_at"}


class Place(NamedTuple):
    """Where a page ends: the time that jobs are sorted by, and the row."""

    at_us: int
    row: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs, in which order. Empty and None mean any. `runs`: the rows of runs; `batch_name`: all runs of that name."""

    states: frozenset[State] = EVERY_STATE
    failed: bool = False
    owner: bytes = b""
    runs: Sequence[int] | None = None
    batch_name: str = ""
    name: str = ""
    # What the name, or the id in hexadecimal digits, begins with.
    begins: str = ""
    labels: Sequence[tuple[str, str]] = ()
    sorted_by: JobTime = JobTime.QUEUED
    newest_first: bool = False
    since_us: int | None = None
    until_us: int | None = None
    # The id of the job that started them.
    started_by: bytes = b""
    # Only jobs whose age counts from this moment, on the scale of ages.py, or an earlier one.
    aged_until_us: int | None = None


class Statement(NamedTuple):
    """SQL and its parameters."""

    sql: str
    parameters: Sequence[object] = ()


class Leader(NamedTuple):
    """An index that leads to jobs: the FROM clause, the condition, and the time by which they are ordered (None: unordered)."""

    source: str
    condition: Statement
    order: JobTime | None = JobTime.QUEUED

    @property
    def question(self) -> Statement:
        """A query that counts how many jobs it leads to, at most `FEW` plus one."""
        return Statement(
            f"SELECT count(*) FROM (SELECT 1 FROM {self.source} WHERE {self.condition.sql} LIMIT {FEW + 1})",  # noqa: S608 -- our own texts
            self.condition.parameters,
        )


class Walk(NamedTuple):
    """A statement for the next matching jobs: their time, row, owner and id; and, if it finds too few, for the place to continue from."""

    find: Statement
    onward: Statement | None


_BY_TIME = {
    JobTime.QUEUED: Leader("jobs INDEXED BY jobs_by_queue", Statement("1")),
    JobTime.STARTED: Leader("jobs INDEXED BY jobs_by_start", Statement("started_at > 0"), JobTime.STARTED),
    JobTime.ENDED: Leader("jobs INDEXED BY jobs_by_end", Statement("state = 4"), JobTime.ENDED),
}
_RUNNING = Leader("jobs INDEXED BY jobs_running", Statement("state IN (2, 3)"))
_ALIVE = Leader("jobs INDEXED BY jobs_alive", Statement("jobs.ok IS NULL"))
_FAILED = Leader("jobs INDEXED BY jobs_failed", Statement("ok = 0"), JobTime.ENDED)


def _alive_of(owner: bytes) -> Leader:
    return Leader("jobs INDEXED BY jobs_alive_of_owner", Statement("jobs.ok IS NULL AND jobs.owner = ?", (owner,)))


def leaders(selection: Selection) -> Iterator[Leader]:
    """Iterate over the indexes that may lead to few jobs, most promising first."""
    if selection.started_by:
        yield Leader(
            "jobs INDEXED BY jobs_by_starter", Statement("started_by = ? AND jobs.owner = ?", (selection.started_by, selection.owner))
        )
    if selection.states <= _WITH_PROCESS:
        yield _RUNNING
    if selection.states <= ALIVE:
        yield _alive_of(selection.owner) if selection.owner else _ALIVE
    if selection.runs is not None:
        order = JobTime.QUEUED if len(selection.runs) == 1 else None
        if selection.failed:
            yield Leader(
                "jobs INDEXED BY jobs_failed_of_run", Statement(f"ok = 0 AND {_among(selection.runs)} AND batch IS NOT NULL"), order
            )
        yield Leader("jobs INDEXED BY jobs_by_batch", Statement(_among(selection.runs)), order)
    if selection.name:
        yield Leader("jobs INDEXED BY jobs_by_name", Statement("name = ? AND name <> ''", (selection.name,)))
    if selection.begins and not _may_be_id(selection.begins):
        beyond = selection.begins + _AFTER_NAMES
        yield Leader("jobs INDEXED BY jobs_by_name", Statement("name >= ? AND name < ? AND name <> ''", (selection.begins, beyond)), None)
    for label in selection.labels:
        yield Leader("labels CROSS JOIN jobs ON jobs.row = labels.job", Statement("labels.name = ? AND labels.value = ?", label))


def walk(selection: Selection, after: Place | None, few: Leader | None, limit: int) -> Walk:
    """Return the walk that finds the next jobs after a place; `few`: the leader found to match few jobs."""
    leader = few or _in_order(selection)
    # Labels have a time of their own, so that their index has the order.
    table, row = ("labels", "job") if leader.source.startswith("labels") and selection.sorted_by is JobTime.QUEUED else ("jobs", "row")
    column, row = f"{table}.{_COLUMNS[selection.sorted_by]}", f"{table}.{row}"
    conditions = [leader.condition, *_bounds(selection, column, row, after)]
    matches = list(_filters(selection))
    way = "DESC" if selection.newest_first else "ASC"
    walked = f"FROM {leader.source} WHERE {_all_of(conditions)} ORDER BY {column} {way}, {row} {way}"
    passed = [value for one in conditions for value in one.parameters]
    # SQLite takes from the inner select no more rows than the outer one needs.
    find = (
        "SELECT at_us, number, owner, id FROM"  # noqa: S608 -- our own texts
        f" (SELECT {column} AS at_us, {row} AS number, jobs.owner, jobs.id, {_all_of(matches)} AS matches {walked}"
        f"{'' if few else f' LIMIT {_MOST_EXAMINED}'}) WHERE matches LIMIT {limit}"
    )
    onward = None if few else Statement(f"SELECT {column}, {row} {walked} LIMIT 1 OFFSET {_MOST_EXAMINED - 1}", passed)
    return Walk(Statement(find, [*(value for one in matches for value in one.parameters), *passed]), onward)


def _in_order(selection: Selection) -> Leader:
    """Return the narrowest leader in the order of the selection."""
    if selection.sorted_by is JobTime.ENDED and selection.failed:
        return _FAILED
    if selection.sorted_by is JobTime.QUEUED and selection.owner:
        by_owner = Leader("jobs INDEXED BY jobs_by_owner", Statement("jobs.owner = ?", (selection.owner,)))
    else:
        by_owner = _BY_TIME[selection.sorted_by]
    # Of those that lead to many jobs, the last one has most likely the fewest.
    return next((one for one in reversed(list(leaders(selection))) if one.order is selection.sorted_by), by_owner)


def _filters(selection: Selection) -> Iterator[Statement]:
    """Iterate over the conditions that a job must match."""
    if selection.states != EVERY_STATE:
        yield Statement(f"jobs.state IN ({', '.join(str(state.value) for state in sorted(selection.states)) or 'NULL'})")
    if selection.failed:
        yield Statement("jobs.ok = 0")
    for column, value in (("owner", selection.owner), ("started_by", selection.started_by), ("name", selection.name)):
        if value:
            yield Statement(f"jobs.{column} = ?", (value,))
    if selection.runs is not None:
        yield Statement(_among(selection.runs))
    if selection.batch_name:
        yield Statement("EXISTS (SELECT 1 FROM batches WHERE batches.row = jobs.batch AND batches.name = ?)", (selection.batch_name,))
    if selection.begins:
        yield _begins(selection.begins)
    if selection.aged_until_us is not None:
        yield Statement("jobs.aged_from <= ?", (selection.aged_until_us,))
    for label in selection.labels:
        yield Statement(
            "EXISTS (SELECT 1 FROM labels AS other WHERE other.name = ? AND other.value = ? AND other.queued_at = jobs.queued_at"
            " AND other.job = jobs.row)",
            label,
        )


def _begins(begins: str) -> Statement:
    of_name = Statement("substr(jobs.name, 1, ?) = ?", (len(begins), begins))
    if not _may_be_id(begins):
        return of_name
    return Statement(f"({of_name.sql} OR substr(lower(hex(jobs.id)), 1, ?) = ?)", (*of_name.parameters, *of_name.parameters))


def _may_be_id(begins: str) -> bool:
    return set(begins) <= _DIGITS


def _bounds(selection: Selection, column: str, row: str, after: Place | None) -> Iterator[Statement]:
    if selection.sorted_by is JobTime.STARTED:
        yield Statement("started_at > 0")
    elif selection.sorted_by is JobTime.ENDED:
        yield Statement("state = 4")
    if selection.since_us is not None:
        yield Statement(f"{column} >= ?", (selection.since_us,))
    if selection.until_us is not None:
        yield Statement(f"{column} <= ?", (selection.until_us,))
    if after is not None:
        yield Statement(f"({column}, {row}) {'<' if selection.newest_first else '>'} (?, ?)", after)


def _all_of(conditions: Sequence[Statement]) -> str:
    return " AND ".join(one.sql for one in conditions) or "1"


def _among(rows: Sequence[int]) -> str:
    return f"batch IN ({', '.join(map(str, rows)) or 'NULL'})"

"""Which jobs a list finds, and at what cost."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from desk_house import EngineDouble, House, asked, asked_with, ended, key, started
from example_counts import briefly
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.broker.store import queries, selection, tables
from jobwire.broker.store.queries import Lookup
from jobwire.broker.store.selection import ALIVE, EVERY_STATE, Place, Selection, leaders, walk
from jobwire.broker.store.store import Row, Store
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.states import JobTime, State
from jobwire.schemas.naming import format_id
from jobwire.schemas.refusal import Reason, Refused

OWNERS = (b"a" * 32, b"b" * 32)
NAMES = ("", "build", "test")
LABELS = (("team", "blue"), ("team", "red"), ("for", "x"))
ENDED = State.FINISHED


class Job(NamedTuple):
    row: int
    owner: bytes
    state: State
    name: str
    batch: int | None
    labels: tuple[tuple[str, str], ...]
    times: dict[JobTime, int]
    ok: bool | None

    @property
    def id(self) -> bytes:
        return bytes([self.row % 256]) + self.row.to_bytes(15, "big")

    def is_in(self, wanted: Selection) -> bool:
        at_us = self.times[wanted.sorted_by]
        return (
            at_us > 0
            and self.state in wanted.states
            and (not wanted.failed or self.ok is False)
            and wanted.owner in (b"", self.owner)
            and (wanted.runs is None or self.batch in wanted.runs)
            and wanted.name in ("", self.name)
            and (self.name.startswith(wanted.begins) or self.id.hex().startswith(wanted.begins))
            and set(wanted.labels) <= set(self.labels)
            and (wanted.since_us is None or at_us >= wanted.since_us)
            and (wanted.until_us is None or at_us <= wanted.until_us)
        )


def fill(store: sqlite3.Connection, jobs: list[Job]) -> None:
    spec = job_pb2.JobSpec(argv=[b"true"]).SerializeToString()
    store.execute("BEGIN")
    store.executemany(
        "INSERT INTO jobs (row, owner, id, digest, state, name, batch, proof, spec, launched, queued_at, started_at, ended_at, ok)"
        " VALUES (?, ?, ?, x'', ?, ?, ?, 1, ?, 1, ?, ?, ?, ?)",
        ((job.row, job.owner, job.id, job.state, job.name, job.batch, spec, *job.times.values(), job.ok) for job in jobs),
    )
    store.executemany(
        "INSERT INTO labels (name, value, queued_at, job) VALUES (?, ?, ?, ?)",
        ((*label, job.times[JobTime.QUEUED], job.row) for job in jobs for label in job.labels),
    )
    store.execute("COMMIT")


class Reads:
    """In the place of a store: reads, and counts the steps of SQLite's machine."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.steps = 0
        connection.set_progress_handler(self._count, 1)

    def _count(self) -> None:
        self.steps += 1

    def read(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(tables.connect(tmp_path / "state.db")) as made:
        tables.prepare(made, tmp_path)
        yield made


def found(lookup: Lookup, wanted: Selection, limit: int) -> list[int]:
    rows: list[int] = []
    after: Place | None = None
    for _ in range(1000):
        page = lookup.page(wanted, after, limit)
        rows += [job.row for _, job in page.jobs if job]
        after = page.onward
        if after is None:
            return rows
    raise AssertionError("a list without end")


@st.composite
def pasts(draw: st.DrawFn) -> list[Job]:
    jobs = []
    for row in range(1, draw(st.integers(1, 25)) + 1):
        queued = draw(st.integers(1, 9))
        started = draw(st.sampled_from((0, queued, queued + 1)))
        jobs.append(
            Job(
                row,
                draw(st.sampled_from(OWNERS)),
                ENDED,
                draw(st.sampled_from(NAMES)),
                draw(st.sampled_from((None, 1, 2))),
                tuple(draw(st.sets(st.sampled_from(LABELS)))),
                dict(zip(JobTime, (queued, started, queued + 3), strict=True)),
                draw(st.booleans()),
            )
        )
    return jobs


SELECTIONS = st.builds(
    Selection,
    states=st.sampled_from((EVERY_STATE, frozenset({ENDED}), ALIVE | {ENDED})),
    failed=st.booleans(),
    owner=st.sampled_from((b"", *OWNERS)),
    runs=st.sampled_from((None, (), (1,), (1, 2))),
    name=st.sampled_from(NAMES),
    begins=st.sampled_from(("", "b", "bu", "test", "tests", "0", "01", "1")),
    labels=st.sampled_from(((), LABELS[:1], LABELS[1:])),
    sorted_by=st.sampled_from(JobTime),
    newest_first=st.booleans(),
    since_us=st.sampled_from((None, 4)),
    until_us=st.sampled_from((None, 8)),
)


@settings(briefly(30))
@given(pasts(), st.lists(SELECTIONS, min_size=5, max_size=10), st.integers(1, 5), st.sampled_from((0, 3, 2000)), st.integers(1, 6))
def test_a_list_holds_exactly_the_jobs_that_match_in_their_order(
    past: list[Job], wanted: list[Selection], limit: int, few: int, examined: int
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory, pytest.MonkeyPatch.context() as patch:
        for module in (queries, selection):
            patch.setattr(module, "FEW", few)
        patch.setattr(selection, "_MOST_EXAMINED", examined)
        tables.prepare(memory, Path("memory"))
        fill(memory, past)
        lookup = Lookup(Reads(memory), {})  # type: ignore[arg-type] # reason: of a store it only reads
        for one in wanted:
            expected = sorted((job.times[one.sorted_by], job.row) for job in past if job.is_in(one))
            assert found(lookup, one, limit) == [row for _, row in (reversed(expected) if one.newest_first else expected)]


WIDE = [
    Selection(),
    Selection(newest_first=True, since_us=5, until_us=7),
    Selection(states=ALIVE),
    Selection(states=frozenset({State.RUNNING})),
    Selection(failed=True),
    Selection(failed=True, sorted_by=JobTime.ENDED, since_us=5, newest_first=True),
    Selection(sorted_by=JobTime.STARTED, until_us=6),
    Selection(sorted_by=JobTime.ENDED, newest_first=True),
    Selection(owner=OWNERS[0]),
    Selection(owner=OWNERS[0], states=ALIVE),
    Selection(owner=OWNERS[0], sorted_by=JobTime.ENDED),
    Selection(runs=(1,)),
    Selection(runs=(1, 2), newest_first=True),
    Selection(name="build", since_us=5),
    Selection(begins="bu", newest_first=True),
    Selection(begins="b", newest_first=True),
    Selection(name="build", sorted_by=JobTime.ENDED),
    Selection(labels=LABELS[:1]),
    Selection(labels=LABELS[:2], name="build", newest_first=True),
]


def plan_of(connection: sqlite3.Connection, statement: selection.Statement) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)]


@pytest.mark.parametrize("wanted", WIDE)
@pytest.mark.parametrize("after", [None, Place(5, 2)])
def test_a_list_follows_an_index_in_its_order(connection: sqlite3.Connection, wanted: Selection, after: Place | None) -> None:
    steps = walk(wanted, after, None, 50)
    assert steps.onward is not None
    for statement in (steps.find, steps.onward):
        plan = plan_of(connection, statement)
        assert not [line for line in plan if "TEMP B-TREE" in line]
        assert [line for line in plan if "SCAN jobs" in line and " USING " not in line] == []
        # From where the page begins, and not from the first job of all.
        if after is not None or wanted.since_us is not None:
            assert [line for line in plan if line.startswith("SEARCH")]


@pytest.mark.parametrize("wanted", WIDE)
def test_what_leaves_few_jobs_is_searched_and_counted_by_an_index(connection: sqlite3.Connection, wanted: Selection) -> None:
    def by_index(plan: list[str]) -> bool:
        return all("USING" in line for line in plan if line.startswith(("SCAN jobs", "SCAN labels", "SEARCH")))

    for leader in leaders(wanted):
        assert by_index(plan_of(connection, leader.question))
        assert by_index(plan_of(connection, walk(wanted, None, leader, 50).find))


def test_what_a_member_has_waiting_is_found_beside_any_number_of_jobs_of_others(connection: sqlite3.Connection) -> None:
    steps = walk(Selection(owner=OWNERS[0], states=ALIVE), Place(5, 2), None, 50)
    assert [line for line in plan_of(connection, steps.find) if "jobs_alive_of_owner (owner=? AND queued_at" in line]


def test_of_a_batch_with_very_many_runs_the_jobs_are_found_by_its_name(connection: sqlite3.Connection) -> None:
    most = selection.FEW + 1
    jobs = [Job(row, OWNERS[0], ENDED, "", row, (), dict.fromkeys(JobTime, row), ok=True) for row in range(1, most + 3)]
    rows = [(job.row, OWNERS[0], job.row.to_bytes(16, "big"), "nightly" if job.row <= most else "other") for job in jobs]
    connection.executemany("INSERT INTO batches (row, owner, id, name, parallel) VALUES (?, ?, ?, ?, 0)", rows)
    fill(connection, jobs)
    lookup = Lookup(Reads(connection), {})  # type: ignore[arg-type] # reason: of a store it only reads
    assert lookup.runs(b"", b"", "nightly") is None
    assert lookup.runs(OWNERS[1], b"", "nightly") == []
    assert lookup.runs(OWNERS[0], rows[4][2], "nightly") == [5]
    assert lookup.runs(b"", b"", "other") == [most + 1, most + 2]
    # What names no batch can be the beginning of an id.
    ids = [row[2].hex() for row in rows]
    assert lookup.runs(b"", b"", ids[4]) == lookup.runs(OWNERS[0], b"", ids[4]) == [5]
    assert lookup.runs(OWNERS[1], b"", ids[4]) == []
    assert lookup.runs(b"", b"", "feed" * 4) == []
    with pytest.raises(Refused, match=f"is the beginning of the ids of several runs: .*{format_id(rows[0][2])}.*; type") as refused:
        lookup.runs(b"", b"", ids[0][:8])
    assert refused.value.reason is Reason.AMBIGUOUS
    assert found(lookup, Selection(batch_name="nightly"), 50) == list(range(1, most + 1))
    assert found(lookup, Selection(batch_name="other", newest_first=True), 50) == [most + 2, most + 1]
    (plan,) = plan_of(connection, selection.Statement("SELECT row FROM batches WHERE owner = ? AND name = ?", (OWNERS[0], "nightly")))
    assert "(name=? AND owner=?)" in plan


def history(count: int) -> list[Job]:
    """Return jobs of which every hundredth failed, and one runs."""
    jobs = []
    for row in range(1, count + 1):
        times = dict(zip(JobTime, (row * 10, row * 10 + 1, row * 10 + 5), strict=True))
        name, labels = ("build", (LABELS[0],)) if row % 7 == 0 else ("", ())
        jobs.append(Job(row, OWNERS[0], ENDED, name, row // 100 or None, labels, times, row % 100 != 0))
    return jobs


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Selection], tuple[int, int]]]:
    """Return a function that counts the steps for one page in a short history and in a long one."""
    with (
        closing(tables.connect(tmp_path_factory.mktemp("short") / "db")) as short,
        closing(tables.connect(tmp_path_factory.mktemp("long") / "db")) as long,
    ):
        looks = []
        for store, count in ((short, 1000), (long, 50_000)):
            tables.prepare(store, Path("db"))
            fill(store, history(count))
            reads = Reads(store)
            looks.append((reads, Lookup(reads, {}), count))  # type: ignore[arg-type] # reason: of a store it only reads

        def cost(wanted: Selection) -> tuple[int, int]:
            spent = []
            for reads, lookup, count in looks:
                reads.steps = 0
                # The last hour, wherever it is.
                since = wanted.since_us if wanted.since_us is None else count * 10 - wanted.since_us
                page = lookup.page(dataclasses.replace(wanted, since_us=since), None, 50)
                assert list(page.jobs)
                spent.append(reads.steps)
            return spent[0], spent[1]

        yield cost


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(newest_first=True),
        Selection(failed=True, sorted_by=JobTime.ENDED, since_us=5000, newest_first=True),
        Selection(since_us=5000),
        Selection(owner=OWNERS[0], newest_first=True),
        Selection(runs=(7,)),
        Selection(sorted_by=JobTime.STARTED, newest_first=True),
    ],
)
def test_a_page_costs_the_same_however_long_the_history_is(costs: Callable[[Selection], tuple[int, int]], wanted: Selection) -> None:
    short, long = costs(wanted)
    assert long <= short * 1.3


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(name="build", newest_first=True),
        Selection(begins="bui", newest_first=True),
        Selection(begins="b", newest_first=True),
        Selection(labels=LABELS[:1], since_us=5000),
    ],
)
def test_a_filter_with_many_jobs_costs_no_more_than_one_with_few(costs: Callable[[Selection], tuple[int, int]], wanted: Selection) -> None:
    # Counting up to `FEW` is all that is added.
    _, long = costs(wanted)
    assert long < 40_000


def test_what_begins_so_is_found_among_few_however_old_it_is(connection: sqlite3.Connection) -> None:
    jobs = history(3 * selection.FEW)
    old = jobs[0]._replace(name="zebra")
    fill(connection, [old, *jobs[1:]])
    reads = Reads(connection)
    lookup = Lookup(reads, {})  # type: ignore[arg-type] # reason: of a store it only reads
    page = lookup.page(Selection(begins="ze", newest_first=True), None, 50)
    assert [job and job.row for _, job in page.jobs] == [1]
    assert page.onward is None
    assert reads.steps < 1000


async def test_a_job_of_the_desk_is_listed_as_the_desk_knows_it(house: House) -> None:
    job = await house.accept_one()
    page = house.lookup.page(Selection(states=ALIVE), None, 10)
    assert [one for _, one in page.jobs] == [job]
    assert not [one for _, one in house.lookup.page(Selection(failed=True), None, 10).jobs if one]
    house.engine.effects.clear()


async def test_a_page_that_is_made_meanwhile_shows_jobs_as_they_are_by_then(house: House) -> None:
    await house.accept_one()
    running, all_of_them = (house.lookup.page(selection, None, 10) for selection in (Selection(states=ALIVE), Selection()))
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    assert [job for _, job in running.jobs] == [None]
    assert [job and job.state for _, job in all_of_them.jobs] == [State.FINISHED]
    house.engine.effects.clear()


async def test_a_page_that_is_made_meanwhile_leaves_out_what_was_forgotten(house: House) -> None:
    await house.accept_one()
    page = house.lookup.page(Selection(), None, 10)
    house.live.clear()
    assert [job for _, job in page.jobs] == [None]
    house.engine.effects.clear()
    house.engine.effects.clear()


async def test_an_older_store_learns_which_jobs_are_ok_and_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    spec = job_pb2.JobSpec(argv=[b"true"], labels=[job_pb2.Label(name="team", value="a\0b"), job_pb2.Label(name="team", value="a\0b")])
    with pytest.MonkeyPatch.context() as before:
        before.setattr(tables, "VERSION", 5)
        with closing(tables.connect(path)) as old:
            tables.prepare(old, path)
            for number, outcome in ((1, {"kind": 1}), (2, {"kind": 1, "exit_status": 1}), (3, {"kind": 1, "stdout_problem": "cut"})):
                old.execute(
                    "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at, ended_at, outcome)"
                    " VALUES (?, ?, ?, x'', 4, '', 1, ?, 1, 5, 6, ?)",
                    (number, *key(number), spec.SerializeToString(), job_pb2.Outcome(**outcome).SerializeToString()),
                )
    store = Store(path, asyncio.get_running_loop(), lambda: None)
    lookup = Lookup(store, {})
    assert found(lookup, Selection(failed=True), 50) == [2, 3]
    assert found(lookup, Selection(labels=(("team", "a\0b"),)), 50) == [1, 2, 3]
    assert store.read("PRAGMA integrity_check") == [("ok",)]
    store.close()


async def test_what_ends_is_ok_or_not_and_what_is_forgotten_leaves_no_label(tmp_path: Path) -> None:
    house = House(tmp_path / "state.db", EngineDouble())
    house.open()
    spec = dataclasses.replace(asked(1).spec, labels=(("team", "blue"),))
    await house.accept(dataclasses.replace(asked(1), spec=spec))
    assert house.store.read("SELECT name, value, job FROM labels") == [("team", "blue", 1)]
    assert house.store.read("SELECT ok FROM jobs") == [(None,)]
    house.stop(*house.live.values())
    house.desk.hear([started(1), ended(1, 3)])
    await house.durable()
    assert house.store.read("SELECT ok FROM jobs") == [(0,)]
    house.forgetting.forget([key(1)], lambda _: None)
    await house.durable()
    assert house.store.read("SELECT * FROM labels") == []
    house.engine.effects.clear()
    house.store.close()


@pytest.mark.parametrize(("size", "rows"), [(10, [6]), (100 * 1024, [2, 2, 2]), (600 * 1024, [1] * 6)])
async def test_of_a_page_only_so_many_bytes_are_read_at_once(
    house: House, size: int, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 7):
        await house.accept(asked_with(number, stdin=bytes([number]) * size))
        house.desk.hear([started(number), ended(number)])
        await house.durable()
    select, read = house.lookup._select, list[int]()

    def noted(where: str, *parameters: object) -> list[Row]:
        found = select(where, *parameters)
        read.append(len(found))
        return found

    monkeypatch.setattr(house.lookup, "_select", noted)
    page = house.lookup.page(Selection(), None, 10)
    assert read == [], "nothing is read before it is asked for"
    assert [job and job.spec.stdin for _, job in page.jobs] == [bytes([number]) * size for number in range(1, 7)]
    assert read == rows
    assert [job.key for job in house.lookup.jobs_at([3, 1, 9, 2])] == [key(3), key(1), key(2)]
    house.engine.effects.clear()

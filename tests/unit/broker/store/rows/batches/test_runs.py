"""Runs of batches in the store: pages of them, by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobwire.broker.store import tables
from jobwire.broker.store.rows.batches import runs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(tables.connect(tmp_path / "state.db")) as connection:
        tables.prepare(connection, tmp_path / "state.db")
        yield connection


def read_of(store: sqlite3.Connection, plans: list[str] | None = None) -> runs._Read:
    def read(sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        if plans is not None:
            plans.extend([row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}", values)])
        return store.execute(sql, values).fetchall()

    return read


def fill(store: sqlite3.Connection, made: Sequence[tuple[bytes, str, int]]) -> None:
    store.execute("DELETE FROM batches")
    store.executemany(
        "INSERT INTO batches (owner, id, name, parallel, jobs, queued_at) VALUES (?, ?, ?, 0, 1, ?)",
        [(owner, number.to_bytes(16, "big"), name, queued_at) for number, (owner, name, queued_at) in enumerate(made)],
    )


OWNERS, NAMES = st.sampled_from([b"a" * 32, b"b" * 32]), st.sampled_from(["nightly", "sweep"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.tuples(OWNERS, NAMES, st.integers(1, 5)), max_size=30),
    OWNERS | st.just(b""),
    NAMES | st.just(""),
    st.integers(1, 7),
)
def test_pages_show_each_run_once_and_the_newest_first(
    store: sqlite3.Connection, made: list[tuple[bytes, str, int]], owner: bytes, name: str, limit: int
) -> None:
    fill(store, made)
    found: list[runs.Run] = []
    after = None
    while True:
        page = runs.page(read_of(store), owner, name, after, limit)
        assert len(page.runs) <= limit
        found += page.runs
        if page.onward is None:
            break
        after = page.onward
    wanted = [(at, number) for number, (whose, named, at) in enumerate(made) if owner in (whose, b"") and name in (named, "")]
    assert [(run.queued_at_us, int.from_bytes(run.batch.id, "big")) for run in found] == sorted(wanted, reverse=True)


@pytest.mark.parametrize("owner", [b"", b"a" * 32])
@pytest.mark.parametrize("name", ["", "nightly"])
@pytest.mark.parametrize("after", [None, runs.Place(3, 3)])
def test_a_page_is_found_by_an_index_and_not_sorted(store: sqlite3.Connection, owner: bytes, name: str, after: runs.Place | None) -> None:
    plans: list[str] = []
    runs.page(read_of(store, plans), owner, name, after, 10)
    assert "USING INDEX batches_by" in plans[0]
    # Only the few jobs that run are grouped.
    assert not any("TEMP B-TREE FOR ORDER" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN jobs")] == ["SCAN jobs USING INDEX jobs_running"]

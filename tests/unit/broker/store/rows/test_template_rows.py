"""Batches of schedules in the store: what is removed with them is found by indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from jobwire.broker.store import tables
from jobwire.broker.store.rows import template_rows
from jobwire.broker.store.staged_writes import DropTemplate


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(tables.connect(tmp_path / "state.db")) as connection:
        tables.prepare(connection, tmp_path / "state.db")
        yield connection


def test_a_batch_without_a_schedule_is_removed_without_a_look_at_all_jobs(store: sqlite3.Connection) -> None:
    store.execute("INSERT INTO proofs (row, envelope) VALUES (7, x'')")
    store.execute("INSERT INTO staged_runs (row, owner, id, aged_from, proof, is_whole, schedule) VALUES (1, x'01', x'02', 0, 7, 1, -1)")
    plans: list[str] = []

    def execute(sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        plans.extend(row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}", values))
        return store.execute(sql, values)

    write = DropTemplate()
    template_rows.drop(execute, write)
    assert write.more
    assert store.execute("SELECT count(*) FROM staged_runs").fetchone() == (0,)
    assert store.execute("SELECT count(*) FROM proofs").fetchone() == (0,)
    assert not [plan for plan in plans if plan.startswith("SCAN jobs")], plans


def test_the_part_of_a_job_is_looked_at_first_and_then_those_around_it() -> None:
    assert [template_rows.nearest_first([2, 2, 2, 2], position)[0] for position in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert template_rows.nearest_first([2, 2, 2, 2], 5) == [2, 1, 3, 0]
    # Others were forgotten, or more have come.
    assert template_rows.nearest_first([2, 2], -1) == [0, 1]
    assert template_rows.nearest_first([2, 2], 9) == [1, 0]

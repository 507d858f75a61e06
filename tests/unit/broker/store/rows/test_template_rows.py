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

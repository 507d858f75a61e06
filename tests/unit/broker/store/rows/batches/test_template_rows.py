"""Batches of schedules in the store: what is removed with them is found by indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from jobwire.broker.store import tables
from jobwire.broker.store.rows.batches import staged_queries, template_rows
from jobwire.broker.writes.staged import DropTemplate
from jobwire.schemas.batches.parts import KeptJob, join


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


def test_what_a_broker_tells_workers_of_a_run_is_found_by_indexes(store: sqlite3.Connection) -> None:
    plans: list[str] = []

    def read(sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        plans.extend(row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}", values))
        return store.execute(sql, values).fetchall()

    store.execute("INSERT INTO batches (row, owner, id, name, parallel) VALUES (4, x'01', x'03', '', 0)")
    store.execute("INSERT INTO staged_runs (row, owner, id, aged_from, proof, schedule) VALUES (1, x'01', x'02', 0, 7, 5)")
    store.execute("INSERT INTO staged_runs (row, owner, id, aged_from, proof, template, due) VALUES (2, x'01', x'03', 0, 7, 1, 60)")
    store.execute(
        "INSERT INTO staged_parts (run, number, jobs, content, hashes, hash, spec_bytes, priority, nice)"
        " VALUES (1, 0, 1, ?, x'55', x'', 0, 0, 0)",
        (join([KeptJob(b"j" * 16, b"d" * 16, b"spec")]),),
    )
    assert template_rows.run_of(read, 4) == (b"\3", 1, 60)
    assert [job.id for job in template_rows.jobs_of(read, 1, 0)] == [b"j" * 16]
    assert staged_queries.hashes_of(read, 7) == [(0, b"\x55")]
    assert not [plan for plan in plans if plan.startswith("SCAN")], plans


def test_the_part_of_a_job_is_looked_at_first_and_then_those_around_it() -> None:
    assert [template_rows.nearest_first([2, 2, 2, 2], position)[0] for position in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert template_rows.nearest_first([2, 2, 2, 2], 5) == [2, 1, 3, 0]
    # Others were forgotten, or more have come.
    assert template_rows.nearest_first([2, 2], -1) == [0, 1]
    assert template_rows.nearest_first([2, 2], 9) == [1, 0]

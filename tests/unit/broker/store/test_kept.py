"""What is read of a store while no worker runs, and what a worker takes up at its start: found by indexes, however long the history is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from desk_house import asked, key

from jobwire.broker.store import kept, tables
from jobwire.broker.store.rows.fleet import relays


def test_the_jobs_that_have_not_ended_are_found_without_a_look_at_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    with closing(tables.connect(path)) as store:
        tables.prepare(store, path)
        store.executemany(
            "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at, pid, ok)"
            " VALUES (?, ?, ?, x'', ?, ?, 1, ?, 1, ?, ?, ?)",
            [
                (1, *key(1), 4, "ended", asked(1).raw, 1, 101, 1),
                (2, *key(2), 2, "running", asked(2).raw, 9, 102, None),
                (3, *key(3), 1, "queued", asked(3).raw, 3, 0, None),
            ],
        )
        asked_for: list[str] = []
        connect = sqlite3.connect

        def traced(place: str, *, uri: bool) -> sqlite3.Connection:
            connection = connect(place, uri=uri)
            connection.set_trace_callback(asked_for.append)
            return connection

        monkeypatch.setattr(sqlite3, "connect", traced)
        assert [(one.name, one.pid) for one in kept.unfinished(path)] == [("running", 102), ("queued", 0)]
        assert not scans(store, asked_for)

        def read(sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
            asked_for.append(sql)
            return store.execute(sql, values).fetchall()

        asked_for.clear()
        assert not list(relays.unsettled(read))
        assert not scans(store, asked_for)


def scans(store: sqlite3.Connection, statements: Sequence[str]) -> list[str]:
    plans = [row[3] for sql in statements for row in store.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert plans
    return [plan for plan in plans if plan in {"SCAN jobs", "SCAN relayed"}]

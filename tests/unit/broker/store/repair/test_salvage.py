"""What is taken over from a store that is replaced: as much as can be read, and nothing that would start by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobwire.broker.jobs.job import BatchRun, RunKey
from jobwire.broker.store import tables
from jobwire.broker.store.repair.salvage import Salvaged, salvage
from jobwire.broker.store.rows import schedule_rows
from jobwire.broker.store.rows.batches import staged_rows, template_rows
from jobwire.broker.store.rows.tombstones import mark_of
from jobwire.broker.writes.schedules import AddSchedule, Fired, Firing, ScheduleRow
from jobwire.broker.writes.staged import StagedJob, StagePart, StartRun
from jobwire.schemas.batches.parts import KeptJob, hash_of_part, join
from jobwire.schemas.naming import JobKey, scheduled_job_id
from jobwire.schemas.refusal import Reason, Refused

OWNER = b"o" * 32


def row(number: int, name: str) -> ScheduleRow:
    return ScheduleRow(
        0, OWNER, bytes([number]) * 16, name, b"spec", "@daily", "UTC", 1, 1, paused=False, fired_upto_us=7, waiting=(5,), proof=b"proof"
    )


def make(path: Path, *names: str) -> None:
    with closing(tables.connect(path)) as store:
        tables.prepare(store, path)
        for number, name in enumerate(names):
            write = AddSchedule(row(number, name), [b"digest"])
            schedule_rows.add(store.execute, write)
            assert isinstance(write.result, int)
            schedule_rows.record(store.execute, Fired(write.result, 9, (5,), [Firing(9, b"j" * 16)]))
        store.execute("INSERT INTO capacity (name, value, proof) VALUES ('slots', '12', x'01')")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(tables.connect(tmp_path / "fresh")) as store:
        tables.prepare(store, tmp_path / "fresh")
        yield store


def test_schedules_come_back_paused_and_settings_as_they_were(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    make(tmp_path / "old", "first", "second")
    assert salvage(tmp_path / "old", fresh, lambda _: True) == Salvaged(("first", "second"), ("slots=12",), "")
    found = schedule_rows.read_all(lambda text: fresh.execute(text).fetchall())
    assert [(one.name, one.paused, one.fired_upto_us, one.waiting, one.proof) for one in found] == [
        ("first", True, 9, (), b"proof"),
        ("second", True, 9, (), b"proof"),
    ]
    assert fresh.execute("SELECT job FROM files WHERE digest = x'646967657374'").fetchall() == [(-found[0].row,), (-found[1].row,)]
    assert schedule_rows.firings(lambda text, values: fresh.execute(text, values).fetchall(), found[1].row, 9) == [Firing(9, b"j" * 16)]
    assert fresh.execute("SELECT name, value FROM capacity").fetchall() == [("slots", "12")]


def test_what_is_no_schedule_is_left_out_and_told(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    make(tmp_path / "old", "first", "second", "third")
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as store:
        store.execute("UPDATE schedules SET waiting = 'noon' WHERE name = 'third'")
        store.execute("UPDATE capacity SET value = 'many'")
    found = salvage(tmp_path / "old", fresh, lambda one: one.name != "first")
    assert (found.schedules, found.settings) == (("second",), ())
    assert found.problem


@pytest.mark.parametrize("table", ["schedules", "capacity"])
def test_a_damaged_table_costs_only_itself(tmp_path: Path, fresh: sqlite3.Connection, table: str) -> None:
    old = tmp_path / "old"
    make(old, "first")
    with closing(sqlite3.connect(old, isolation_level=None)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = store.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    with old.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    found = salvage(old, fresh, lambda _: True)
    assert (found.schedules, found.settings) == (((), ("slots=12",)) if table == "schedules" else (("first",), ()))
    assert "malformed" in found.problem


@pytest.mark.parametrize("content", [None, b"", b"no store at all" * 1000])
def test_of_what_is_no_store_nothing_is_taken(tmp_path: Path, fresh: sqlite3.Connection, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "old").write_bytes(content)
    found = salvage(tmp_path / "old", fresh, lambda _: True)
    assert (found.schedules, found.settings, bool(found.problem)) == ((), (), bool(content))


def test_the_batch_of_a_schedule_comes_back_with_it_or_neither_does(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    make(tmp_path / "old")
    with closing(tables.connect(tmp_path / "old")) as store:
        for number, name in enumerate(("whole", "broken")):
            batch = bytes([number + 7]) * 16
            content = join([KeptJob(batch, b"d" * 16, b"spec")])
            part = StagePart(RunKey(OWNER, batch), 0, [StagedJob(batch, b"d" * 16)], content, bytes([number]) * 32, 4, 0, for_schedule=True)
            part.files = [b"digest"]
            list(staged_rows.stage(store, part))
            hashes = [hash_of_part([part.hashes])]
            write = AddSchedule(row(number, name)._replace(spec=b"", batch=b"batch"), staged=batch, parts=hashes)
            schedule_rows.add(store.execute, write)
            assert isinstance(write.result, int)
        store.execute("DELETE FROM staged_parts WHERE run = (SELECT row FROM staged_runs WHERE schedule = ?)", (write.result,))
    found = salvage(tmp_path / "old", fresh, lambda _: True)
    assert (found.schedules, found.problem) == (("whole",), "the batch of the schedule broken cannot be read")
    (kept,) = schedule_rows.read_all(lambda text: fresh.execute(text).fetchall())
    template = template_rows.read_template(lambda text, values: fresh.execute(text, values).fetchall(), kept.row)
    assert template is not None
    assert (kept.name, kept.batch, template.jobs, template.spec_bytes) == ("whole", b"batch", 1, 4)
    assert fresh.execute("SELECT count(*) FROM files").fetchone() == (1,)


def test_a_run_of_such_a_batch_that_was_forgotten_starts_no_more(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    make(tmp_path / "old")
    batch, run, staged = b"t" * 16, b"r" * 16, [StagedJob(bytes([number]) * 16, b"d" * 16) for number in range(2)]
    content = join([KeptJob(job.id, job.digest, b"spec") for job in staged])
    with closing(tables.connect(tmp_path / "old")) as store:
        part = StagePart(RunKey(OWNER, batch), 0, staged, content, b"h" * 64, 8, 0, for_schedule=True)
        list(staged_rows.stage(store, part))
        hashes = [hash_of_part([part.hashes])]
        schedule_rows.add(store.execute, AddSchedule(row(1, "daily")._replace(spec=b"", batch=b"batch"), staged=batch, parts=hashes))
        ids = store.execute("SELECT owner, id, part, digest FROM staged_ids ORDER BY id").fetchall()
    assert salvage(tmp_path / "old", fresh, lambda _: True).problem == ""
    assert fresh.execute("SELECT owner, id, part, digest FROM staged_ids ORDER BY id").fetchall() == ids
    (template,) = fresh.execute("SELECT row FROM staged_runs").fetchone()
    for job in staged:
        fresh.execute("INSERT INTO tombstones (mark) VALUES (?)", (mark_of(JobKey(OWNER, scheduled_job_id(run, job.id))),))
    again = StartRun(OWNER, BatchRun(run, "", 0), template, 5, Fired(0, 5, (), []), b"", 0)
    template_rows.start(fresh.execute, again, 0)
    assert isinstance(again.result, Refused)
    assert again.result.reason is Reason.FORGOTTEN

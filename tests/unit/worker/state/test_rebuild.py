"""Which folder describes a job whose store is lost. For the rest of a worker: tests/system/disk/test_rebuild.py."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jobwire.broker.engine import Launch
from jobwire.broker.store import tables
from jobwire.broker.store.rows import schedule_rows
from jobwire.broker.writes.schedules import AddSchedule, ScheduleRow
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state import layout, rebuild
from jobwire.worker.state.log_folders import folders, new_folders, outcomes
from jobwire.worker.state.log_folders.outcomes import OutcomeFile

START = 1_795_500_000_000_000
SECOND = 1_000_000


def make_run(state: Path, attempt: int, pid: int, start: int, end: int = 0) -> Path:
    logs = state / layout.LOGS
    logs.mkdir(parents=True, exist_ok=True)
    key = AttemptKey(b"o" * 32, b"i" * 16, attempt)
    new_folders.write_intent(str(logs), Launch(key, JobSpec((b"true",))), directory=b"/", grace_ms=1)
    folder = Path(folders.intent_path(str(logs), folders.handle(key)))
    if not pid:
        (folder / "stderr").touch()
        return folder
    if end:
        outcome = OutcomeFile("exited", exit_status=attempt, pid=pid, started_at_us=start, ended_at_us=end)
        outcomes.write_outcome(str(folder), outcomes.outcome_text(outcome))
    return folder.rename(folders.run_path(str(logs), pid, start, end))


def stored(state: Path) -> list[tuple[int, int, int]]:
    with closing(sqlite3.connect(state / layout.STORE)) as store:
        return store.execute("SELECT attempt, state, pid FROM jobs").fetchall()


LATER = START + 9 * SECOND


# By start the one that counts is the last, the first, and one that still runs.
@pytest.mark.parametrize(("start", "end"), [(LATER, LATER + SECOND), (START - SECOND, START - 1), (LATER, 0)])
def test_of_several_attempts_the_last_one_counts(tmp_path: Path, start: int, end: int) -> None:
    state = tmp_path / "state"
    make_run(state, 1, 7, START, START + SECOND)
    make_run(state, 10, 10, start, end)
    make_run(state, 2, 8, START + 2 * SECOND, START + 3 * SECOND)
    found = rebuild.rebuild(state)
    assert stored(state) == [(10, 4 if end else 2, 10)]
    # Those before it are whole, and neither counted nor called unreadable.
    assert (found.ended, found.running, found.left_out) == (int(bool(end)), int(not end), [])
    # And they are recorded, so that a forget removes their logs too; nothing is tried again.
    with closing(sqlite3.connect(state / layout.STORE)) as store:
        assert store.execute("SELECT n, pid FROM attempts ORDER BY n").fetchall() == [(1, 7), (2, 8)]
        assert store.execute("SELECT never_retried FROM jobs").fetchall() == [(1,)]


def test_an_attempt_that_was_about_to_start_counts_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make_run(state, 1, 7, START, START + SECOND)
    make_run(state, 2, 0, 0)
    found = rebuild.rebuild(state)
    assert stored(state) == [(2, 1, 0)]
    assert (found.ended, found.starting, found.left_out) == (0, 1, [])


def test_of_two_folders_of_one_attempt_one_is_a_copy(tmp_path: Path) -> None:
    state = tmp_path / "state"
    older = make_run(state, 2, 7, START, START + SECOND)
    make_run(state, 2, 8, START + 2 * SECOND, START + 3 * SECOND)
    found = rebuild.rebuild(state)
    assert stored(state) == [(2, 4, 8)]
    assert found.left_out == [older.name]


def test_schedules_and_settings_of_the_old_store_are_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make_run(state, 1, 7, START, START + SECOND)
    spec = specs.to_wire(JobSpec((b"true",))).SerializeToString()
    # A time zone that this machine does not have is no damage; a spec that cannot be read is.
    rows = [("nightly", spec, "@daily", "UTC"), ("far", spec, "@daily", "Moon/Crater"), ("torn", b"\xff", "@daily", "UTC")]
    with closing(tables.connect(state / layout.STORE)) as store:
        tables.prepare(store, state / layout.STORE)
        for number, (name, raw, cron, zone) in enumerate(rows):
            row = ScheduleRow(
                0, b"o" * 32, bytes([number]) * 16, name, raw, cron, zone, 1, 1, paused=False, fired_upto_us=1, waiting=(), proof=b""
            )
            schedule_rows.add(store.execute, AddSchedule(row))
        store.execute("INSERT INTO capacity (name, value, proof) VALUES ('slots', '3', x'')")
    found = rebuild.rebuild(state, force=True)
    assert (list(found.schedules), list(found.settings), found.unread) == (
        ["nightly", "far"],
        ["slots=3"],
        "the schedule torn cannot be read",
    )
    with closing(sqlite3.connect(state / layout.STORE)) as store:
        assert store.execute("SELECT name, paused FROM schedules").fetchall() == [("nightly", 1), ("far", 1)]
    assert stored(state) == [(1, 4, 7)]

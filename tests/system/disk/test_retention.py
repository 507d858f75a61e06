"""A real worker drops jobs that ended long ago, and tells clients with older cursors. Jobs are aged between two runs of it."""

from __future__ import annotations

import signal
import sqlite3

import pytest
from daemons import Worker, wait_until

from jobwire.client.library.events import CursorTooOld
from jobwire.client.library.values.event import EventCursor
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.states import EventKind
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.state.log_folders import folders, found_folders

_DAYS_US = 40 * 24 * 3600 * 1_000_000


def make_old(worker: Worker) -> None:
    """Date everything forty days earlier, while the worker is not running."""
    store = sqlite3.connect(worker.state / "state.db")
    for row, pid, started_at, ended_at in store.execute("SELECT row, pid, started_at, ended_at FROM jobs").fetchall():
        then = started_at - _DAYS_US, ended_at - _DAYS_US
        was, now = (folders.run_path(str(worker.logs), pid, *times) for times in ((started_at, ended_at), then))
        (worker.logs / was).rename(now)
        store.execute("UPDATE jobs SET started_at = ?, ended_at = ?, aged_from = ? WHERE row = ?", (*then, then[1], row))
    for seq, payload in store.execute("SELECT seq, event FROM events").fetchall():
        event = event_pb2.Event.FromString(payload)
        event.at_us -= _DAYS_US
        store.execute("UPDATE events SET event = ?, aged_from = ? WHERE seq = ?", (event.SerializeToString(), event.at_us, seq))
    store.commit()
    store.close()


def counts(worker: Worker) -> tuple[int, ...]:
    store = sqlite3.connect(f"file:{worker.state / 'state.db'}?mode=ro", uri=True)
    try:
        tables = ("jobs", "events", "leftovers", "tombstones")
        return tuple(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    finally:
        store.close()


@pytest.fixture
def cursor(worker: Worker) -> EventCursor:
    """Run three jobs and make them old; return the cursor after the first event of all. The worker is running again."""
    with worker.client() as client, client.events() as events:
        for number in range(3):
            client.run(["echo", str(number)])
        first = next(events)
    worker.kill(signal.SIGTERM)
    make_old(worker)
    worker.start()
    return first.cursor


def test_what_is_too_old_is_dropped_with_its_logs_and_leaves_tombstones(worker: Worker, cursor: EventCursor) -> None:
    (worker.logs / "somebody else's").mkdir()
    wait_until(lambda: counts(worker) == (0, 0, 0, 3), "only tombstones are left")
    assert [path.name for path in worker.logs.iterdir()] == ["somebody else's"]
    with worker.client() as client:
        assert list(client.list(all=True)) == []
        assert client.run(["echo", "on"]).stdout == b"on\n"


def test_a_cursor_that_is_too_old_is_answered_with_how_to_continue(worker: Worker, cursor: EventCursor) -> None:
    wait_until(lambda: counts(worker)[:2] == (0, 0), "all is dropped")
    with worker.client() as client:
        lives = client.submit(["sleep", "1000"])
        with pytest.raises(CursorTooOld) as told:
            next(client.events(cursor))
        gap = told.value
        assert gap.code is Code.OUT_OF_RANGE
        assert f"events --from {gap.cursor}" in gap.next_step
        assert [job.id for job in gap.jobs()] == [lives.id]
        with client.events(gap.cursor) as events:
            lives.stop(grace=0)
            assert EventKind.FINISHED in (event.kind for event in events)


def test_a_folder_that_was_not_removed_before_a_crash_is_removed_after_it(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["echo", "x"])
        job.wait()
        info = job.info()
    folder = found_folders.find_run(str(worker.logs), info.pid or 0, info.started_at_us, info.ended_at_us)
    assert folder is not None
    worker.kill()
    store = sqlite3.connect(worker.state / "state.db")
    store.execute("INSERT INTO leftovers SELECT owner, id, attempt, pid, started_at, ended_at FROM jobs")
    store.execute("DELETE FROM jobs")
    store.commit()
    store.close()
    worker.start()
    wait_until(lambda: not list(worker.logs.iterdir()), "the folder is gone")
    wait_until(lambda: counts(worker)[2] == 0, "nothing is left to do")


@pytest.mark.parametrize("worker", [{"options": ("--keep-free", "9000T")}], indirect=True)
def test_with_too_little_free_disk_starts_are_refused_and_everything_else_continues(worker: Worker) -> None:
    with worker.client() as client:
        with pytest.raises(Refused, match="stay free") as refused:
            client.submit(["true"])
        assert refused.value.code is Code.RESOURCE_EXHAUSTED
        assert list(client.list(all=True)) == []

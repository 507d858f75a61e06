"""A lost or damaged store is rebuilt from the logs; no failure is silent, and nothing runs twice."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from raw_client import RawClient

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.schemas.generated import event_pb2, request_pb2
from jobwire.schemas.jobs.states import EventKind, OutcomeKind
from jobwire.schemas.naming import new_id, parse_id
from jobwire.schemas.refusal import Code, Refused


def store(worker: Worker) -> Path:
    return worker.state / "state.db"


def rebuild(worker: Worker, *options: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(worker.command("rebuild", "--json", *options).stdout)
    return found


def overwrite(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 512)


def gated(client: Client, gate: Path, status: int) -> Job:
    os.mkfifo(gate)
    return client.submit(["sh", "-c", f"echo out; read _ < {gate}; exit {status}"], name=gate.name)


def test_a_store_that_cannot_be_read_is_not_rebuilt_without_force(tmp_path: Path) -> None:
    """It may be intact, with queued jobs in it."""
    one = Worker(tmp_path)
    one.state.mkdir(mode=0o700)
    store(one).write_bytes(b"SQLite format 3\0")
    # Whoever reads this file gets an error, root too.
    store(one).with_name("state.db-wal").symlink_to("/proc/self/mem")
    (one.state / "logs" / "1_20261124T053951.123456Z").mkdir(parents=True)
    for said in (one.refusal(), one.command("rebuild", status=1).stderr):
        assert "state.db cannot be read or written" in said
        assert "jobwire worker rebuild" not in said
    assert "cannot be read or written" in str(rebuild(one, "--force")["damage"])


# Each kind of damage is a unit test of broker/store/repair/soundness.py too.
@pytest.mark.parametrize(
    "damage",
    ["gone", "page", pytest.param("header", marks=pytest.mark.soak), pytest.param("truncated", marks=pytest.mark.soak), "empty"],
)
def test_a_lost_store_is_rebuilt_from_the_logs(worker: Worker, tmp_path: Path, damage: str) -> None:
    with worker.client() as client:
        done = client.submit(["sh", "-c", "echo words; exit 7"])
        assert done.wait(60) == 7
        failed = client.submit(["/no/such/program"])
        assert failed.wait(60) == 127
        running = gated(client, tmp_path / "gate", 9)
        ids = [job.id for job in (done, failed, running)]
        wait_until(lambda: client.job(ids[2]).info().pid, "it runs")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        old_store = raw.hello().store
    # Then everything is in the file, and nothing in the WAL.
    worker.kill(signal.SIGTERM)
    size = store(worker).stat().st_size
    match damage:
        case "gone":
            store(worker).unlink()
        case "header":
            overwrite(store(worker), 0)
        case "page":
            overwrite(store(worker), size // 2 // 4096 * 4096)
        case "truncated":
            os.truncate(store(worker), size // 2)
        case "empty":
            os.truncate(store(worker), 0)
    said = worker.refusal()
    assert "state.db cannot be used" in said
    assert f"jobwire worker rebuild --state {worker.state}" in said

    found = rebuild(worker)
    assert (found["ended"], found["running"], found["starting"], found["lost"], found["left_out"]) == (2, 1, 0, 0, [])
    assert (worker.state / str(found["kept"])).is_file() == (damage != "gone")
    worker.start()
    with worker.client() as client:
        assert client.job(ids[0]).result(60).stdout == b"words\n"
        assert client.job(ids[0]).result(60).returncode == 7
        assert client.job(ids[1]).wait(60) == 127
        (tmp_path / "gate").write_bytes(b"go\n")
        assert client.job(ids[2]).result(60).returncode == 9
        assert client.job(ids[2]).result(60).stdout == b"out\n"
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        assert raw.hello().store != old_store
        replayed = raw.ask(raw.request(replay=request_pb2.Replay(after=event_pb2.Cursor(seq=0)))).replay.events
        assert [event.kind for event in replayed if event.key.id == parse_id(ids[2])] == [
            EventKind.QUEUED,
            EventKind.STARTED,
            EventKind.ADOPTED,
            EventKind.FINISHED,
        ]
        start = raw.start(b"touch", os.fsencode(tmp_path / "ran"), job_id=new_id())
        start.start.first_store = old_store
        refused = raw.ask(start).refusal
        assert (refused.code, "may have run" in refused.message) == (Code.FAILED_PRECONDITION, True)
        stale = raw.ask(raw.request(replay=request_pb2.Replay(after=event_pb2.Cursor(store=old_store, seq=1)))).refusal
        assert (stale.code, "another store" in stale.message) == (Code.OUT_OF_RANGE, True)
        # The same job is known, and another one with its id is refused.
        again = raw.ask(raw.start(b"sh", b"-c", b"echo words; exit 7", job_id=parse_id(ids[0])))
        assert again.acknowledged.known == 1
    assert not (tmp_path / "ran").exists()


def test_a_job_that_runs_another_one_again_still_says_so(worker: Worker) -> None:
    with worker.client() as client:
        first = client.submit(["true"])
        assert first.wait(60) == 0
        again = first.rerun()
        assert again.wait(60) == 0
    worker.kill(signal.SIGTERM)
    store(worker).unlink()
    assert rebuild(worker)["ended"] == 2
    worker.start()
    with worker.client() as client:
        assert client.info(again.id).rerun_of == first.key
        # A repeated rerun is the same job.
        assert [job.key for job in client.rerun([first], ids=[parse_id(again.id)])] == [again.key]


def test_a_start_that_was_queued_in_the_lost_store_is_never_run(tmp_path: Path) -> None:
    """The client repeats it by itself, to the rebuilt store, and is refused."""
    with Worker(tmp_path, slots=1).start() as worker:
        with worker.client() as client:
            running = gated(client, tmp_path / "gate", 5)
            queued = client.submit(["touch", str(tmp_path / "ran")])
            assert not queued.info().pid
            worker.kill()
            store(worker).unlink()
            rebuild(worker)
            worker.start()
            with pytest.raises(Refused, match="may have run") as refused:
                queued.wait(60)
            assert refused.value.code is Code.FAILED_PRECONDITION
            (tmp_path / "gate").write_bytes(b"go\n")
            # It is restored from its log folder, so its end is reported to clients that waited for it before.
            assert running.wait(60) == 5
        assert not (tmp_path / "ran").exists()


def test_a_subscriber_of_the_lost_store_learns_that_it_is_lost(worker: Worker) -> None:
    with worker.client() as client, client.events() as events:
        client.run(["true"])
        assert next(events).kind is EventKind.QUEUED
        worker.kill()
        store(worker).unlink()
        rebuild(worker)
        worker.start()
        with pytest.raises(Refused, match="another store") as refused:
            for _ in events:
                pass
        assert refused.value.code is Code.OUT_OF_RANGE


def test_intents_without_a_process_are_lost_and_never_started(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        client.run(["true"])
        done = client.submit(["touch", str(tmp_path / "ran")])
        done.wait(60)
    worker.kill(signal.SIGTERM)
    (tmp_path / "ran").unlink()
    folder = max(worker.logs.iterdir(), key=lambda path: path.name.split("_")[1])
    for name in ("stdout", "stderr", "outcome"):
        (folder / name).unlink()
    folder.rename(worker.logs / f".new-{parse_id(done.id).hex()}.{worker.admin.public.hex()}")
    store(worker).unlink()
    found = rebuild(worker)
    assert (found["ended"], found["lost"]) == (1, 1)
    worker.start()
    with worker.client() as client:
        outcome = client.job(done.id).info().outcome
        assert outcome is not None
        assert outcome.kind is OutcomeKind.LOST
        assert "not started before the store was lost" in outcome.sentence
    assert not (tmp_path / "ran").exists()


def test_an_intact_store_is_left_unchanged_without_force_and_so_is_that_of_a_running_worker(worker: Worker) -> None:
    with worker.client() as client:
        client.run(["true"])
    assert "another worker" in worker.command("rebuild", status=1).stderr
    worker.kill(signal.SIGTERM)
    assert "is intact" in worker.command("rebuild", status=1).stderr
    said = worker.command("rebuild", "--force")
    assert "ended        1" in said.stdout
    assert "the old store is kept" in said.stderr
    worker.start()


def test_foreign_and_damaged_folders_are_left_out_and_left_unchanged(worker: Worker) -> None:
    with worker.client() as client:
        client.run(["true"])
    worker.kill(signal.SIGTERM)
    (folder,) = worker.logs.iterdir()
    (worker.logs / "notes").mkdir()
    broken = worker.logs / "77_20261124T053951.123456Z_20261124T053951.123457Z"
    broken.mkdir()
    (broken / "job").write_text("{")
    copy = worker.logs / "78_20261124T053951.123456Z_20261124T053951.123457Z"
    copy.mkdir()
    (copy / "job").write_bytes((folder / "job").read_bytes())
    store(worker).write_bytes(b"")
    found = rebuild(worker)
    # The copy looks older, and does not count.
    assert (found["ended"], found["lost"]) == (1, 0)
    assert min(found["left_out"]) == broken.name  # type: ignore[call-overload]
    assert len(found["left_out"]) == 2  # type: ignore[arg-type]
    assert (worker.logs / "notes").is_dir()
    worker.start()

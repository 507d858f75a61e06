"""A restart of the machine is distinguished from one of the worker by the boot id, which is faked here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.schemas.jobs.states import EventKind, OutcomeKind


def reboot(worker: Worker) -> None:
    """Kill all daemons at once, and change the recorded boot id."""
    told = worker.described()
    worker.kill()
    os.kill(told["keeper_pid"], signal.SIGKILL)
    os.kill(told["supervisor_pid"], signal.SIGKILL)
    (worker.state / "boot").write_text("11111111-2222-3333-4444-555555555555\n")
    told["boot_id"] = "11111111-2222-3333-4444-555555555555"
    (worker.state / "worker.json").write_text(json.dumps(told))


@pytest.mark.parametrize("logs", ["kept", "removed"])
def test_jobs_that_ran_are_lost_with_a_reason_and_those_that_waited_start(tmp_path: Path, logs: str) -> None:
    with Worker(tmp_path, slots=1).start() as worker:
        with worker.client() as client:
            running = client.submit(["sh", "-c", "echo out; exec sleep 60"])
            pid = wait_until(lambda: client.job(running.id).info().pid, "it runs")
            queued = client.submit(["sh", "-c", f"echo ran >> {tmp_path / 'ledger'}"])
        reboot(worker)
        if logs == "removed":
            shutil.rmtree(next(worker.logs.glob(f"{pid}_*")))
        worker.start()
        with worker.client() as client:
            outcome = client.job(running.id).info().outcome or client.job(running.id).result(60).outcome
            assert outcome.kind is OutcomeKind.LOST
            assert "the machine was restarted while it ran" in outcome.sentence
            assert client.job(queued.id).wait(60) == 0
        assert (tmp_path / "ledger").read_text() == "ran\n"
        # Here it continues to run, like another process to which its pid may have been given: it must not be touched.
        assert Path(f"/proc/{pid}").exists()
        os.kill(pid, signal.SIGKILL)


def test_jobs_adopted_after_a_restart_of_the_worker_are_told_so(worker: Worker) -> None:
    with worker.client() as client, client.events() as events:
        running = client.submit(["sleep", "60"])
        wait_until(lambda: client.job(running.id).info().pid, "it runs")
        worker.kill()
        worker.start()
        kinds = [next(events).kind for _ in range(3)]
        assert kinds == [EventKind.QUEUED, EventKind.STARTED, EventKind.ADOPTED]
        client.job(running.id).stop(grace=0)


def test_a_newer_store_is_refused_with_a_message(worker: Worker) -> None:
    worker.kill(signal.SIGTERM)
    connection = sqlite3.connect(worker.state / "state.db")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.close()
    said = worker.refusal()
    assert f"was written by a newer jobwire (store version {version + 1}, this one knows {version})" in said
    assert "start the newer jobwire" in said
    assert "is intact" in worker.command("rebuild", status=1).stderr
    connection = sqlite3.connect(worker.state / "state.db")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    worker.start()

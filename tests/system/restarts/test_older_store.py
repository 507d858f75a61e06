"""A store that was restored from a backup: what ran meanwhile does not run again, and what it does not know is named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from daemons import Worker, wait_until

from jobwire.schemas.jobs.states import State


def test_an_older_store_runs_nothing_twice_and_names_the_process_that_it_does_not_know(tmp_path: Path) -> None:
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    os.mkfifo(gate)
    with Worker(tmp_path, slots=1).start() as worker:
        with worker.client() as client:
            first = client.submit(["sh", "-c", f"echo first >> {ledger}; read _ < {gate}; exit 3"]).id
            queued = client.submit(["sh", "-c", f"echo queued >> {ledger}; exit 4"]).id
            wait_until(lambda: client.job(first).info().state is State.RUNNING, "the first runs")
        worker.kill()
        backup = tmp_path / "backup"
        backup.mkdir()
        for path in worker.state.glob("state.db*"):
            shutil.copy(path, backup)
        gate.write_bytes(b"go\n")
        with worker.start().client() as client:
            assert client.job(queued).result(timeout=60).returncode == 4
            unknown = client.job(client.submit(["sh", "-c", f"read _ < {gate}"]).id)
            pid = wait_until(lambda: unknown.info().pid, "the one that the backup does not know runs")
        worker.kill()
        for path in backup.iterdir():
            shutil.copy(path, worker.state)
        with worker.start().client() as client:
            assert [client.job(one).result(timeout=60).returncode for one in (first, queued)] == [3, 4]
        assert ledger.read_text().split() == ["first", "queued"]
        assert f"process {pid} belongs to job " in worker.log.read_text()
        gate.write_bytes(b"go\n")

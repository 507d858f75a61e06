"""A worker that waits for something before it is ready ends when it is told to, and the next one continues where it was."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from processes import open_files

from jobwire.schemas.jobs.states import State


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_for_its_supervisor_before_it_is_ready_exits_when_told(tmp_path: Path, number: signal.Signals) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Worker(tmp_path).start() as worker:
        with worker.client() as client:
            job = client.submit(["sh", "-c", f"read _ < {gate}; exit 7"]).id
            wait_until(lambda: client.job(job).info().state is State.RUNNING, "the job runs")
        supervisor = worker.described()["supervisor_pid"]
        worker.kill()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            ready = worker.begin()
            assert worker.process is not None
            # Sent at once, it would be pending until there is somebody to hear it; then the worker waits already.
            wait_until(lambda: holds_store(worker), "the worker has opened its store")
            worker.process.send_signal(number)
            assert worker.process.wait(60) == 0
        finally:
            worker.kill()
            os.kill(supervisor, signal.SIGCONT)
        assert not os.read(ready, 1), "it said that it was ready"
        os.close(ready)
        gate.write_bytes(b"go\n")
        with worker.start().client() as client:
            assert client.job(job).result(timeout=60).returncode == 7


def test_a_worker_that_is_told_again_and_again_exits_with_0_and_says_nothing(tmp_path: Path) -> None:
    with Worker(tmp_path).start() as worker:
        process = worker.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            while process.poll() is None:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    process.send_signal(number)
                # Much later, they would not find it in its last moments.
                select.poll().poll(1)
        assert process.returncode == 0
        assert "Traceback" not in worker.logged()


def holds_store(worker: Worker) -> bool:
    assert worker.process is not None
    return str(worker.state / "state.db") in open_files(worker.process.pid)

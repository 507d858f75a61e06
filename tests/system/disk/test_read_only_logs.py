"""The folder of logs becomes read-only while jobs are running: nothing is lost, starts wait, and everything continues afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.schemas.jobs.states import State


def mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode()}")


@pytest.fixture
def logs(worker: Worker) -> Iterator[Path]:
    """Return the folder of logs; mounts on it are removed afterwards."""
    yield worker.logs
    subprocess.run(["umount", "-l", worker.logs], capture_output=True, check=False)


def test_ends_are_reported_starts_wait_and_outcomes_are_written_later(worker: Worker, logs: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"echo one; read _ < {gate}; echo two; exit 7"])
        wait_until(lambda: job.read_range("stdout", 0, 10)[0], "it runs")
        # A second mount, because one with files open for writing cannot become read-only. Those stay open below it.
        mount("--bind", logs, logs)
        mount("-o", "remount,ro,bind", logs)
        waiting, cancelled = client.submit(["echo", "at last"]), client.submit(["true"])
        reason = "the disk of its logs is full or read-only"
        wait_until(lambda: waiting.info().waits_for == cancelled.info().waits_for == reason, "their starts are delayed")
        assert cancelled.stop(timeout=60).outcome.sentence == "stopped before it could start"
        gate.write_bytes(b"\n")
        result = job.result(timeout=60)
        assert (result.returncode, result.stdout) == (7, b"one\ntwo\n")
        assert waiting.info().state is State.QUEUED
        mount("-o", "remount,rw,bind", logs)
        assert waiting.result(timeout=60).stdout == b"at last\n"
        (folder,) = logs.glob(f"{job.pid}_*")
        wait_until(lambda: (folder / "outcome").exists() or list(logs.glob(f"{job.pid}_*_*/outcome")), "the outcome is written")
        assert job.read_range("stdout", 0, 100)[0] == b"one\ntwo\n"
        assert job.forget().jobs == 1
        wait_until(lambda: not list(logs.glob(f"{job.pid}_*")), "its folder goes with it")
    assert "Traceback" not in worker.logged()


def test_a_supervisor_that_is_killed_meanwhile_loses_nothing(worker: Worker, logs: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        ending = client.submit(["sh", "-c", f"echo one; read _ < {gate}; echo two; exit 7"])
        running = client.submit(["sh", "-c", "echo three; exec sleep 60"])
        for job in (ending, running):
            wait_until(lambda job=job: job.read_range("stdout", 0, 10)[0], "it runs")
        mount("--bind", logs, logs)
        mount("-o", "remount,ro,bind", logs)
        worker.kill_supervisor()
        gate.write_bytes(b"\n")
        wait_until(lambda: ending.info().waits_for, "its output waits for the disk")
        assert running.info().state is State.RUNNING
        mount("-o", "remount,rw,bind", logs)
        result = ending.result(timeout=60)
        assert (result.returncode, result.stdout) == (7, b"one\ntwo\n")
        assert running.stop(timeout=60).outcome.signal == 15
    assert "Traceback" not in worker.logged()

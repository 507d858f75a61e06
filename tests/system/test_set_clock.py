"""Somebody sets the clock by an hour, back and forth, while jobs run: what was promised holds. Each daemon is told another time."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.client.results import JobInfo
from jobwire.schemas.job import OutcomeKind, State

HOUR = 3600
SHIM = Path(__file__).with_name("set_clock.c")


class SetClock:
    """The wall clock of a worker and its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "offset"
        self.set_by(0)

    def set_by(self, seconds: int) -> None:
        """Be off by so much from now on."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("q", seconds * 10**9))


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) to make another clock with")
    library = tmp_path_factory.mktemp("shim") / "set_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SHIM, "-ldl"], check=True)
    return library


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    return SetClock(tmp_path)


@pytest.fixture
def worker(tmp_path: Path, shim: Path, clock: SetClock) -> Iterator[Worker]:
    made = Worker(tmp_path, slots=3, env={"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(clock.path)}).start()
    yield made
    print(made.logged())
    made.clean()


def assert_in_order(jobs: list[JobInfo]) -> None:
    """Nobody started before it was queued, ended before it started, or started when somebody else did."""
    for job in jobs:
        assert job.queued_at_us <= (job.started_at_us or job.queued_at_us) <= (job.ended_at_us or job.started_at_us or job.queued_at_us)
    starts = [job.started_at_us for job in jobs if job.started_at_us]
    assert starts == sorted(set(starts))


def test_limits_graces_and_order_go_by_the_time_that_passes(worker: Worker, clock: SetClock) -> None:
    with worker.client() as client:
        limited = client.submit(["sleep", "60"], time_limit=2.0)
        patient = client.submit(["sleep", "60"], time_limit=600.0)
        began = time.monotonic()
        for offset in (-HOUR, HOUR, -HOUR, 0, HOUR):
            clock.set_by(offset)
            assert client.run(["echo", "hi"]).stdout == b"hi\n"
        assert limited.wait(60) != 0
        assert time.monotonic() - began >= 1.5
        assert limited.outcome is not None
        assert limited.outcome.kind is OutcomeKind.TIMED_OUT
        assert patient.info().state is State.RUNNING
        stubborn = client.submit(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 60; done"])
        wait_until(lambda: stubborn.read_range("stdout", 0, 10)[0], "it ignores the signal")
        clock.set_by(0)
        began = time.monotonic()
        stubborn.stop(grace=1.0)
        assert 0.9 <= time.monotonic() - began < 20
        patient.stop(grace=0)
        jobs = list(client.list(all=True))
        assert_in_order(jobs)
        # What ran while the clock was set back shows how long it ran.
        assert jobs[0].ended_at_us - jobs[0].started_at_us >= 1_900_000


def test_folders_are_named_in_order_by_whoever_names_them(worker: Worker, clock: SetClock, tmp_path: Path) -> None:
    """A supervisor that starts with a clock set back knows what time it was."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        running = client.submit(["sh", "-c", f"read _ < {gate}; exit 7"])
        wait_until(lambda: running.info().state is State.RUNNING, "it runs")
        before = worker.described()["supervisor_pid"]
        clock.set_by(-HOUR)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: worker.described()["supervisor_pid"] != before, "the worker meets the next supervisor")
        client.run(["true"])
        gate.write_bytes(b"\n")
        assert running.wait(60) == 7
        client.run(["true"])
        jobs = list(client.list(all=True))
        assert_in_order(jobs)
    names = [path.name for path in worker.logs.iterdir()]
    starts = sorted(name.split("_")[1] for name in names)
    assert len(set(starts)) == len(names) == 3


def test_a_job_that_was_queued_before_the_clock_was_set_back_is_found_and_never_runs_twice(
    worker: Worker, clock: SetClock, tmp_path: Path
) -> None:
    """All three of us die, and only its folder tells what became of it."""
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    os.mkfifo(gate)
    with worker.client() as client:
        blockers = [client.submit(["sleep", "600"]) for _ in range(worker.slots)]
        waiting = client.submit(["sh", "-c", f"echo started >> {ledger}; read _ < {gate}; echo ended >> {ledger}; exit 7"])
        assert waiting.info().state is State.QUEUED
        clock.set_by(-HOUR)
        blockers[0].stop(grace=0)
        wait_until(ledger.exists, "it starts")
        last = worker.described()
        worker.kill()
        gate.write_bytes(b"\n")
        wait_until(lambda: any(path.joinpath("outcome").exists() and ended_with(path, 7) for path in worker.logs.iterdir()), "it ended")
    for name in ("keeper_pid", "supervisor_pid"):
        os.kill(last[name], signal.SIGKILL)
    worker.start()
    with worker.client() as client:
        found = client.job(waiting.id).info()
        assert found.returncode == 7
        assert ledger.read_text() == "started\nended\n"
        assert_in_order([found])


def ended_with(folder: Path, status: int) -> bool:
    return folder.name.count("_") == 2 and f'"exit_status":{status}' in (folder / "outcome").read_text().replace(" ", "")

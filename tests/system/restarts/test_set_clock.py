"""The clock is set by an hour, back and forth, while jobs are running: all guarantees hold. Each daemon sees another time."""

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
from home import Home

from jobwire.client.library.values.job_info import JobInfo
from jobwire.schemas.jobs.states import OutcomeKind, State

HOUR = 3600
DAY = 24 * HOUR
SHIM = Path(__file__).parents[2] / "support" / "set_clock.c"


class SetClock:
    """The wall clock of a worker and its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "offset"
        self.set_by(0)

    def set_by(self, seconds: int) -> None:
        """Set the offset of the clock from now on."""
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
def home(tmp_path: Path, worker: Worker) -> Home:
    made = Home(tmp_path / "home", tmp_path / "bytecode")
    made.config.mkdir()
    made.use(worker, worker.admin)
    return made


@pytest.fixture
def worker(tmp_path: Path, shim: Path, clock: SetClock) -> Iterator[Worker]:
    with Worker(tmp_path, slots=3, env={"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(clock.path)}).start() as made:
        yield made


def assert_in_order(jobs: list[JobInfo]) -> None:
    """Check that no job started before it was queued, ended before it started, or started at the same time as another."""
    for job in jobs:
        assert job.queued_at_us <= (job.started_at_us or job.queued_at_us) <= (job.ended_at_us or job.started_at_us or job.queued_at_us)
    starts = [job.started_at_us for job in jobs if job.started_at_us]
    assert starts == sorted(set(starts))


def test_limits_graces_and_order_do_not_depend_on_the_clock(worker: Worker, clock: SetClock) -> None:
    with worker.client() as client:
        began = time.monotonic()
        limited = client.submit(["sleep", "60"], time_limit=2.0)
        patient = client.submit(["sleep", "60"], time_limit=600.0)
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
        assert 0.9 <= time.monotonic() - began < 60
        patient.stop(grace=0)
        jobs = list(client.list(all=True))
        assert_in_order(jobs)
        # A job that ran while the clock was set back still shows how long it ran.
        assert jobs[0].ended_at_us - jobs[0].started_at_us >= 1_900_000


def test_a_clock_that_is_forty_days_ahead_for_a_second_deletes_nothing(worker: Worker, clock: SetClock) -> None:
    with worker.client() as client:
        kept = client.submit(["echo", "kept"])
        kept.wait(60)
        clock.set_by(40 * DAY)
        # What is too old is looked for a second after an end.
        client.run(["sleep", "1"])
        client.run(["sleep", "1"])
        clock.set_by(0)
        client.run(["true"])
        assert len(list(client.list(all=True))) == 4
        assert kept.tail("stdout", 1) == b"kept\n"
        assert max(job.ended_ago_us or 0 for job in client.list(all=True)) < HOUR * 10**6


def test_a_clock_that_is_ten_years_back_while_one_job_runs_deletes_nothing(worker: Worker, clock: SetClock) -> None:
    submitted = []
    with worker.client() as client:
        for word, offset in (("first", 0), ("past", -3650 * DAY), ("last", 0)):
            clock.set_by(offset)
            submitted.append(client.submit(["echo", word]))
            submitted[-1].wait(60)
        # What is too old is looked for a second after an end.
        client.run(["sleep", "2"])
        listed = {job.key.id: job for job in client.list(all=True)}
        jobs = [listed[job.key.id] for job in submitted]
        assert len(listed) == len(jobs) + 1
        assert [job.tail("stdout", 1) for job in submitted] == [b"first\n", b"past\n", b"last\n"]
        assert jobs[1].ended_at_us < (time.time() - 3000 * DAY) * 10**6
        assert max(job.ended_ago_us or 0 for job in jobs) < HOUR * 10**6


def test_a_worker_that_starts_while_the_clock_is_forty_days_ahead_deletes_nothing(worker: Worker, clock: SetClock) -> None:
    with worker.client() as client:
        client.run(["true"])
    worker.kill(signal.SIGTERM)
    clock.set_by(40 * DAY)
    worker.start()
    with worker.client() as client:
        client.run(["sleep", "1"])
        client.run(["sleep", "1"])
        clock.set_by(0)
        assert len(list(client.list(all=True))) == 3


@pytest.mark.parametrize("adopted", [False, True])
def test_what_lasts_a_second_while_the_clock_is_set_by_a_day_lasts_a_second(worker: Worker, clock: SetClock, *, adopted: bool) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "1"])
        wait_until(lambda: job.info().state is State.RUNNING or job.poll() is not None, "it runs")
        clock.set_by(DAY)
        if adopted:
            worker.kill_supervisor()
        assert job.info().lasted_us < 60 * 10**6
        job.wait(60)
        info = job.info()
        assert info.lasted_us == info.ended_at_us - info.started_at_us
        assert 900_000 < info.lasted_us < 60 * 10**6


def test_a_clock_that_was_years_ahead_when_the_worker_began_is_followed_back(worker: Worker, clock: SetClock) -> None:
    worker.kill(signal.SIGTERM)
    clock.set_by(3650 * DAY)
    worker.start()
    with worker.client() as client:
        assert client.run(["true"]).ended_at_us > (time.time() + 3000 * DAY) * 10**6
        clock.set_by(0)
        # Nothing is under way, so no order is at risk.
        wait_until(lambda: client.run(["true"]).ended_at_us < (time.time() + DAY) * 10**6, "it is dated as the clock shows")


@pytest.mark.parametrize("days", [40, -40])
def test_a_worker_that_starts_with_a_clock_that_was_set_shows_how_long_its_jobs_really_ran(
    worker: Worker, clock: SetClock, days: int
) -> None:
    with worker.client() as client:
        running, waiting = client.submit(["sleep", "600"]), client.submit(["true"], hold=True)
        wait_until(lambda: running.info().state is State.RUNNING, "it runs")
    worker.kill(signal.SIGTERM)
    clock.set_by(days * DAY)
    worker.start()
    with worker.client() as client:
        for job in (running, waiting):
            assert client.job(job.id).info().lasted_us < 60 * 10**6


def test_ages_are_judged_by_the_worker_and_not_by_the_clock_of_the_client(worker: Worker, home: Home, shim: Path, tmp_path: Path) -> None:
    with worker.client() as client:
        client.run(["true"])
        client.submit(["sleep", "600"])
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    ahead = SetClock(theirs)
    ahead.set_by(40 * DAY)
    home.env |= {"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(ahead.path)}
    assert b"0 jobs" in home.jobwire("forget", "--older-than", "30d").stderr
    assert b"d0" not in home.jobwire("list").stdout
    ahead.set_by(-40 * DAY)
    assert b"1 job forgotten" in home.jobwire("forget", "--older-than", "1ms").stderr


def test_folders_are_named_in_order_by_whoever_names_them(worker: Worker, clock: SetClock, tmp_path: Path) -> None:
    """A supervisor that starts with a clock that was set back knows the earlier time."""
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
    """All three daemons die, and only its folder shows how it ended."""
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

"""What is changed about jobs that wait, on a worker with one slot that is killed in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home

from jobwire import Client, Refused
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.refusal import Code, Reason
from jobwire.worker.state.log_folders import job_files

BLOCKER = ["sh", "-c", 'read _ < "$GATE"']


class Line:
    """Jobs that write their names into a ledger, behind one that waits at a gate."""

    def __init__(self, worker: Worker, client: Client, folder: Path) -> None:
        self.worker, self.client = worker, client
        self.gate = folder / "gate"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self.block()

    def block(self) -> None:
        self.gate.unlink(missing_ok=True)
        os.mkfifo(self.gate)
        self.blocker = self.client.submit(BLOCKER, env={"GATE": str(self.gate)})
        wait_until(lambda: self.blocker.info().pid, "the slot is taken")

    def submit(self, name: str, **options: int | bool) -> str:
        job = self.client.submit(["sh", "-c", f"echo {name} >> {self.ledger}"], name=name, **options)  # type: ignore[arg-type] # reason: two of them
        return str(job.id)

    def go(self) -> None:
        self.gate.write_bytes(b"go\n")

    def order(self, *names: str) -> None:
        """Wait until these have run, in this order and once each."""
        self.client.wait([self.client.job(name) for name in names], timeout=60)
        assert self.ledger.read_text().split() == list(names)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with Worker(tmp_path, slots=1).start() as worker, worker.client() as client:
        yield Line(worker, client, tmp_path)


def test_priorities_and_holds_count_after_a_kill_of_the_worker(line: Line) -> None:
    for name, options in {"a": {}, "b": {"priority": 3}, "c": {}, "d": {"hold": True}, "e": {}}.items():
        line.submit(name, **options)
    line.client.job("c").set_priority(7)
    line.client.job("a").hold()
    info = line.client.info("a")
    assert (info.held, bool(info.held_by), info.priority, "holds it until it is released" in info.waits_for) == (True, True, 0, True)
    assert line.client.info("b").waits_for == "the only slot is in use; 1 job of a higher priority is before it"
    line.worker.kill()
    line.worker.start()
    assert line.client.info("a").held
    assert (line.client.info("c").priority, line.client.info("c").spec.priority) == (7, 0)
    line.go()
    line.client.wait([line.client.job(name) for name in "cbe"], timeout=60)
    assert line.ledger.read_text().split() == ["c", "b", "e"]
    # Nothing runs, and what is held does not start.
    line.worker.kill()
    line.worker.start()
    assert [line.client.info(name).held for name in "ad"] == [True, True]
    line.client.job("d").release()
    line.client.job("d").wait(timeout=60)
    line.client.job("a").release()
    line.order("c", "b", "e", "d", "a")
    kinds = []
    with line.client.events("start") as events:
        for event in events:
            kinds += [event.kind.name] if event.name == "a" else []
            if kinds[-1:] == ["FINISHED"]:
                break
    assert kinds == ["QUEUED", "HELD", "RELEASED", "STARTED", "FINISHED"]


def test_what_has_started_or_ended_is_not_held_and_is_not_disturbed(line: Line) -> None:
    for do in (line.blocker.hold, lambda: line.blocker.set_priority(5)):
        with pytest.raises(Refused, match="has started") as refused:
            do()
        assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, Reason.STARTED)
    line.blocker.release()
    line.go()
    assert line.blocker.wait(timeout=60) == 0
    with pytest.raises(Refused, match="has ended") as refused:
        line.blocker.hold()
    assert refused.value.reason is Reason.ENDED


def test_a_held_job_is_stopped_and_one_that_is_run_again_is_not_held(line: Line) -> None:
    line.submit("a", hold=True)
    job = line.client.job("a")
    again = job.rerun()
    assert not again.info().held
    job.stop()
    assert job.info().outcome is not None
    line.go()
    assert again.wait(timeout=60) == 0
    assert again.rerun().wait(timeout=60) == 0


@pytest.mark.parametrize("worker", [{"slots": 4}], indirect=True)
def test_a_run_gets_another_width_while_it_runs_and_keeps_it(worker: Worker, home: Home, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('[batch]\nname = "wide"\nparallel = 1\n' + "[[job]]\nargv = ['sleep', '600']\n" * 6)
    home.jobwire("batch", "--no-wait", str(jobs))

    def running() -> int:
        return int(home.records("show", "wide")[0]["running"])

    wait_until(lambda: running() == 1, "one runs")
    home.jobwire("set", "wide", "--parallel", "3")
    wait_until(lambda: running() == 3, "three run")
    worker.kill()
    worker.start()
    assert home.records("show", "wide")[0]["parallel"] == 3
    home.jobwire("hold", "wide")
    home.jobwire("set", "wide", "--parallel", "0", "-p", "4")
    assert [(job["state"], job["held"], job["priority"]) for job in home.records("list", "wide")][3:] == [("queued", True, 4)] * 3
    assert running() == 3
    home.jobwire("release", "wide")
    wait_until(lambda: running() == 4, "all slots are used")
    home.jobwire("stop", "--now", "wide")


def test_the_command_line_says_what_cannot_be_set(home: Home) -> None:
    assert b"--priority N, --time-limit TIME, or --parallel N" in home.jobwire("set", "last", status=2).stderr
    assert b"not from -1000 to 1000" in home.jobwire("submit", "-p", "1001", "--", "true", status=2).stderr
    assert b"whole number" in home.jobwire("submit", "-p", "high", "--", "true", status=2).stderr
    home.submit("-n", "waits", "--hold", "--", "true")
    assert b"name its run" in home.jobwire("set", "waits", "--parallel", "2", status=1).stderr
    assert b"was submitted on hold" in home.jobwire("show", "waits").stdout
    home.jobwire("release", "waits")
    home.jobwire("wait", "waits")
    assert b"has ended" in home.jobwire("release", "waits", status=1).stderr


@pytest.fixture
def home(worker: Worker, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path / "home", tmp_path_factory.mktemp("bytecode"), "user")
    made.use(worker, worker.admit("user", "submitter"))
    return made


def test_a_running_job_gets_a_time_limit_that_counts_from_its_start(worker: Worker) -> None:
    with worker.client() as client:
        job, other = client.submit(["sleep", "600"], time_limit="1h"), client.submit(["sleep", "600"])
        wait_until(lambda: job.info().pid and other.info().pid, "they run")
        for one in (job, other):
            one.set_time_limit(0.2)
            assert one.info().time_limit == timedelta(seconds=0.2)
            one.wait(timeout=60)
            outcome = one.info().outcome
            assert outcome is not None
            assert outcome.kind is OutcomeKind.TIMED_OUT
            assert "time limit of 0.2" in outcome.sentence


def test_a_time_limit_that_was_taken_away_stays_away_when_the_daemons_are_killed(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "13"], time_limit=10)
        wait_until(lambda: job.info().pid, "it runs")
        job.set_time_limit(0)
        worker.kill_supervisor()
        worker.kill()
        worker.start()
        assert client.info(job.id).time_limit is None
        assert job.wait(timeout=60) == 0
        assert job.info().lasted > timedelta(seconds=12)


def test_a_queued_job_gets_another_time_limit_and_stays_the_same_job(line: Line) -> None:
    job = line.client.submit(["sleep", "600"], hold=True, name="late", time_limit="1h")
    job.set_time_limit(0.3)
    line.worker.kill()
    line.worker.start()
    again = line.client.submit(["sleep", "600"], hold=True, name="late", time_limit="1h", id=job.key.id)
    assert again.info().time_limit == timedelta(seconds=0.3)
    assert again.info().spec.time_limit_ms == 3_600_000
    line.go()
    job.release()
    job.wait(timeout=60)
    outcome = job.info().outcome
    assert outcome is not None
    assert outcome.kind is OutcomeKind.TIMED_OUT
    # A store that is made anew from the log folders knows it as the same job.
    folder = next(path for path in line.worker.logs.iterdir() if (path / "time_limit").exists())
    assert job_files.read_job(str(folder)).time_limit_ms == 3_600_000

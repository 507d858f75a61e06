"""A real broker with two real workers: jobs run on both, and outlive whoever is killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Broker
from daemons import READY_SECONDS, Worker, wait_until
from home import Home

from jobwire.client.library.job import Job


def stdout_of(job: Job) -> bytes:
    return job.read_range("stdout", 0, 1 << 20)[0]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, dict[str, Worker]]]:
    folder = tmp_path_factory.mktemp("lab")
    broker = Broker(folder / "broker").start()
    workers = {name: broker.join(folder / name, name, 2) for name in ("left", "right")}
    try:
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "both workers have joined")
        yield broker, workers
    finally:
        for worker in workers.values():
            worker.clean()
        broker.kill(signal.SIGTERM)


def test_jobs_run_on_both_workers_with_their_output_and_ends(lab: tuple[Broker, dict[str, Worker]], tmp_path: Path) -> None:
    broker, _ = lab
    # Until it is there, they have all slots of both.
    go = tmp_path / "go"
    with broker.client() as client:
        script = f"echo $0; echo e >&2; until test -e {go}; do sleep 0.05; done; exit $0"
        jobs = [client.submit(["sh", "-c", script, str(number)]) for number in range(4)]
        go.touch()
        ends = [job.wait() for job in jobs]
        assert ends == [0, 1, 2, 3]
        assert {job.info().worker for job in jobs} == {"left", "right"}
        assert [stdout_of(job) for job in jobs] == [b"0\n", b"1\n", b"2\n", b"3\n"]
        done = client.run(["seq", "50000"])
        assert done.stdout == b"".join(b"%d\n" % number for number in range(1, 50001))


def test_a_job_is_stopped_and_signalled_through_the_broker(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, _ = lab
    with broker.client() as client:
        job = client.submit(["sh", "-c", "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 0.05; done"])
        wait_until(lambda: stdout_of(job) if job.info().pid else b"", "it is ready")
        job.send_signal(signal.SIGUSR1)
        assert job.wait() == 7
        other = client.submit(["sleep", "100"])
        wait_until(lambda: other.info().pid, "it runs")
        other.stop()
        outcome = other.info().outcome
        assert outcome is not None
        assert "stopped by admin" in outcome.sentence


def test_a_running_job_gets_another_time_limit_and_the_same_signal_twice(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, _ = lab
    with broker.client() as client, broker.client() as other:
        job = client.submit(["sh", "-c", "trap 'echo got' USR1; echo ready; while :; do sleep 0.05; done"])
        wait_until(lambda: stdout_of(job) if job.info().pid else b"", "it is ready")
        job.send_signal(signal.SIGUSR1)
        wait_until(lambda: stdout_of(job).count(b"got") == 1, "the first has arrived")
        other.job(job.info().id).send_signal(signal.SIGUSR1)
        wait_until(lambda: stdout_of(job).count(b"got") == 2, "the second has arrived")
        job.set_time_limit(0.1)
        job.wait()
        outcome = job.info().outcome
        assert outcome is not None
        assert "time limit" in outcome.sentence


def test_a_standard_input_goes_through_byte_for_byte(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, _ = lab
    whole = bytes(range(256)) * 20_000
    with broker.client() as client:
        read, write = os.pipe()
        feeder = threading.Thread(target=_write_all, args=(write, whole))
        feeder.start()
        done = client.run(["sha256sum"], stdin=read)
        feeder.join()
        os.close(read)
        assert done.stdout.split()[0].decode() == hashlib.sha256(whole).hexdigest()


def _write_all(descriptor: int, whole: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(whole)


def test_a_worker_that_was_stopped_is_told_apart_from_one_that_is_cut_off(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, workers = lab
    with broker.client() as client:
        jobs = {name: client.submit(["sleep", "600"], on=[f"worker={name}"]) for name in workers}
        wait_until(lambda: all(job.info().pid for job in jobs.values()), "they run")
        workers["left"].kill(signal.SIGTERM)
        workers["right"].kill()
        wait_until(lambda: broker.states() == {"left": "stopped", "right": "unreachable"}, "both are gone")
        assert jobs["left"].info().waits_for.startswith("worker left was stopped on its machine at ")
        assert jobs["right"].info().waits_for.startswith("worker right cannot be reached since ")
        assert sorted(said.partition(" at ")[0].partition(" since ")[0] for said in client.status().warnings if "worker" in said) == [
            "worker left was stopped on its machine",
            "worker right cannot be reached",
        ]
        for worker in workers.values():
            worker.start()
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "they are back")
        for job in jobs.values():
            assert job.info().waits_for == ""
            job.stop(grace=0)


def test_a_worker_that_ends_by_itself_is_not_said_to_be_stopped_by_somebody(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    worker = broker.join(tmp_path / "gone", "gone", 1)
    try:
        wait_until(lambda: broker.states().get("gone") == "ready", "it has joined")
        # In one step, as it restores files that are removed.
        shutil.rmtree(worker.state.rename(tmp_path / "away"))
        assert worker.process is not None
        worker.process.wait(60)
        wait_until(lambda: broker.states()["gone"] == "unreachable", "it is gone")
    finally:
        worker.clean()
        broker.kill(signal.SIGTERM)


def test_jobs_outlive_broker_and_worker_and_run_once(lab: tuple[Broker, dict[str, Worker]], tmp_path: Path) -> None:
    broker, workers = lab
    ledger, go = tmp_path / "ledger", tmp_path / "go"
    script = f"echo $JOBWIRE_JOB_ID >> {ledger}; while ! test -e {go}; do sleep 0.05; done; echo done"
    with broker.client() as client:
        jobs = [client.submit(["sh", "-c", script]).info().id for _ in range(5)]
        wait_until(lambda: ledger.exists() and len(ledger.read_text().split()) == 4, "four run, and one waits")
    broker.kill()
    workers["left"].kill()
    broker.start()
    wait_until(lambda: broker.states()["right"] == "ready", "one is back")
    with broker.client() as client:
        of_left = [one for one in map(client.job, jobs) if one.info().worker == "left"]
        assert len(of_left) == 2
        assert "cannot be reached" in of_left[0].info().waits_for
        go.touch()
        for job in jobs:
            if client.job(job).info().worker != "left":
                assert client.job(job).wait() == 0
        assert all(one.info().ended_at_us == 0 for one in of_left)
        workers["left"].start()
        for job in jobs:
            assert client.job(job).wait() == 0
            assert stdout_of(client.job(job)) == b"done\n"
    assert sorted(ledger.read_text().split()) == sorted(jobs)


def test_a_broker_is_scheduled_as_a_worker_is(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, workers = lab
    daemons = (broker.process, workers["right"].process)
    first, second = (os.getpriority(os.PRIO_PROCESS, one.pid) for one in daemons if one is not None)
    assert first == second


def test_a_drained_worker_gets_nothing(lab: tuple[Broker, dict[str, Worker]]) -> None:
    broker, _ = lab
    with broker.client() as client:
        client.workers.drain("left")
        jobs = [client.submit(["true"]) for _ in range(3)]
        assert [job.wait() for job in jobs] == [0, 0, 0]
        assert {job.info().worker for job in jobs} == {"right"}
        client.workers.drain("left", drained=False)


def test_a_command_runs_once_on_each_worker(lab: tuple[Broker, dict[str, Worker]], tmp_path: Path) -> None:
    broker, workers = lab
    home = Home(tmp_path / "home", tmp_path / "bytecode")
    home.use(broker, broker.admin)
    ran = home.jobwire("run", "--on-each", "--", "sh", "-c", "echo out; printf err >&2")
    assert sorted(ran.stdout.splitlines()) == [b"left: out", b"right: out"]
    assert sorted(ran.stderr.splitlines()) == [b"left: err", b"right: err"]
    # As timeout(1) sends it: to the command, and to its process group. Two of a kind would be one to a process that is suspended.
    stubborn = "trap 'sleep 0.5; echo end; exit 6' TERM; echo up; while :; do sleep 600 & wait $!; done"
    with home.start("run", "--on-each", "--", "sh", "-c", stubborn) as running:
        assert running.stdout
        assert {running.stdout.readline() for _ in range(2)} == {b"left: up\n", b"right: up\n"}
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
            running.send_signal(number)
        assert sorted(running.stdout.read().splitlines()) == [b"left: end", b"right: end"]
        assert running.wait() == 1
    ended = home.jobwire("run", "--on-each", "--on", "worker=left,right", "sh", "-c", 'exit "${#JOBWIRE_JOB_ID}"', status=1)
    assert b"2 of 2 jobs failed" in ended.stderr
    nowhere = home.jobwire("run", "--on-each", "--on", "gpu", "true", status=1)
    assert b"no worker has the label gpu; workers: left, right" in nowhere.stderr
    # A worker that is not connected has a job that waits for it; which workers there are stays so when the run is submitted again.
    workers["left"].kill()
    wait_until(lambda: broker.states()["left"] == "unreachable", "it is gone")
    run = home.jobwire("submit", "--on-each", "-q", "echo", "here").stdout.decode().strip()
    waiting = next(job for job in home.records("list", "-a", run) if job["name"] == "echo[left]")
    assert waiting["waits_for"].startswith("it can run only on left, which cannot be reached since")
    broker.kill()
    broker.start()
    wait_until(lambda: broker.states()["right"] == "ready", "one has joined again")
    again = next(job for job in home.records("list", "-a", run) if job["name"] == "echo[left]")
    assert again["waits_for"] == "it can run only on left, which is not connected"
    assert home.jobwire("submit", "--on-each", "-q", "--id", run, "echo", "here").stdout.decode().strip() == run
    workers["left"].start()
    home.jobwire("wait", run)
    assert {job["worker"] for job in home.records("list", "-a", run)} == {"left", "right"}


def test_a_job_brings_files_and_leaves_some(lab: tuple[Broker, dict[str, Worker]], tmp_path: Path) -> None:
    broker, _ = lab
    brought = tmp_path / "brought"
    brought.write_bytes(bytes(range(256)) * 10_000)
    with broker.client() as client:
        job = client.submit(["sh", "-c", "cat brought brought > twice"], put=brought, get=["twice"])
        assert job.wait() == 0
        brought.write_bytes(b"later")
        job.put(brought)
        once, twice = job.get([("brought", tmp_path / "once"), ("twice", tmp_path / "fetched")])
        assert once.path.read_bytes() == b"later"
        assert twice.path.read_bytes() == bytes(range(256)) * 20_000


def test_a_broker_exits_when_its_state_folder_is_removed_and_restores_its_lock(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    try:
        assert broker.process is not None
        (broker.state / "lock").unlink()
        wait_until((broker.state / "lock").exists, "it is made again")
        # In one step, as it restores files that are removed.
        shutil.rmtree(broker.state.rename(tmp_path / "away"))
        broker.process.wait(READY_SECONDS)
        assert f"the state folder {broker.state} was removed: this broker exits" in broker.logged()
        assert not broker.state.exists()
    finally:
        broker.kill(signal.SIGTERM)


def _command(group: str, verb: str, state: Path, status: int) -> str:
    """Run a command about a daemon of this machine; return what it prints."""
    argv = [sys.executable, "-P", "-m", "jobwire.client.cli.main", group, verb, "--state", str(state)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return ended.stdout + ended.stderr


def test_a_broker_is_stopped_by_a_command_and_those_of_a_worker_say_what_it_is(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    try:
        assert broker.process is not None
        for verb in ("status", "stop", "reload"):
            said = _command("worker", verb, broker.state, 1)
            assert f"a broker is running for {broker.state}, and no worker; jobwire broker status" in said
        assert broker.process.poll() is None
        said = _command("broker", "stop", broker.state, 0)
        assert f"jobwire: broker {broker.process.pid} stopped; its workers and their jobs continue" in said
        assert broker.process.wait(READY_SECONDS) == 0
        # As a second stop of a worker.
        assert _command("broker", "stop", broker.state, 0) == f"jobwire: no broker is running for {broker.state}\n"
        assert "no broker is running" in _command("broker", "status", broker.state, 1)
    finally:
        broker.kill(signal.SIGTERM)


def test_a_worker_that_the_broker_does_not_know_says_how_to_let_it_in(lab: tuple[Broker, dict[str, Worker]], tmp_path: Path) -> None:
    broker, _ = lab
    with Worker(tmp_path, options=["--jobs-as-root", *broker.joining]).start() as worker:
        command = f"jobwire keys add NAME {worker.description['key']} --role worker"
        wait_until(lambda: f"does not let this worker in; have it added there: {command};" in worker.logged(), "it says how to be let in")


@pytest.mark.parametrize("prefix", [[], ["env", "--ignore-signal=HUP"]], ids=["plain", "as by nohup"])
def test_a_broker_whose_terminal_is_closed_exits_unless_it_was_started_to_outlive_it(tmp_path: Path, prefix: list[str]) -> None:
    broker = Broker(tmp_path / "broker", prefix=prefix).start()
    assert broker.process is not None
    broker.process.send_signal(signal.SIGHUP)
    if prefix:
        with broker.client() as client:
            assert client.hello().kind
        broker.process.send_signal(signal.SIGTERM)
    assert broker.process.wait(READY_SECONDS) == 0, broker.logged()
    broker.kill()

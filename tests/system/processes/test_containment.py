"""A stopped job is gone with all its processes, with and without cgroups; and how a stop is answered at any moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.schemas.jobs.states import OutcomeKind

WITH_AND_WITHOUT = pytest.mark.parametrize("worker", [{}, {"env": {"JOBWIRE_CGROUPS": "off"}}], ids=["cgroups", "sessions"], indirect=True)
# Forks twice, leaves the session, ignores SIGTERM, closes its descriptors and clears its environment; then it keeps forking.
# argv: a name to be recognised by, a file to be made when it is there, and what the leader does when that was made.
ESCAPE = """
import os, signal, sys
name, ready, then = sys.argv[1:]
told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        forks = 'while :; do (sleep 60 &); : ; sleep 0.01; done'
        open(ready, 'w').close()
        os.closerange(0, 256)
        os.execve('/bin/sh', ['sh', '-c', forks, name], {})
    os._exit(0)
os.close(tell)
os.read(told, 1)
if then == 'wait':
    while True:
        signal.pause()
"""


def alive_with(name: str) -> list[int]:
    """Return the processes that have this among their arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if name.encode() in arguments:
            found.append(int(folder.name))
    return found


def escape(worker: Worker, tmp_path: Path, then: str) -> tuple[str, str]:
    """Start a job that tries to escape, and return its id and its name."""
    name, ready = f"escape-{uuid.uuid4()}", tmp_path / "ready"
    with worker.client() as client:
        job = client.submit([sys.executable, "-S", "-c", ESCAPE, name, ready, then], grace=0.3)
        wait_until(ready.exists, "it has forked")
        return str(job.id), name


@WITH_AND_WITHOUT
def test_a_process_that_tries_to_escape_is_gone_when_the_stop_is_answered(worker: Worker, tmp_path: Path) -> None:
    job_id, name = escape(worker, tmp_path, "wait")
    assert alive_with(name)
    with worker.client() as client:
        ended = client.job(job_id).stop(timeout=60)
    assert alive_with(name) == []
    assert ended.outcome.kind is OutcomeKind.SIGNALED


@WITH_AND_WITHOUT
def test_a_process_that_tries_to_escape_is_gone_when_a_leader_has_ended_by_itself(worker: Worker, tmp_path: Path) -> None:
    job_id, name = escape(worker, tmp_path, "end")
    with worker.client() as client:
        assert client.job(job_id).wait(timeout=60) == 0
    assert alive_with(name) == []


@pytest.mark.parametrize("worker", [{"slots": 1}], indirect=True)
def test_a_stop_while_queued_cancels(worker: Worker) -> None:
    with worker.client() as client:
        first, second = client.submit(["sleep", "60"]), client.submit(["touch", "must-not-be"])
        ended = second.stop(timeout=60)
        assert (ended.outcome.kind, ended.pid) == (OutcomeKind.CANCELLED, None)
        first.stop(grace=0, timeout=60)
    assert not (worker.folder / "must-not-be").exists()


@pytest.mark.parametrize("worker", [{"slots": 20}], indirect=True)
def test_a_stop_while_starting_leaves_nothing(worker: Worker) -> None:
    naps = f"60.{uuid.uuid4().int % 10**9}"
    with worker.client() as client:
        jobs = [client.submit(["sleep", naps]) for _ in range(20)]
        client.stop(jobs, timeout=60)
        assert {job.outcome.kind for job in jobs if job.outcome} <= {OutcomeKind.CANCELLED, OutcomeKind.SIGNALED}
    assert alive_with(naps) == []


def test_two_stops_at_once_are_both_answered(worker: Worker) -> None:
    with worker.client() as client:
        job_id = str(client.submit(["sleep", "60"]).id)
    returned: list[int] = []

    def stop() -> None:
        with worker.client() as client:
            returned.append(client.job(job_id).stop(timeout=60).returncode)

    threads = [threading.Thread(target=stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert returned == [-15, -15]


def test_a_stop_of_a_job_that_has_ended_reports_how_it_ended(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sh", "-c", "exit 3"])
        job.wait(timeout=60)
        assert job.stop(timeout=60).returncode == 3


@WITH_AND_WITHOUT
def test_lingering_processes_continue_and_their_output_arrives_across_a_death_of_the_supervisor(worker: Worker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"(read x < {gate}; echo later) & echo now; exit 4"], linger=True)
        assert job.wait(timeout=60) == 4
        assert job.result().stdout == b"now\n"
        assert job.info().outcome == job.outcome
        assert job.outcome is not None
        assert job.outcome.sentence == "exited with status 4; processes that it left behind continue"
        worker.kill_supervisor()
        gate.write_bytes(b"go\n")
        wait_until(lambda: job.read_range("stdout", 0, 100)[0] == b"now\nlater\n", "its later output")


def test_lingering_processes_continue_and_their_output_arrives_if_the_keeper_was_killed_too(worker: Worker, tmp_path: Path) -> None:
    gate, done = tmp_path / "gate", tmp_path / "done"
    os.mkfifo(gate)
    with worker.client() as client:
        # More than a pipe holds.
        job = client.submit(["sh", "-c", f"(read x < {gate}; yes | head -c 400000; echo > {done}) & exit 4"], linger=True)
        assert job.wait(timeout=60) == 4
        os.kill(worker.described()["keeper_pid"], signal.SIGKILL)
        worker.kill_supervisor()
        # And the daemon that adopted it may die again.
        worker.kill_supervisor()
        gate.write_bytes(b"go\n")
        wait_until(done.exists, "it has written all")
        wait_until(lambda: job.read_range("stdout", 0, 0)[1] == 400_000, "its later output")
        wait_until(lambda: not list(worker.logs.glob(".lingers-*")), "that it lingered is no longer noted")
        assert job.outcome is not None
        assert job.outcome.exit_status == 4
    assert "Traceback" not in worker.logged()


def test_that_the_keeper_was_killed_is_shown_while_a_job_runs(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "60"])
        wait_until(lambda: job.info().pid, "it runs")
        os.kill(worker.described()["keeper_pid"], signal.SIGKILL)
        wait_until(lambda: worker.described()["keeper_pid"] == 0, "the worker knows")
        assert ", keeper killed: another one starts when no job is running\n" in worker.command("status").stdout
        job.stop(grace=0)


def test_a_lingering_process_of_a_forgotten_job_never_waits_for_a_reader(worker: Worker, tmp_path: Path) -> None:
    gate, done = tmp_path / "gate", tmp_path / "done"
    os.mkfifo(gate)
    with worker.client() as client:
        # More than a pipe holds.
        job = client.submit(["sh", "-c", f"(read x < {gate}; yes | head -c 400000; echo > {done}) & exit 4"], linger=True)
        assert job.wait(timeout=60) == 4
        job.forget()
        wait_until(lambda: not list(worker.logs.glob("[0-9]*")), "its logs are gone")
        worker.kill_supervisor()
        gate.write_bytes(b"go\n")
        wait_until(done.exists, "it has written all")
        assert client.run(["true"]).returncode == 0
    assert "Traceback" not in worker.logged()


@WITH_AND_WITHOUT
def test_a_stop_also_ends_processes_that_would_have_lingered(worker: Worker) -> None:
    naps = f"60.{uuid.uuid4().int % 10**9}"
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"setsid sleep {naps} & sleep {naps}"], linger=True)
        wait_until(lambda: len(alive_with(naps)) == 2, "both run")
        job.stop(grace=1, timeout=60)
    assert alive_with(naps) == []


def test_an_output_limit_keeps_the_first_bytes_of_both_streams_and_ends_the_job(worker: Worker) -> None:
    with worker.client() as client:
        result = client.run(["sh", "-c", "echo 12345; echo 678 >&2; echo 90abc; sleep 60"], output_limit=12, timeout=60)
        assert (len(result.stdout) + len(result.stderr), result.stdout[:6]) == (12, b"12345\n")
        assert (result.outcome.kind, result.outcome.signal) == (OutcomeKind.OVER_LIMIT, 15)
        assert result.outcome.sentence == "wrote more than its output limit of 12 bytes, and ended by SIGTERM"
        exact = client.run(["printf", "123456"], output_limit=6, timeout=60)
        assert (exact.returncode, exact.stdout) == (0, b"123456")
        endless = client.run(["yes"], output_limit=3 << 20, timeout=60)
        assert endless.stdout == b"y\n" * (3 << 19)


def test_that_a_job_went_over_its_output_limit_is_known_after_a_death_of_the_supervisor(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sh", "-c", "trap '' TERM; echo too much; while :; do sleep 0.1; done"], output_limit=3, grace=1.5)
        wait_until(lambda: list(worker.logs.glob("*/over_limit")), "the limit is noticed")
        worker.kill_supervisor()
        job.wait(timeout=60)
        assert job.outcome is not None
        assert (job.outcome.kind, job.outcome.stdout_bytes, job.exit_status) == (OutcomeKind.OVER_LIMIT, 3, 153)


def test_a_hard_limit_that_leaves_no_marks_is_told_where_marks_are_promised(tmp_path: Path) -> None:
    with Worker(tmp_path, env={"JOBWIRE_CGROUPS": "off"}) as made:
        made.prefix = ["prlimit", "--rttime=1000000:1000000"]
        made.start()
        assert "containment  by session (no cgroup v2; no mark: hard limit RLIMIT_RTTIME)" in made.command("status").stdout

"""A job is forgotten while a command follows its log, waits for it, or prints its events: a result or one sentence, and always an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import Worker
from home import SECONDS, Home

# More than is sent ahead to a follower, plus the size of the pipe to its reader.
_BYTES = 12 * 1024 * 1024
_WRITES_MUCH = ("sh", "-c", f"head -c {_BYTES} /dev/zero; exit 7")

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(own_home: Home) -> Iterator[Start]:
    """Start commands, which are ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        started.append(own_home.start(*arguments))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """What a job waits for, before it ends with status 7."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def behind(gate: Path) -> tuple[str, ...]:
    return "sh", "-c", f"read line < {gate}; exit 7"


def end_and_forget(worker: Worker, gate: Path, job: str) -> None:
    gate.write_bytes(b"go\n")
    with worker.client() as client:
        client.job(job).wait(SECONDS)
        client.job(job).forget()


def ended(command: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    out, said = command.communicate(timeout=SECONDS)
    return command.returncode, out, said.decode()


def test_a_follower_gets_the_last_byte_of_a_job_that_was_forgotten_before_it_was_read(own_home: Home, worker: Worker, start: Start) -> None:
    job = own_home.submit(*_WRITES_MUCH)
    own_home.jobwire("wait", job, status=7)
    follower = start("logs", "-f", job)
    assert follower.stdout
    first = os.read(follower.stdout.fileno(), 1)
    own_home.jobwire("forget", job)
    status, out, said = ended(follower)
    assert (status, len(first + out), said) == (0, _BYTES, "")
    assert list(worker.logs.iterdir()) == []


def test_a_follower_whose_worker_restarts_when_the_log_is_gone_says_so(own_home: Home, worker: Worker, start: Start) -> None:
    job = own_home.submit(*_WRITES_MUCH)
    own_home.jobwire("wait", job, status=7)
    follower = start("logs", "-f", job)
    assert follower.stdout
    os.read(follower.stdout.fileno(), 1)
    own_home.jobwire("forget", job)
    worker.kill()
    worker.start()
    status, out, said = ended(follower)
    assert status == 1
    assert len(out) < _BYTES
    assert said.endswith(f"\njobwire: the job {job} has ended and was forgotten; it is never run again\n")


def test_a_waiting_submit_reports_the_end_of_a_job_that_is_forgotten_at_once(worker: Worker, start: Start, gate: Path) -> None:
    command = start("submit", "--wait", *behind(gate))
    assert command.stdout
    job = command.stdout.readline().decode().strip()
    command.send_signal(signal.SIGSTOP)
    end_and_forget(worker, gate, job)
    command.send_signal(signal.SIGCONT)
    status, _, said = ended(command)
    assert (status, said) == (7, f"jobwire: job {job[:8]}: exited with status 7\n")


def test_a_waiting_submit_reports_across_a_restart_that_the_job_was_forgotten(worker: Worker, start: Start, gate: Path) -> None:
    command = start("submit", "--wait", *behind(gate))
    assert command.stdout
    job = command.stdout.readline().decode().strip()
    worker.kill()
    worker.start()
    command.send_signal(signal.SIGSTOP)
    end_and_forget(worker, gate, job)
    worker.kill()
    worker.start()
    command.send_signal(signal.SIGCONT)
    status, _, said = ended(command)
    # It may have reconnected and received the answer before it was suspended.
    assert (status, "was forgotten; it is never run again" in said) == (1, True) or (status, "exited with status 7" in said) == (7, True)


def test_every_waiting_command_gets_the_status_or_a_sentence(own_home: Home, worker: Worker, start: Start) -> None:
    """The job ends and is forgotten at any moment of the wait: while the command looks it up, subscribes, or waits."""
    for _ in range(4):
        job = own_home.submit("sh", "-c", "exit 7")
        waiters = [start("wait", job) for _ in range(3)]
        with worker.client() as client:
            client.job(job).wait(SECONDS)
            client.job(job).forget()
        for waiter in waiters:
            status, _, said = ended(waiter)
            assert (status, said) in {
                (7, f"jobwire: job {job[:8]}: exited with status 7\n"),
                (1, f"jobwire: the job {job} has ended and was forgotten; it is never run again\n"),
            }


def test_events_of_forgotten_jobs_are_all_replayed_from_the_start(worker: Worker, start: Start) -> None:
    """They stay until they are too old, however soon their jobs are forgotten."""
    with worker.client() as client:
        listeners = [start("events", "--from", "start", "--json")]
        for number in range(40):
            job = client.submit(["true"])
            if number == 20:
                listeners.append(start("events", "--from", "start", "--json"))
            job.wait(SECONDS)
            job.forget()
        listeners.append(start("events", "--from", "start", "--json"))
        assert list(client.list(all=True)) == []
    for listener in listeners:
        assert listener.stdout
        told = [json.loads(listener.stdout.readline()) for _ in range(3 * 40)]
        assert [one["cursor"].rpartition(":")[2] for one in told] == [str(seq) for seq in range(1, 121)]

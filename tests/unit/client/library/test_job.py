from __future__ import annotations

import signal
import subprocess
import time
from datetime import timedelta

import pytest
from fake_daemon import FakeDaemon

import jobwire
from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import State
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Refused


def test_a_job_is_followed_from_start_to_end(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    assert job.state is State.QUEUED
    job = client.submit(["wait"])
    assert job.poll() is None
    while job.pid is None:
        client.pump(time.monotonic() + 1)
    assert (job.state, job.returncode) == (State.RUNNING, None)

    daemon.finish(job.key.id, 4)

    assert job.wait(timeout=60) == 4
    assert (job.state, job.exit_status, job.returncode, job.poll()) == (State.FINISHED, 4, 4, 4)
    assert job.result().returncode == 4


def test_waiting_can_time_out_and_costs_no_connection(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"])

    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=0.05)
    with pytest.raises(TimeoutError):
        client.wait([job], timeout=0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        job.result(timeout=timedelta(seconds=0.05))
    daemon.swallow["list"] = 1
    with pytest.raises(TimeoutError):
        client.connection.call(request_pb2.Request(list=request_pb2.List()), time.monotonic() + 0.05)
    assert list(client.list(all=True))
    assert daemon.verbs().count("hello") == 1


def test_lines_come_while_the_job_runs(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"])
    lines = iter(job.stdout)
    daemon.write(job.key.id, b"one\ntw")
    assert next(lines) == b"one\n"
    daemon.write(job.key.id, b"o\nthree")
    assert next(lines) == b"two\n"
    daemon.finish(job.key.id)

    assert list(lines) == [b"three"]
    assert job.stdout.ended
    assert job.stdout.position == 13


def test_output_is_read_like_a_pipe(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"])
    daemon.write(job.key.id, b"0123456789")
    daemon.finish(job.key.id)
    out = job.output("stdout", 2)

    assert out.read(3) == b"234"
    assert out.read1(1) == b"5"
    assert out.take() == b"6789"
    assert out.read() == b""
    assert out.ended
    assert job.stderr.read() == b""
    assert job.read_range("stdout", 4, 2) == (b"45", 10)
    out.close()
    with pytest.raises(ValueError, match="closed"):
        out.read()


def test_a_log_that_is_refused_says_so_where_it_is_read(client: Client) -> None:
    with pytest.raises(Refused, match="no such job"):
        client.job_by_key(b"o" * 32, new_id()).stdout.read()


def test_a_stopped_job_tells_how_it_ended(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"])
    daemon.write(job.key.id, b"last words")

    done = job.stop(signal.SIGINT, grace=1)

    assert (done.returncode, done.stdout, job.exit_status) == (-2, b"last words", 130)
    assert daemon.requests[-1].stop.grace_ms == 1000


def test_kill_and_terminate_are_those_of_subprocess(client: Client, daemon: FakeDaemon) -> None:
    killed, terminated = client.submit(["wait"]), client.submit(["wait"])
    killed.kill()
    assert daemon.requests[-1].stop.grace_ms == 0
    assert daemon.requests[-1].stop.HasField("grace_ms")
    terminated.terminate()
    assert daemon.requests[-1].stop.signal == signal.SIGTERM
    client.wait([killed, terminated], timeout=60)
    killed.kill()
    assert set(jobwire.__all__) <= set(dir(jobwire))


def test_a_signal_is_sent(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    job.send_signal(signal.SIGUSR1)

    assert daemon.requests[-1].signal.signal == signal.SIGUSR1


def test_two_handles_of_one_job_know_the_same(client: Client, daemon: FakeDaemon) -> None:
    submitted = client.submit(["wait"], name="mine")
    found: Job = client.job("mine")
    daemon.finish(submitted.key.id, 2)
    submitted.wait()

    assert found.returncode == 2


def test_output_is_text_if_asked_for(client: Client, daemon: FakeDaemon) -> None:
    done = client.run(["echo", "gr\u00fc\u00df\r\ndich"], text=True)
    assert done.stdout == "gr\u00fc\u00df\ndich\n"
    assert repr(done).startswith("CompletedTextJob(args=['echo'")
    job = client.submit(["echo", b"\xfc"])
    assert job.result(encoding="latin-1").stdout == "\u00fc\n"
    with job.output("stdout", text=True, errors="replace") as log:
        assert [*log] == ["\ufffd\n"]
    with pytest.raises(UnicodeDecodeError):
        job.result(text=True)
    client.run(["echo"], text=True, input="\u00fc")
    assert b"\xc3\xbc" in [job.spec.stdin for job in daemon.jobs.values()]

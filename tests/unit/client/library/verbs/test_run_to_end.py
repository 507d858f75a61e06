from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon, Later

from jobwire.client.library.client import Client
from jobwire.client.library.values.completed_job import JobFailed, JobTimeout
from jobwire.client.library.verbs import run_to_end as running_to_end
from jobwire.keys.identity import Identity
from jobwire.schemas.refusal import Refused


def the_job(daemon: FakeDaemon) -> bytes:
    return next(iter(daemon.jobs))


def test_run_returns_what_subprocess_would(client: Client) -> None:
    done = client.run(["echo", b"hello", Path("there")])

    assert done.args == ("echo", b"hello", Path("there"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello there\n", b"")
    assert done.check_returncode() is None


def test_a_run_whose_start_is_not_answered_in_time_ends_in_time_and_its_job_with_the_next_call(
    client: Client, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_to_end, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    client.hello()
    held, release = threading.Event(), threading.Event()
    holder = threading.Thread(target=daemon.do, args=[lambda: (held.set(), release.wait())])
    holder.start()
    held.wait()
    with pytest.raises(JobTimeout):
        client.run(["wait"], timeout=0.1)
    release.set()
    holder.join()
    [job] = client.list(all=True)
    assert client.job_by_key(job.key.owner, job.key.id).wait(timeout=60) is not None
    assert daemon.verbs().count("start") == 1


def test_a_run_whose_start_did_not_arrive_in_time_is_never_started(
    client: Client, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_to_end, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    client.hello()
    daemon.stop()
    with pytest.raises(JobTimeout):
        client.run(["wait"], timeout=0.1)
    daemon.start()
    assert list(client.list(all=True)) == []


def test_a_job_that_cannot_be_stopped_now_is_told_and_stopped_with_the_next_call(
    daemon: FakeDaemon, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_to_end, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    notices: list[str] = []
    with Client.connect(daemon.endpoint, daemon.public, identity, notice=notices.append) as client:
        later = Later(daemon, "follow_log", daemon.stop, 2)
        with pytest.raises(JobTimeout):
            client.run(["wait"], timeout=1)
        later.join()
        assert [notice for notice in notices if "is stopped with the next call that it answers" in notice]
        daemon.start()
        [job] = client.list(all=True)
        assert client.job_by_key(job.key.owner, job.key.id).wait(timeout=60) is not None


@pytest.mark.parametrize("timeout", [2147484, 2**31, "25d", "1000w", 1e12, timedelta.max])
def test_a_timeout_of_weeks_or_years_is_waited_for_in_parts(client: Client, timeout: float | timedelta | str) -> None:
    assert client.run(["echo"], timeout=timeout).returncode == 0
    job = client.submit(["echo"])
    assert client.wait([job], timeout=timeout) == [job]
    client.events(timeout=timeout).close()


def test_a_wait_that_is_longer_than_one_poll_is_begun_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.sockets.waiting.poll_time._LONGEST_WAIT_SECONDS", 0.01)
    job = client.submit(["wait"])
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(0.2)
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), 10**5000], ids=["inf", "nan", "endless"])
def test_a_timeout_that_is_not_a_number_of_seconds_is_refused_with_a_message(client: Client, timeout: float) -> None:
    for waits in (
        lambda: client.run(["true"], timeout=timeout),
        lambda: client.wait([], timeout=timeout),
        lambda: client.events(timeout=timeout),
        lambda: client.submit(["true"], time_limit=timeout),
        lambda: client.submit(["true"], grace=timeout),
        lambda: Client.connect("tcp://127.0.0.1:1", bytes(32), client.connection.identity, connect_timeout=timeout),
    ):
        with pytest.raises(Refused, match=r"is not a duration in seconds.*None"):
            waits()


def test_check_raises_an_error_that_subprocess_users_know(client: Client, daemon: FakeDaemon) -> None:
    later = Later(daemon, "follow_log", lambda: daemon.finish(the_job(daemon), 3), 2)

    with pytest.raises(subprocess.CalledProcessError) as caught:
        client.run(["wait"], check=True)
    later.join()

    assert isinstance(caught.value, JobFailed)
    assert (caught.value.returncode, caught.value.cmd, caught.value.stdout) == (3, ["wait"], b"")


def test_a_run_that_takes_too_long_is_stopped_and_its_output_given(client: Client, daemon: FakeDaemon) -> None:
    client.hello()

    # Long enough for the start to be acknowledged.
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        client.run(["say", "so far"], timeout=1.0)

    assert (caught.value.output, caught.value.timeout) == (b"so far\n", 1.0)
    assert daemon.jobs[the_job(daemon)].outcome is not None


def test_an_interrupted_run_stops_its_job(client: Client, daemon: FakeDaemon) -> None:
    later = Later(daemon, "follow_log", lambda: os.kill(os.getpid(), signal.SIGINT), 2)

    with pytest.raises(KeyboardInterrupt):
        client.run(["wait"])
    later.join()

    assert daemon.do(lambda: daemon.jobs[the_job(daemon)].outcome) is not None
    assert client.run(["echo", "usable"]).stdout == b"usable\n"


def test_a_refused_run_tells_which_and_why(client: Client) -> None:
    with pytest.raises(Refused, match="not this") as caught:
        client.run(["refuse"])

    assert caught.value.job_index == 0


def test_a_lost_connection_in_the_middle_of_a_run_changes_nothing(client: Client, daemon: FakeDaemon) -> None:
    def trouble() -> None:
        daemon.write(the_job(daemon), b"before ")
        daemon.restart()
        daemon.write(the_job(daemon), b"after")
        daemon.restart()
        daemon.finish(the_job(daemon), 5)

    later = Later(daemon, "follow_log", trouble, 2)
    done = client.run(["wait"])
    later.join()

    assert (done.returncode, done.stdout) == (5, b"before after")
    assert len(daemon.jobs) == 1


def test_a_job_that_failed_or_is_late_says_so_even_if_its_output_is_not_text(client: Client, daemon: FakeDaemon) -> None:
    later = Later(daemon, "follow_log", lambda: daemon.finish(the_job(daemon), 3), 2)
    with pytest.raises(JobFailed) as failed:
        client.run(["say", b"\xff"], text=True, check=True)
    later.join()
    assert failed.value.stdout == "\\xff\n"
    with pytest.raises(subprocess.TimeoutExpired) as late:
        client.run(["say", b"\xe4\xbd"], text=True, timeout=1.0)
    assert late.value.output == "\\xe4\\xbd\n"

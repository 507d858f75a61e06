"""A job whose output the worker cannot show is attended to its end all the same; and a signal ends the command if that is not told."""

from __future__ import annotations

import os
import signal

import pytest
from fake_daemon import FakeDaemon, Later

from jobwire.client.cli.exit_status import Ending
from jobwire.client.cli.job.attendance import Attendance
from jobwire.client.cli.terminal import signals
from jobwire.client.cli.terminal.signals import Signals
from jobwire.client.library import parting
from jobwire.client.library.client import Client
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Refused

UNREADABLE = Refused(Code.INTERNAL, "the log cannot be read: Input/output error")
GONE = Refused(Code.NOT_FOUND, "the logs of this job no longer exist")


@pytest.mark.parametrize("why", [UNREADABLE, GONE])
@pytest.mark.parametrize(("ended_with", "status"), [(0, 125), (3, 3)])
def test_a_log_that_is_refused_costs_its_output_and_not_the_end_of_the_job(
    client: Client, daemon: FakeDaemon, capfd: pytest.CaptureFixture[str], why: Refused, ended_with: int, status: int
) -> None:
    daemon.unreadable[request_pb2.STREAM_STDERR] = why
    job = client.submit(["wait"])
    # After both logs were asked for: the command goes on, and nothing but the end of the job ends it.
    ends = Later(daemon, "follow_log", lambda: (daemon.write(job.key.id, b"written\n"), daemon.finish(job.key.id, ended_with)), count=2)
    try:
        assert Attendance(client, job).attend(None) == status
    finally:
        ends.join()
    printed = capfd.readouterr()
    assert printed.out == "written\n"
    name = job.id[:8]
    assert printed.err.splitlines() == [
        f"jobwire: the output of job {name} is not shown: {why.message}",
        f"jobwire: job {name}: exited with status {ended_with}",
    ]


def test_what_both_logs_are_refused_for_is_told_once(client: Client, daemon: FakeDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.unreadable = dict.fromkeys((request_pb2.STREAM_STDOUT, request_pb2.STREAM_STDERR), UNREADABLE)
    assert Attendance(client, client.submit(["echo", "x"])).attend(None) == 125
    assert capfd.readouterr().err.count("is not shown") == 1


def test_a_refusal_that_is_not_about_the_log_ends_the_command(client: Client, daemon: FakeDaemon) -> None:
    daemon.unreadable[request_pb2.STREAM_STDERR] = Refused(Code.PERMISSION_DENIED, "this key is not on the roster")
    with pytest.raises(Refused, match="not on the roster"):
        Attendance(client, client.submit(["wait"])).attend(None)


@pytest.fixture
def soon(own_alarm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_alarm
    monkeypatch.setattr(parting, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(parting, "NO_SIGN_SECONDS", 0.2)
    monkeypatch.setattr(signals, "OVERDUE_SECONDS", 0.2)


def interrupt_self() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("soon")
def test_a_signal_ends_a_command_to_which_the_output_of_a_job_that_has_ended_does_not_come(
    client: Client, daemon: FakeDaemon, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon.swallow["follow_log"] = 1
    job = client.submit(["echo", "x"])
    comes = Later(daemon, "follow_log", interrupt_self, count=2)
    try:
        with Signals() as recorded, pytest.raises(Ending) as caught:
            Attendance(client, job).attend(recorded)
    finally:
        comes.join()
        signals.take_heard()
    assert caught.value.status == 143
    said = capfd.readouterr().err
    name = job.id[:8]
    assert f"does not answer; the rest of the output of job {name} is not shown: jobwire logs {name} shows all of it" in said


@pytest.mark.usefixtures("soon")
def test_a_signal_ends_a_command_that_waits_for_something_else(
    client: Client, daemon: FakeDaemon, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whose watch was refused: it asks for the job's end, and there is no answer."""
    job = client.submit(["wait"], watch=False)
    daemon.unreadable = dict.fromkeys((request_pb2.STREAM_STDOUT, request_pb2.STREAM_STDERR), GONE)
    daemon.swallow["query_one"] = 1
    comes = Later(daemon, "query_one", interrupt_self)
    try:
        with Signals() as recorded, pytest.raises(Ending) as caught:
            Attendance(client, job).attend(recorded)
    finally:
        comes.join()
        signals.take_heard()
    assert caught.value.status == 143
    assert f"job {job.id[:8]} may continue: jobwire show {job.id[:8]} says whether it does" in capfd.readouterr().err

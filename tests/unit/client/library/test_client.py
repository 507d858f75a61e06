from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import FakeDaemon, Later

import jobwire
from jobwire.client.config.contexts import Context
from jobwire.client.library import run_to_end as running_to_end
from jobwire.client.library.client import Client
from jobwire.client.library.events import CursorTooOld
from jobwire.client.library.job import Job
from jobwire.client.library.options.specs import JobOptions, job_spec
from jobwire.client.library.values.completed_job import JobFailed, JobTimeout
from jobwire.client.library.values.results import BatchInfo, EventCursor, Forgotten
from jobwire.keys.identity import Identity, load, save
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import State
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code, Refused


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
    monkeypatch.setattr("jobwire.client.sockets.poll_time._LONGEST_WAIT_SECONDS", 0.01)
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


def test_everything_that_was_said_about_a_job_is_asked_for(client: Client, daemon: FakeDaemon) -> None:
    client.run(
        ["echo"],
        input=b"in",
        cwd="/srv",
        env={"A": b"\xff"},
        name="n",
        labels={"k": "v"},
        time_limit=timedelta(minutes=1),
        stop_signal=signal.SIGINT,
        grace=0.0001,
        id="00000000-0000-0000-0000-000000000001",
    )

    assert the_job(daemon) == bytes(15) + b"\1"
    assert daemon.jobs[the_job(daemon)].spec == job_pb2.JobSpec(
        argv=[b"echo"],
        stdin=b"in",
        directory=b"/srv",
        environment=[job_pb2.EnvironmentVariable(name=b"A", value=b"\xff")],
        name="n",
        labels=[job_pb2.Label(name="k", value="v")],
        time_limit_ms=60_000,
        stop_signal=2,
        grace_ms=1,
    )


def test_times_and_sizes_may_be_written_as_on_the_command_line() -> None:
    spec = job_spec(["true"], time_limit="1h30m", grace="500ms", output_limit="1.5K")
    assert (spec.time_limit_ms, spec.grace_ms, spec.output_limit_bytes) == (5_400_000, 500, 1536)
    for options, said in (({"time_limit": "2 days"}, "'2 days' is not a time"), ({"output_limit": "1.5"}, "'1.5' is not a size")):
        with pytest.raises(Refused, match=said):
            job_spec(["true"], **options)  # type: ignore[arg-type] # reason: two options of two types
    for options, said in (({"grace": [1]}, "grace must be seconds"), ({"output_limit": 1.5}, "output_limit must be bytes, or a size")):
        with pytest.raises(TypeError, match=said):
            job_spec(["true"], **options)  # type: ignore[arg-type] # reason: wrong on purpose


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time_limt": 1}, "'time_limt'"),
        ({"universal_newlines": True}, "'universal_newlines'.*text="),
        ({"capture_output": True}, "'capture_output'.*always kept"),
        ({"shell": True}, r"'shell'.*\['sh', '-c'"),
        ({"input": "abc"}, "input must be bytes.*not str"),
        ({"name": 3}, "name must be text"),
        ({"env": {"A": 1}}, r"env\['A'\] must be text or bytes, not int"),
        ({"labels": {"a": 1}}, r"labels\['a'\] must be text"),
    ],
)
def test_an_unknown_option_of_a_job_is_a_type_error_that_names_it(
    client: Client, daemon: FakeDaemon, options: dict[str, object], said: str
) -> None:
    run: Callable[..., object]
    for run in (client.run, client.submit, jobwire.job_spec):
        with pytest.raises(TypeError, match=said):
            run(["true"], **options)
    assert daemon.verbs() == []


def test_an_argument_that_is_not_a_string_is_named_by_its_position(client: Client) -> None:
    wrong: Any = ["sleep", 3]
    with pytest.raises(TypeError, match=r"argv\[1\] must be text, bytes or a path, not int"):
        client.run(wrong)
    with pytest.raises(TypeError, match="not one string"):
        client.submit_many(["true"])


def test_many_jobs_are_given_as_argv_or_spec_in_str_or_bytes(client: Client, daemon: FakeDaemon) -> None:
    as_typed: Any = JobSpec(argv=("echo", b"c"), environment=(("A", "1"),), directory="/")
    client.submit_many([["echo", "a"], jobwire.job_spec(["echo", Path("b")], env={"A": "1"}, cwd="/"), as_typed])

    specs = [job.spec for job in daemon.requests[-1].start.jobs]
    assert [list(spec.argv) for spec in specs] == [[b"echo", b"a"], [b"echo", b"b"], [b"echo", b"c"]]
    assert specs[1].environment == specs[2].environment


def test_a_spec_has_no_id() -> None:
    with pytest.raises(TypeError, match="ids="):
        jobwire.job_spec(["true"], id=new_id())


def test_one_string_is_not_an_argv(client: Client) -> None:
    with pytest.raises(TypeError, match="for a shell"):
        client.run("echo hi")


@pytest.mark.parametrize("wrong", ["no id", b"short"])
def test_a_wrong_id_is_refused(client: Client, wrong: str | bytes) -> None:
    with pytest.raises(Refused, match="is not the id"):
        client.submit(["echo"], id=wrong)


def test_a_name_that_is_not_unicode_is_refused(client: Client) -> None:
    with pytest.raises(Refused, match="cannot be described"):
        client.submit(["echo"], labels={"\udcff": ""})


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


def test_many_jobs_start_with_one_request(client: Client, daemon: FakeDaemon) -> None:
    batch = BatchInfo(new_id(), "night", 2)
    jobs = client.submit_many([job_spec(["echo", str(n)]) for n in range(5)], batch=batch)

    assert client.wait(jobs) == jobs
    assert daemon.verbs() == ["hello", "start"]
    assert daemon.requests[1].start.batch.name == "night"
    assert not daemon.requests[1].start.batch.is_whole
    client.submit_many([["true"]], batch=batch._replace(is_whole=True))
    assert daemon.requests[-1].start.batch.is_whole


def test_waiting_for_any_returns_those_that_have_ended(client: Client, daemon: FakeDaemon) -> None:
    jobs = [client.submit(["wait"]) for _ in range(3)]
    daemon.finish(jobs[1].key.id)

    assert client.wait(jobs, any=True, timeout=60) == [jobs[1]]
    assert client.wait(jobs, any=True) == [jobs[1]]


def test_a_job_that_ended_long_ago_is_waited_for(client: Client, daemon: FakeDaemon, identity: Identity) -> None:
    job_id = new_id()
    client.run(["echo"], id=job_id)
    with Client.connect(daemon.endpoint, daemon.public, identity) as other:
        job = other.job_by_key(identity.public, job_id)

        assert job.wait() == 0
        assert job.poll() == 0


@pytest.mark.parametrize("lose", [False, True])
def test_a_job_that_nobody_watches_is_waited_for_through_events(client: Client, daemon: FakeDaemon, *, lose: bool) -> None:
    jobs = [client.submit(["wait"], watch=False) for _ in range(70)]

    def end() -> None:
        for job in jobs[1:]:
            daemon.finish(job.key.id)
        if lose:
            daemon.restart()
        daemon.finish(jobs[0].key.id, 9)

    later = Later(daemon, "query_one", end, 140)

    assert client.wait(jobs, timeout=60) == jobs
    later.join()
    assert jobs[0].returncode == 9


def test_a_job_that_ends_between_question_and_grant_is_not_missed(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    daemon.swallow["subscribe"] = 1

    def end() -> None:
        daemon.finish(job.key.id)
        daemon.restart()

    later = Later(daemon, "subscribe", end)

    assert job.wait(timeout=60) == 0
    later.join()


def test_beyond_some_watches_none_are_opened(client: Client, daemon: FakeDaemon) -> None:
    for _ in range(65):
        client.submit(["wait"])

    starts = [request.start.watch for request in daemon.requests if request.HasField("start")]
    assert starts == [True] * 64 + [False]


def test_jobs_are_listed_page_by_page(client: Client, daemon: FakeDaemon) -> None:
    names = [f"job-{n}" for n in range(5)]
    for name in names:
        client.submit(["echo"], name=name)

    listed = list(client.list(all=True))

    assert [info.name for info in listed] == names
    assert listed[0].argv == (b"echo",)
    assert listed[0].returncode == 0
    assert daemon.verbs().count("list") == 3


def test_a_job_is_found_by_what_a_person_types(client: Client) -> None:
    submitted = client.submit(["wait"], name="mine")
    found = client.job("mine")

    assert found.key == submitted.key
    assert found.state is State.RUNNING
    assert found.info().name == "mine"
    with pytest.raises(Refused) as caught:
        client.job("nobody")
    assert caught.value.code is Code.NOT_FOUND


def test_two_handles_of_one_job_know_the_same(client: Client, daemon: FakeDaemon) -> None:
    submitted = client.submit(["wait"], name="mine")
    found: Job = client.job("mine")
    daemon.finish(submitted.key.id, 2)
    submitted.wait()

    assert found.returncode == 2


def test_events_from_now_on_tell_what_happens_after_the_call(client: Client, daemon: FakeDaemon) -> None:
    client.run(["echo"])
    events = client.events(timeout=60)
    job = client.submit(["wait"])
    daemon.finish(job.key.id, 1)

    told = [next(events) for _ in range(2)]
    events.close()

    assert [(event.kind.name, event.key.id) for event in told] == [("STARTED", job.key.id), ("FINISHED", job.key.id)]
    assert told[1].outcome is not None


def test_events_continue_after_a_cursor(client: Client, daemon: FakeDaemon) -> None:
    daemon.tell(*[event_pb2.EVENT_KIND_STARTED] * 10)
    with client.events(f"{daemon.store.hex()}:0") as events:
        first = next(events)
    with client.events(str(first.cursor), timeout=60) as events:
        assert [next(events).cursor.seq for _ in range(9)] == list(range(2, 11))
        with pytest.raises(Refused, match="is not a cursor"):
            client.events("nonsense")


def test_a_client_that_is_no_longer_admitted_learns_it_from_what_waits(client: Client, daemon: FakeDaemon, identity: Identity) -> None:
    with client.events() as events:
        daemon.members.remove(identity.public)
        daemon.stop()
        daemon.start()
        with pytest.raises(Refused, match="does not let your key in"):
            next(events)


def test_a_cursor_of_another_store_is_refused_at_once(client: Client) -> None:
    with pytest.raises(Refused) as caught:
        client.events(f"{bytes(16).hex()}:0")

    assert caught.value.code is Code.OUT_OF_RANGE


@pytest.mark.parametrize("first_seq", [1, 2, 3, 4, 6])
def test_events_come_from_the_oldest_that_is_kept(client: Client, daemon: FakeDaemon, first_seq: int) -> None:
    client.run(["echo", "1"])
    client.run(["echo", "2"])
    client.run(["echo", "3"])
    daemon.do(lambda: setattr(daemon, "first_seq", first_seq))
    with client.events("start") as events:
        assert next(events).cursor.seq == first_seq


def test_the_identity_of_the_user_is_made_where_it_is_needed_and_another_is_not(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    with (
        Client(Context("lab", daemon.endpoint, daemon.public, tmp_path / "identity")) as stranger,
        pytest.raises(Refused, match="keys add NAME jobwire-key-"),
    ):
        stranger.run(["true"])
    assert load(tmp_path / "identity")
    with pytest.raises(Refused, match="there is no identity"):
        Client(Context("lab", daemon.endpoint, daemon.public, tmp_path / "other"))


def test_a_cursor_that_is_too_old_says_where_to_continue_and_the_state_of_the_jobs(client: Client, daemon: FakeDaemon) -> None:
    client.run(["echo", "1"], name="one", labels={"team": "blue"})
    client.run(["echo", "2"], name="two")
    before = EventCursor(daemon.store, 1)
    daemon.do(lambda: setattr(daemon, "first_seq", 3))
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before))
    assert caught.value.cursor == EventCursor(daemon.store, 4)
    assert f"events --from {caught.value.cursor}" in str(caught.value)
    assert [job.name for job in caught.value.jobs()] == ["one", "two"]
    with client.events(caught.value.cursor) as events:
        client.run(["echo", "3"])
        assert next(events).cursor.seq == 5
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before, labels={"team": "blue"}))
    assert [job.name for job in caught.value.jobs()] == ["one"]
    one, gone = client.job("one"), client.job_by_key(b"o" * 32, bytes(16))
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before, jobs=[one, gone]))
    assert [job.name for job in caught.value.jobs()] == ["one"]
    assert type(pickle.loads(pickle.dumps(caught.value))) is Refused


def test_a_wait_that_missed_events_asks_for_the_state_of_its_jobs(client: Client, daemon: FakeDaemon) -> None:
    client.submit(["sleep"])
    job_id = the_job(daemon)
    other = Client.connect(client.connection.endpoint, daemon.public, client.connection.identity)
    job = other.job_by_key(client.connection.identity.public, job_id)

    def end_unheard() -> None:
        def end() -> None:
            daemon.grants.clear()
            daemon._finish(daemon.jobs[job_id], job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=3))
            daemon.first_seq = len(daemon.events) + 1

        daemon.do(end)
        daemon.restart()

    later = Later(daemon, "subscribe", end_unheard)
    with other:
        assert job.wait(timeout=60) == 3
    later.join()


def test_jobs_are_forgotten_in_requests_of_the_largest_size_allowed(client: Client, daemon: FakeDaemon) -> None:
    jobs = [client.submit(["echo", "x"]) for _ in range(2)]
    client.wait(jobs)
    assert jobs[0].forget() == Forgotten(1, 2)
    assert client.forget(jobs) == Forgotten(1, 2)
    assert client.forget(jobs * 600) == Forgotten(0, 0)
    assert [len(request.forget.keys) for request in daemon.do(lambda: list(daemon.requests)) if request.HasField("forget")] == [
        1,
        2,
        1000,
        200,
    ]


def test_lost_news_are_replayed(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        daemon.tell(event_pb2.EVENT_KIND_STARTED)
        assert next(events).cursor.seq == 1
        daemon.tell(event_pb2.EVENT_KIND_STARTED, event_pb2.EVENT_KIND_STARTED, deaf=True)
        daemon.beat()

        assert [next(events).cursor.seq for _ in range(2)] == [2, 3]


def test_news_survive_restarts_of_the_daemon(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        for seq in range(1, 6, 2):
            daemon.tell(event_pb2.EVENT_KIND_STARTED)
            daemon.restart()
            daemon.tell(event_pb2.EVENT_KIND_STARTED)

            assert [next(events).cursor.seq for _ in range(2)] == [seq, seq + 1]


def test_events_of_a_kind_that_is_not_known_are_left_out(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        daemon.tell(99, event_pb2.EVENT_KIND_STARTED)  # type: ignore[arg-type]

        assert next(events).cursor.seq == 2


def test_a_closed_event_stream_gives_its_grant_back(client: Client, daemon: FakeDaemon) -> None:
    events = client.events()
    events.close()
    client.hello()
    list(client.list())

    assert daemon.do(lambda: daemon.grants) == {}
    assert list(events) == []


def test_events_can_be_limited_in_time(client: Client) -> None:
    with pytest.raises(TimeoutError):
        next(client.events(timeout=0.05))


def test_a_client_is_made_from_a_context(daemon: FakeDaemon, identity: Identity, tmp_path: Path) -> None:
    save(identity, tmp_path / "identity")
    with Client(Context("lab", daemon.endpoint, daemon.public, tmp_path / "identity")) as client:
        assert client.hello().kind == "worker"


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


def test_an_unknown_encoding_submits_nothing(client: Client, daemon: FakeDaemon) -> None:
    with pytest.raises(LookupError, match="utf-99"):
        client.run(["true"], encoding="utf-99")
    assert daemon.verbs() == []


def test_a_job_that_failed_or_is_late_says_so_even_if_its_output_is_not_text(client: Client, daemon: FakeDaemon) -> None:
    later = Later(daemon, "follow_log", lambda: daemon.finish(the_job(daemon), 3), 2)
    with pytest.raises(JobFailed) as failed:
        client.run(["say", b"\xff"], text=True, check=True)
    later.join()
    assert failed.value.stdout == "\\xff\n"
    with pytest.raises(subprocess.TimeoutExpired) as late:
        client.run(["say", b"\xe4\xbd"], text=True, timeout=1.0)
    assert late.value.output == "\\xe4\\xbd\n"


def test_jobs_of_one_request_keep_their_arguments(client: Client) -> None:
    jobs = client.submit_many([["echo", Path("a")], job_spec(["echo", b"\xff"])])
    assert [job.args for job in jobs] == [("echo", Path("a")), ("echo", "\udcff")]
    assert jobs[1].result().args == ("echo", "\udcff")


def test_jobs_are_completed_in_the_order_of_their_ends(client: Client, daemon: FakeDaemon) -> None:
    one, two, three = (client.submit(["wait"], name=name, watch=name != "two") for name in ("one", "two", "three"))
    ended = client.submit(["echo"])
    ended.wait()
    ends = client.as_completed([one, two, ended, three, one])
    assert next(ends) is ended
    daemon.finish(two.key.id)
    assert next(ends) is two
    # Other waits in between do not disturb it.
    daemon.finish(one.key.id, 3)
    assert three.poll() is None
    assert one.wait() == 3
    daemon.finish(three.key.id)
    assert three.result().returncode == 0
    assert [*ends] == [one, three]


def test_as_completed_gives_up_its_subscription_and_keeps_its_deadline(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    ends = client.as_completed([job], timeout=0.3)
    with pytest.raises(TimeoutError):
        next(ends)
    list(client.list())
    assert not daemon.do(lambda: len(daemon.grants))


def test_the_options_of_typed_signatures_are_those_of_a_job() -> None:
    assert [*JobOptions.__annotations__] == [name for name in job_spec.__annotations__ if name not in ("argv", "return")]


def test_the_blocking_client_loads_no_event_loop_and_no_futures() -> None:
    slow = {"asyncio", "subprocess", "concurrent.futures", "jobwire.client.asynchronous"}
    program = f"import sys, jobwire; jobwire.Client, jobwire.Job, jobwire.job_spec; print(sorted({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"

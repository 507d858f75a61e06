from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import FakeDaemon

import jobwire
from jobwire.client.config.contexts import Context
from jobwire.client.library.client import Client
from jobwire.client.library.options.specs import JobOptions, job_spec
from jobwire.client.library.values.results import BatchInfo, Forgotten
from jobwire.keys.identity import Identity, load, save
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import State
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code, Refused


def the_job(daemon: FakeDaemon) -> bytes:
    return next(iter(daemon.jobs))


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


def test_a_function_or_words_beside_the_argv_are_refused_with_how_a_job_is_given(client: Client, daemon: FakeDaemon) -> None:
    executor, alone = jobwire.JobExecutor(), "takes a program with its arguments as one list"
    calls: list[Any] = [client.run, client.submit, jobwire.AsyncClient().run, executor.submit, jobwire.job_spec]
    for call in calls:
        for words in (["echo", "a"], [["echo"], "a"], [print, 3]):
            with pytest.raises(TypeError, match=rf"^{call.__name__}\(\) {alone}: {call.__name__}\(\['echo', 'hello'\]\)$"):
                call(*words)
    for call in (client.run, executor.submit):
        with pytest.raises(TypeError, match="argv is a program and its arguments, as a list, not a function"):
            call(print)
        with pytest.raises(TypeError, match="as a list, not int"):
            call(3)
    assert daemon.verbs() == []


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


def test_many_jobs_start_with_one_request(client: Client, daemon: FakeDaemon) -> None:
    batch = BatchInfo(new_id(), "night", 2)
    jobs = client.submit_many([job_spec(["echo", str(n)]) for n in range(5)], batch=batch)

    assert client.wait(jobs) == jobs
    assert daemon.verbs() == ["hello", "start"]
    assert daemon.requests[1].start.batch.name == "night"
    assert not daemon.requests[1].start.batch.is_whole
    client.submit_many([["true"]], batch=batch._replace(is_whole=True))
    assert daemon.requests[-1].start.batch.is_whole


def test_a_job_is_found_by_what_a_person_types(client: Client) -> None:
    submitted = client.submit(["wait"], name="mine")
    found = client.job("mine")

    assert found.key == submitted.key
    assert found.state is State.RUNNING
    assert found.info().name == "mine"
    with pytest.raises(Refused) as caught:
        client.job("nobody")
    assert caught.value.code is Code.NOT_FOUND


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


def test_jobs_are_forgotten_in_requests_of_the_largest_size_allowed(client: Client, daemon: FakeDaemon) -> None:
    jobs = [client.submit(["echo", "x"]) for _ in range(2)]
    client.wait(jobs)
    assert jobs[0].forget() == Forgotten(1, 2)
    assert client.forget(jobs) == Forgotten(1, 2)
    assert client.forget(jobs * 600) == Forgotten(0, 0)
    assert [len(request.forget.keys) for request in daemon.do(lambda: list(daemon.requests)) if request.HasField("forget")] == [
        1,
        2,
        *[250] * 4,
        200,
    ]


def test_a_client_is_made_from_a_context(daemon: FakeDaemon, identity: Identity, tmp_path: Path) -> None:
    save(identity, tmp_path / "identity")
    with Client(Context("lab", daemon.endpoint, daemon.public, tmp_path / "identity")) as client:
        assert client.hello().kind == "worker"


def test_an_unknown_encoding_submits_nothing(client: Client, daemon: FakeDaemon) -> None:
    with pytest.raises(LookupError, match="utf-99"):
        client.run(["true"], encoding="utf-99")
    assert daemon.verbs() == []


def test_jobs_of_one_request_keep_their_arguments(client: Client) -> None:
    jobs = client.submit_many([["echo", Path("a")], job_spec(["echo", b"\xff"])])
    assert [job.args for job in jobs] == [("echo", Path("a")), ("echo", "\udcff")]
    assert jobs[1].result().args == ("echo", "\udcff")


def test_the_options_of_typed_signatures_are_those_of_a_job() -> None:
    assert [*JobOptions.__annotations__] == [name for name in job_spec.__annotations__ if name not in ("argv", "return")]


def test_the_blocking_client_loads_no_event_loop_and_no_futures() -> None:
    slow = {"asyncio", "subprocess", "concurrent.futures", "jobwire.client.asynchronous"}
    program = f"import sys, jobwire; jobwire.Client, jobwire.Job, jobwire.job_spec; print(sorted({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"

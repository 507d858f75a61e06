from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import jobwire
from jobwire.client.library.client import Client
from jobwire.client.library.options.arguments import milliseconds
from jobwire.client.library.values.completed_job import CompletedJob, JobFailed, JobTimeout
from jobwire.client.library.values.event import event
from jobwire.client.library.values.job_info import job_info
from jobwire.schemas.generated import event_pb2, job_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse, State, return_code
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Refused


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(OutcomeKind.EXITED, 3), 3),
        (Outcome(OutcomeKind.FAILED_TO_START, 127), 127),
        (Outcome(OutcomeKind.SIGNALED, signal=9), -9),
        (Outcome(OutcomeKind.TIMED_OUT, signal=15), -15),
        # It caught the signal and exited with 0: that is no success.
        (Outcome(OutcomeKind.TIMED_OUT, 0), 124),
        (Outcome(OutcomeKind.CANCELLED), -15),
        (Outcome(OutcomeKind.OVER_LIMIT, 0), 153),
        (Outcome(OutcomeKind.LOST), 125),
    ],
)
def test_a_return_code_is_what_subprocess_gives_and_0_only_for_success(outcome: Outcome, expected: int) -> None:
    assert return_code(outcome) == expected


def test_a_job_of_a_newer_daemon_can_be_read() -> None:
    spec = job_pb2.JobSpec.FromString(job_pb2.JobSpec(argv=[b"x"]).SerializeToString() + b"\xf8\x3f\x01")
    info = job_info(
        job_pb2.Job(key=job_pb2.JobKey(owner=b"o" * 32, id=b"i" * 16), spec=spec, state=77, queued_at_us=1, pid=5, started_at_us=2)
    )

    assert info.state is State.RUNNING
    assert info.argv == (b"x",)
    assert info.process == "5@19700101T000000.000002Z"
    assert info.queued_at == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_a_job_is_described_in_text_dates_and_durations() -> None:
    spec = job_pb2.JobSpec(argv=[b"x", b"\xff"], directory=b"/srv", time_limit_ms=90_000, grace_ms=500)
    spec.environment.add(name=b"A", value=b"\xff")
    key = job_pb2.JobKey(owner=b"o" * 32, id=b"i" * 16)
    info = job_info(job_pb2.Job(key=key, spec=spec, queued_at_us=1, lasted_us=1_500_000, ended_ago_us=0))

    assert (info.args, info.cwd, info.env) == (("x", "\udcff"), "/srv", {"A": "\udcff"})
    assert (info.time_limit, info.grace) == (timedelta(minutes=1, seconds=30), timedelta(milliseconds=500))
    assert (info.lasted, info.ended_ago) == (timedelta(seconds=1.5), timedelta(0))
    bare = job_info(job_pb2.Job(key=key, spec=job_pb2.JobSpec(argv=[b"x"])))
    assert (bare.cwd, bare.env, bare.time_limit, bare.grace, bare.ended_ago) == (None, {}, None, None, None)
    assert (info.ended_at, info.returncode, info.labels, info.name) == (None, None, {}, "")
    assert info.id == "69696969-6969-6969-6969-696969696969"


@pytest.mark.parametrize(("sent", "attempt"), [(0, 1), (1, 1), (2, 2)])
def test_a_worker_that_does_not_count_attempts_means_the_first(sent: int, attempt: int) -> None:
    told = event(b"s" * 16, event_pb2.Event(kind=2, attempt=sent))
    assert told is not None
    assert (told.attempt, job_info(job_pb2.Job(state=job_pb2.STATE_RUNNING, attempt=sent)).attempt) == (attempt, attempt)


def test_failures_survive_pickling() -> None:
    done = CompletedJob(["a"], 2, b"o", b"e", JobKey(b"o" * 32, b"i" * 16), 1, 2, 3, Outcome(OutcomeKind.EXITED, 2, sentence="why"))
    failed = pickle.loads(pickle.dumps(JobFailed(done)))
    late = pickle.loads(pickle.dumps(JobTimeout(["a"], 1.5, b"o", b"e")))

    assert failed.job == done
    assert repr(done) == "CompletedJob(args=['a'], returncode=2, stdout=b'o', stderr=b'e')"
    assert str(failed) == "Command ['a'] failed: why"
    assert (late.cmd, late.timeout, late.output, late.stderr) == (["a"], 1.5, b"o", b"e")


@pytest.mark.parametrize(("duration", "expected"), [(0, 0), (0.0001, 1), (1, 1000), (1.0005, 1001), (None, None)])
def test_what_is_short_is_not_nothing(duration: float | None, expected: int | None) -> None:
    assert milliseconds(duration) == expected


@pytest.mark.parametrize("duration", [-1, float("inf"), float("nan")])
def test_what_is_not_a_duration_is_refused(duration: float) -> None:
    with pytest.raises(Refused, match="is not a duration"):
        milliseconds(duration)


def test_the_public_client_is_this_one() -> None:
    assert jobwire.Client is Client


def test_how_long_a_job_lasted_comes_from_the_daemon_and_otherwise_from_dates() -> None:
    dates = {"state": job_pb2.STATE_FINISHED, "queued_at_us": 1, "started_at_us": 2_000_000, "ended_at_us": 9_000_000}
    assert job_info(job_pb2.Job(lasted_us=1, ended_ago_us=0, **dates)).lasted_us == 1
    older = job_info(job_pb2.Job(**dates))
    # How long ago it ended is not guessed by a clock of ours.
    assert (older.lasted_us, older.ended_ago_us) == (7_000_000, None)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_job_that_ended_well_and_lost_output_does_not_pass_a_check(stream: str) -> None:
    outcome = replace(Outcome(OutcomeKind.EXITED), **{f"{stream}_problem": "the disk was full"})
    done = CompletedJob(["true"], 0, b"", b"", JobKey(b"o" * 32, b"i" * 16), 5, 1, 2, outcome)
    with pytest.raises(JobFailed, match=f"its {stream} is incomplete: the disk was full"):
        done.check_returncode()


def test_incomplete_output_is_reported_once() -> None:
    said = "exited with status 0; its stdout is incomplete: the disk was full"
    outcome = Outcome(OutcomeKind.EXITED, sentence=said, stdout_problem="the disk was full")
    failed = JobFailed(CompletedJob(["true"], 0, b"", b"", JobKey(b"o" * 32, b"i" * 16), 5, 1, 2, outcome))
    assert str(failed) == f"Command ['true'] failed: {said}"


def test_every_field_of_an_outcome_and_its_use_has_a_place() -> None:
    # They are made of what a message says, without checks.
    for message, of in ((job_pb2.Outcome, Outcome), (job_pb2.ResourceUse, ResourceUse)):
        assert {field.name for field in message.DESCRIPTOR.fields} <= set(of.__match_args__)


def test_jobs_of_one_run_have_one_run() -> None:
    batch = job_pb2.Batch(id=b"r" * 16, name="nightly", parallel=2)
    first, second = (job_info(job_pb2.Job(batch=batch)) for _ in range(2))
    assert first.batch is second.batch
    assert first.batch is not None
    assert first.batch.name == "nightly"

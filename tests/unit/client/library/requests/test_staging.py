"""A large batch in parts: in which order its jobs are staged, how they are divided, and what is done about each answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.library.options.retry import Retry
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.requests.staging import Parts, Rerun, in_order, steps
from jobwire.client.library.values.results import BatchInfo
from jobwire.client.library.verbs.actions import is_large, takes_parts
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part, hash_of_rerun
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.conditions import After, Condition, base_of
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Reason, Refused

RUN = b"r" * 16
ABOUT = BatchInfo(RUN, "nightly")


@pytest.fixture(autouse=True)
def large_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.library.requests.staging._JOBS_A_PART", 500)


def job_id(number: int) -> bytes:
    return b"%016d" % number


def waiting(*numbers: int, groups: tuple[str, ...] = (), name: str = "") -> JobSpec:
    after = [After(Condition.OK, job=job_id(number)) for number in numbers] + [After(Condition.OK, run=RUN, name=group) for group in groups]
    return JobSpec(argv=(b"true",), name=name, after=tuple(after))


def test_jobs_that_wait_for_none_of_their_run_stay_in_their_order() -> None:
    assert in_order([job_id(number) for number in range(3)], [waiting(99), waiting(), waiting()], RUN) == [0, 1, 2]


def test_what_is_waited_for_comes_first_and_the_rest_stays_where_it_was() -> None:
    specs = [waiting(), waiting(3), waiting(groups=("load",)), waiting(name="load[1]"), waiting(name="load[0]"), waiting()]
    assert in_order([job_id(number) for number in range(6)], specs, RUN) == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("specs", [[waiting(1), waiting(0)], [waiting(0)], [waiting(groups=("load",), name="load")]])
def test_jobs_that_wait_for_each_other_are_refused(specs: list[JobSpec]) -> None:
    with pytest.raises(Refused, match="wait for each other"):
        in_order([job_id(number) for number in range(len(specs))], specs, RUN)


_ONE = st.tuples(st.lists(st.integers(0, 20), max_size=3), st.sampled_from(["", "a", "b[1]"]), st.sampled_from([(), ("a",), ("b",)]))


@given(st.lists(_ONE, max_size=20))
def test_every_job_comes_once_and_behind_what_it_waits_for(drawn: list[tuple[list[int], str, tuple[str, ...]]]) -> None:
    specs = [waiting(*{one for one in numbers if one < at}, groups=groups, name=name) for at, (numbers, name, groups) in enumerate(drawn)]
    try:
        order = in_order([job_id(number) for number in range(len(specs))], specs, RUN)
    except Refused:
        # Only names can make a circle here.
        assert any(groups for _, _, groups in drawn)
        return
    place = {position: at for at, position in enumerate(order)}
    assert sorted(order) == [*range(len(specs))]
    for position, spec in enumerate(specs):
        for after in spec.after:
            members = [int(after.job)] if after.job else [at for at, one in enumerate(specs) if after.name in {one.name, base_of(one.name)}]
            assert all(place[member] < place[position] for member in members)


def test_a_part_has_a_limit_of_jobs_and_of_bytes() -> None:
    assert Parts(ABOUT, [job_id(number) for number in range(1100)], [waiting()] * 1100).ends == [500, 1000, 1100]
    large = job_spec(["x" * 100_000])
    assert Parts(ABOUT, [job_id(number) for number in range(5)], [large] * 5).ends == [2, 4, 5]


def test_jobs_that_run_again_are_named_with_what_they_wait_for_or_sent_whole_where_that_is_signed() -> None:
    before = JobKey(b"o" * 32, job_id(7))
    signed = job_pb2.JobSpec(argv=[b"make"], stdin=b"x", after=[job_pb2.After(job=job_id(9))])
    again = {job_id(0): Rerun(before), job_id(1): Rerun(before, 300_000), job_id(2): Rerun(before, spec=signed)}
    parts = Parts(ABOUT, [job_id(number) for number in range(4)], [waiting(), waiting(0), waiting(0), waiting()], again=again)
    # What they have as standard input counts, as the worker writes it again.
    assert parts.ends == [1, 2, 4]
    (named,) = parts.stage(1).stage.jobs
    assert (named.rerun.id, named.rerun.owner, named.HasField("spec")) == (before.id, before.owner, False)
    assert [after.job for after in named.after] == [job_id(0)]
    sent, new = parts.stage(2).stage.jobs
    assert (sent.rerun.id, sent.spec.argv, sent.spec.stdin) == (before.id, [b"make"], b"x")
    assert [after.job for after in sent.spec.after] == [job_id(0)]
    assert not new.HasField("rerun")
    assert parts.commit().commit.parts[1] == hash_of_part([hash_of_rerun(named)])
    assert parts.commit().commit.parts[2] == hash_of_part([hash_of_job(job.id, job.spec.SerializeToString()) for job in (sent, new)])


def test_a_commit_says_until_when_the_last_attempt_at_one_of_its_jobs_may_start() -> None:
    def lasts_days(*specs: JobSpec) -> int:
        commit = Parts(ABOUT, [job_id(number) for number in range(len(specs))], specs).commit().commit
        left_us = commit.good_until_us - time.time_ns() // 1000 if commit.good_until_us else 0
        return round(left_us / 86_400e6)

    assert lasts_days(waiting()) == 0
    late, long = job_spec(["a"], at="+5d"), job_spec(["a"], not_after="90d")
    again = job_spec(["a"], retry=Retry(2, delay=86_400), time_limit="1d")
    assert lasts_days(waiting(), late) == 35
    assert lasts_days(late, long) == 90
    assert lasts_days(again, late, again) == 39


def test_a_part_has_no_more_conditions_than_a_worker_takes() -> None:
    parts = Parts(ABOUT, [job_id(number) for number in range(5000, 5010)], [waiting(*range(1000))] * 10)
    assert parts.ends == [3, 6, 9, 10]


def test_only_many_or_long_jobs_are_staged() -> None:
    assert is_large([waiting()] * 251)
    assert not is_large([waiting()] * 250)
    assert is_large([job_spec(["x" * 100_000])] * 11)
    assert not is_large([job_spec(["x" * 100_000] * 20)]), "one job is never a run"
    assert is_large([waiting(*range(1000))] * 4)
    assert not is_large([waiting(*range(1000))] * 3)
    # Of jobs that run again only the number is known.
    assert is_large([JobKey(b"o", job_id(1))] * 251)
    assert not is_large([JobKey(b"o", job_id(1))] * 250)


def test_an_older_worker_takes_only_a_plain_batch_in_parts() -> None:
    assert takes_parts(ABOUT, {"staging"})
    assert not takes_parts(ABOUT, set())
    assert not takes_parts(ABOUT, {"staging"}, [waiting(), JobKey(b"o", job_id(1))])
    assert takes_parts(ABOUT, {"staging", "staged_reruns"}, [JobKey(b"o", job_id(1))])
    for about in (ABOUT._replace(on_failure=OnFailure.STOP_REST), ABOUT._replace(on_finish=["true"])):
        assert not takes_parts(about, {"staging"})
        assert takes_parts(about, {"staging", "staged_runs"})


class Worker:
    """Answers as a worker does that has some parts already."""

    def __init__(self, parts: Parts, *, has: int = 0) -> None:
        self.parts = parts
        self.has = has
        self.asked: list[str] = []
        self.refusals: dict[str, Refused] = {}

    def call(self, request: request_pb2.Request) -> request_pb2.Reply:
        verb = request.WhichOneof("verb") or ""
        what = f"stage {request.stage.number}" if verb == "stage" else verb
        self.asked.append(what)
        if what in self.refusals:
            raise self.refusals.pop(what)
        if verb == "commit":
            return request_pb2.Reply(acknowledged=request_pb2.Acknowledged(known=7))
        self.has = max(self.has, request.stage.number + 1)
        return request_pb2.Reply(stage=request_pb2.StageReply(parts=self.has))


@pytest.fixture
def parts() -> Parts:
    return Parts(ABOUT, [job_id(number) for number in range(1300)], [waiting()] * 1300)


def test_what_is_staged_is_not_sent_again_and_the_commit_names_all_of_it(parts: Parts) -> None:
    told: list[tuple[int, int]] = []
    worker = Worker(parts, has=2)
    assert carry_out(worker.call, steps(parts, lambda staged, jobs: told.append((staged, jobs)))).known == 7
    assert worker.asked == ["stage 0", "stage 2", "commit"]
    assert told == [(1000, 1300), (1300, 1300)]
    spec = parts.stage(0).stage.jobs[0].spec.SerializeToString()
    hashes = [hash_of_part([hash_of_job(job_id(at), spec) for at in range(begin, min(begin + 500, 1300))]) for begin in (0, 500, 1000)]
    assert list(parts.commit().commit.parts) == hashes


def test_parts_that_are_gone_are_staged_again_and_not_for_ever(parts: Parts) -> None:
    worker = Worker(parts)
    worker.refusals = {"commit": Refused(Code.FAILED_PRECONDITION, "gone", reason=Reason.PART_MISSING)}
    carry_out(worker.call, steps(parts))
    assert worker.asked == ["stage 0", "stage 1", "stage 2", "commit", "stage 0", "commit"]

    def always(_request: request_pb2.Request) -> request_pb2.Reply:
        raise Refused(Code.FAILED_PRECONDITION, "gone", reason=Reason.PART_MISSING)

    with pytest.raises(Refused, match="gone"):
        carry_out(always, steps(parts))


def test_a_refusal_names_the_job_among_those_that_were_given(parts: Parts) -> None:
    worker = Worker(parts)
    worker.refusals = {"stage 2": Refused(Code.INVALID_ARGUMENT, "wrong", job_index=7)}
    with pytest.raises(Refused) as refused:
        carry_out(worker.call, steps(parts))
    assert refused.value.job_index == 1007

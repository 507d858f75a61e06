"""Which jobs run again, in which run, and what a repeated id of a run means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobwire.client.cli.batches.planning.plan import Plan, choose, demand_size, plan_rerun
from jobwire.client.cli.batches.planning.repeats import differing, explained, notes_on_run
from jobwire.client.library.values.job_info import JobInfo
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey, batch_job_id
from jobwire.schemas.refusal import Code, Refused

ME = b"o" * 32
RUN, NEW = b"r" * 16, b"n" * 16
NIGHTLY = BatchInfo(RUN, "nightly", 2)
EXITED = OutcomeKind.EXITED


def job(number: int, outcome: Outcome | None, *, batch: BatchInfo = NIGHTLY, rerun_of: JobKey | None = None) -> JobInfo:
    state = State.RUNNING if outcome is None else State.FINISHED
    spec = JobSpec((b"run", b"%d" % number), name=f"job-{number}")
    return JobInfo(key(number), spec, state, "me", batch, 1, 2, 3, 4, outcome, "", rerun_of=rerun_of)


def key(number: int) -> JobKey:
    return JobKey(ME, bytes([number]) * 16)


GOOD, BAD = Outcome(EXITED), Outcome(EXITED, exit_status=3)
CUT = Outcome(EXITED, stdout_problem="the disk was full")
LOST, CANCELLED = Outcome(OutcomeKind.LOST), Outcome(OutcomeKind.CANCELLED)


def test_every_end_but_success_with_all_output_is_a_failure() -> None:
    found = [job(1, GOOD), job(2, BAD), job(3, LOST), job(4, CANCELLED), job(5, CUT)]
    choice = choose(found, failed_only=True)
    assert [info.key for info in choice.jobs] == [key(2), key(3), key(4), key(5)]
    assert not choice.note


def test_jobs_that_have_not_ended_are_left_out_of_the_failed_ones_and_that_is_said() -> None:
    assert choose([job(1, BAD), job(2, None)], failed_only=True).note == "1 of 2 jobs has not ended and is left out"
    assert choose([job(1, BAD), job(2, None), job(3, None)], failed_only=True).note == "2 of 3 jobs have not ended and are left out"


def test_that_nothing_has_failed_is_said() -> None:
    assert choose([job(1, GOOD)], failed_only=True) == ((), "the job has not failed; nothing was submitted")
    assert choose([job(1, None)], failed_only=True) == ((), "the job has not ended; nothing was submitted")
    assert choose([job(1, GOOD), job(2, GOOD)], failed_only=True).note == "none of 2 jobs has failed; nothing was submitted"
    assert choose([job(1, GOOD), job(2, None)], failed_only=True).note.startswith("none of 2 jobs has failed, 1 of 2 jobs has not ended;")


def test_jobs_that_have_not_ended_do_not_run_twice_at_once() -> None:
    for found in ([job(1, None)], [job(1, GOOD), job(2, None)]):
        with pytest.raises(Refused, match="not ended") as refused:
            choose(found, failed_only=False)
        assert refused.value.code is Code.FAILED_PRECONDITION
        assert found[-1].id in refused.value.message


def test_a_run_is_run_again_as_a_new_one_with_its_name_and_width() -> None:
    plan, note = plan_rerun([job(1, BAD), job(2, GOOD)], [], NEW, failed_only=False)
    assert (plan.about, note) == (BatchInfo(NEW, "nightly", 2), "")
    assert list(plan.wanted.values()) == [key(1), key(2)]
    assert [spec.name for spec in plan.specs.values()] == ["job-1", "job-2"]
    assert plan_rerun([job(1, BAD)], [], NEW, failed_only=True, width=7)[0].about.parallel == 7


def test_the_id_of_a_rerun_follows_from_its_job_and_not_from_which_others_have_failed() -> None:
    few, _ = plan_rerun([job(1, None), job(2, BAD)], [], NEW, failed_only=True)
    more, _ = plan_rerun([job(1, BAD), job(2, BAD)], [], NEW, failed_only=True)
    assert few.wanted.items() <= more.wanted.items()
    assert few.wanted == {batch_job_id(NEW, job(2, BAD).id, 0): key(2)}


def test_jobs_that_run_again_wait_only_for_each_other() -> None:
    first, left_out = job(1, BAD), job(2, GOOD)
    elsewhere = After(Condition.OK, run=b"x" * 16, name="job-1")
    after = (After(Condition.ANY, key(1).id), After(Condition.OK, key(2).id), After(Condition.OK, run=RUN, name="job-1"), elsewhere)
    waits = replace(job(3, CANCELLED), stdin_bytes=7)
    waits = replace(waits, spec=replace(waits.spec, after=(*after, After(Condition.OK, run=RUN, name="job-2"))))
    plan, _ = plan_rerun([first, left_out, waits], [], NEW, failed_only=True)
    new = [*plan.wanted]
    assert plan.specs[new[1]].after == (After(Condition.ANY, new[0]), After(Condition.OK, run=NEW, name="job-1"))
    assert plan.stdin_bytes == {new[0]: 0, new[1]: 7}


AGAIN = BatchInfo(NEW, "nightly", 2)


def known(*numbers: int, of: BatchInfo = AGAIN) -> list[JobInfo]:
    return [job(number + 100, GOOD, batch=of, rerun_of=key(number)) for number in numbers]


def test_a_rerun_that_was_submitted_before_stays_as_it_is() -> None:
    """Whatever has failed since, and even if the first run is gone."""
    for found in ([job(1, BAD), job(2, BAD), job(3, None)], None):
        plan, _ = plan_rerun(found, known(1), NEW, failed_only=True)
        assert plan.wanted == {key(101).id: key(1)}
        assert plan.about == BatchInfo(NEW, "nightly", 2)


def test_the_id_of_another_run_is_refused() -> None:
    with pytest.raises(Refused, match="is not a rerun of that one") as refused:
        plan_rerun([job(1, BAD)], known(1, 2), NEW, failed_only=True)
    assert refused.value.code is Code.ALREADY_EXISTS
    with pytest.raises(Refused, match="is not a rerun"):
        plan_rerun(None, [job(1, BAD)], NEW, failed_only=True)


def test_what_a_repeated_run_ignores_is_said() -> None:
    plan, _ = plan_rerun(None, known(1), NEW, failed_only=True)
    assert notes_on_run([], plan) == []
    assert notes_on_run(known(1), plan) == []
    wide = plan._replace(about=BatchInfo(NEW, "daily", 10))
    width, name = notes_on_run(known(1), wide)
    assert width == "this run was submitted before and runs 2 jobs at once; parallel 10 has no effect on it"
    assert name == "this run was submitted before and is called nightly; the name daily has no effect on it"
    unsaid = plan._replace(about=plan.about._replace(parallel=0))
    assert notes_on_run(known(1), unsaid) == ["this run was submitted before and runs 2 jobs at once, as was set then"]
    (rest,) = notes_on_run(known(1, 2), plan)
    assert "1 job more" in rest


def test_a_run_without_name_and_width_is_told_of_in_words() -> None:
    before = known(1, of=BatchInfo(NEW))
    notes = notes_on_run(before, Plan(BatchInfo(NEW, "daily", 10), {key(101).id: key(1)}, {}))
    assert "as many jobs as there are slots at once" in notes[0]
    assert "has no name" in notes[1]


def test_in_what_a_job_differs_from_the_one_that_has_its_id() -> None:
    found = job(1, GOOD)
    pairs = ((b"A", b"1"), (b"B", b"2"))
    found = replace(found, spec=replace(found.spec, environment=pairs))
    assert differing(replace(found.spec, argv=(b"other",)), found) == "command"
    asked = replace(found.spec, time_limit_ms=5, labels=(("a", "b"),), name="", environment=pairs[::-1])
    assert differing(asked, found) == "name, labels and time limit"
    # Only the worker knows the input: nothing else is left.
    assert differing(replace(found.spec, stdin=b"x"), found) == "standard input"
    refused = explained(Refused(Code.ALREADY_EXISTS, "the id is taken", "omit --id"), replace(found.spec, linger=True), found)
    assert (refused.code, refused.next_step) == (Code.ALREADY_EXISTS, "omit --id")
    assert refused.message == f"the id {found.id} belongs to another job: it has another setting of linger"


def test_a_run_that_is_too_large_for_one_request_is_refused_with_what_makes_it_large() -> None:
    def plan(*specs: JobSpec) -> Plan:
        by_id = {bytes([number]) * 16: spec for number, spec in enumerate(specs)}
        return Plan(BatchInfo(RUN), by_id, by_id)

    small = JobSpec((b"echo", b"x"), stdin=b"y" * 95)
    demand_size(plan(small, small), 0, 200)
    with pytest.raises(Refused, match="3 jobs with 300 bytes are too much for one batch, the limit is 200 bytes; divide it into 3"):
        demand_size(plan(small, small, small), 0, 200)
    with pytest.raises(Refused, match="; 205 bytes of them are environment variables; "):
        demand_size(plan(JobSpec((b"true",), ((b"NAME!", b"v" * 200),))), 0, 200)
    with pytest.raises(Refused, match="3 jobs are too many to submit at once, the limit is 2; divide it into 2 batches"):
        demand_size(plan(small, small, small), 2, 1000)
    again = Plan(BatchInfo(RUN), {b"i" * 16: key(1)}, {b"i" * 16: JobSpec((b"x" * 1000,))})
    demand_size(again, 0, 200)

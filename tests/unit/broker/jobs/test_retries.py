"""Retries, as they are decided: which attempt follows, when, and what a crash or a request in between does to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from desk_house import OWNER, House, asked_with, attempt, key

from jobwire.broker.desk.inputs import Alter, Asked, Due
from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import Attempt, BatchRun, Job, StopOrder
from jobwire.broker.jobs.life import Phase
from jobwire.broker.jobs.retries import delay_us, is_final
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import Capacity

SLOTS = 2
TWICE = RetryRule(2, delay_ms=10_000, backoff=2.0)


def job_with(rule: RetryRule | None, number: int = 1) -> Job:
    spec = JobSpec(argv=(b"false",), retry=rule)
    return Job(1, key(1), spec, specs.digest(spec), None, 0, Attempt(attempt(1, number), Phase.RUNNING))


def exited(status: int) -> Outcome:
    return Outcome(OutcomeKind.EXITED, exit_status=status)


SIGNALED = Outcome(OutcomeKind.SIGNALED, signal=9)
TIMED_OUT = Outcome(OutcomeKind.TIMED_OUT, signal=15)


@pytest.mark.parametrize(
    ("on_exit", "outcome", "final"),
    [
        ((), exited(0), True),
        ((), exited(1), False),
        ((), exited(126), True),
        ((), exited(127), True),
        ((), SIGNALED, False),
        ((), TIMED_OUT, True),
        ((), exited(124), False),
        ((6, 28), exited(28), False),
        ((6, 28), exited(1), True),
        ((6, 28), SIGNALED, True),
        ((137,), SIGNALED, False),
        ((124,), TIMED_OUT, False),
        ((), Outcome(OutcomeKind.OVER_LIMIT), True),
        ((), Outcome(OutcomeKind.LOST), True),
        ((), Outcome(OutcomeKind.CANCELLED), True),
        ((), Outcome(OutcomeKind.FAILED_TO_START, exit_status=127), True),
        ((), Outcome(OutcomeKind.FAILED_TO_START, exit_status=125), True),
    ],
)
def test_what_is_tried_again(on_exit: tuple[int, ...], outcome: Outcome, final: bool) -> None:  # noqa: FBT001 -- a column
    assert is_final(job_with(RetryRule(1, on_exit=on_exit)), outcome) is final
    assert is_final(job_with(None), outcome)
    assert is_final(job_with(RetryRule(1, on_exit=on_exit), number=2), outcome)


def test_what_was_stopped_or_comes_from_a_rebuilt_store_is_not_tried_again() -> None:
    stopped, rebuilt = job_with(TWICE), job_with(TWICE)
    stopped.stop = StopOrder(15, 0, "somebody")
    rebuilt.never_retried = True
    assert is_final(stopped, exited(1))
    assert is_final(rebuilt, exited(1))


def test_the_delay_grows_up_to_a_day() -> None:
    assert [delay_us(job_with(TWICE, number)) for number in (1, 2, 3)] == [10_000_000, 20_000_000, 40_000_000]
    assert delay_us(job_with(RetryRule(100, 1000, 100.0), 99)) == 86_400_000_000
    assert delay_us(job_with(RetryRule(1, 3 * 86_400_000, 2.0), 2)) == 3 * 86_400_000_000
    assert delay_us(job_with(RetryRule(5))) == 0


def asked(number: int = 1, rule: RetryRule = TWICE) -> Asked:
    spec = JobSpec(argv=(b"false",), retry=rule)
    return Asked(bytes([number]) * 16, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def failed(house: House, which: int, status: int = 6, log_bytes: int = 10) -> list[Started | Ended]:
    """Return the facts of an attempt that fails now."""
    outcome = Outcome(OutcomeKind.EXITED, exit_status=status, stdout_bytes=log_bytes)
    return [Started(attempt(1, which), 100 + which, house.now), Ended(attempt(1, which), 100 + which, house.now, house.now, outcome)]


def kinds(house: House) -> list[str]:
    events, _ = house.lookup.replay(0, house.store.head, b"")
    return [f"{event_pb2.EventKind.Name(event.kind).removeprefix('EVENT_KIND_')} {event.attempt}" for event in events]


async def fail_once(house: House, rule: RetryRule = TWICE) -> Job:
    house.now = 5_000_000
    job = (await house.accept(asked(rule=rule))).jobs[0]
    house.engine.expect(("start", attempt(1)))
    house.desk.hear(failed(house, 1))
    return job


async def test_an_attempt_that_fails_is_followed_by_another_after_its_delay(house: House) -> None:
    job = await fail_once(house)
    assert (job.attempt.key, job.state) == (attempt(1), State.QUEUED)
    await house.durable()
    house.engine.expect(("settled", attempt(1)))
    assert (job.attempt.key, job.attempt.phase, job.state) == (attempt(1, 2), Phase.QUEUED, State.QUEUED)
    assert [one.key for one in job.earlier] == [attempt(1)]
    assert house.desk.starts_in_us(job) == pytest.approx(10_000_000, abs=10)
    assert house.desk.why_waiting(job) == "attempt 1 exited with status 6, and attempt 2 of at most 3 starts after a delay"
    assert house.state.queue.running == 0
    house.now += 9_999_999
    house.desk.take(Due())
    assert house.engine.effects == []
    house.now += 1
    house.desk.take(Due())
    await house.durable()
    house.engine.expect(("start", attempt(1, 2)))
    assert house.store.read("SELECT n, pid, log_bytes FROM attempts") == [(1, 101, 10)]
    house.desk.hear(failed(house, 2))
    await house.durable()
    assert house.desk.starts_in_us(job) == pytest.approx(20_000_000, abs=10)
    house.now += 20_000_000
    house.desk.take(Due())
    await house.durable()
    house.engine.expect(("settled", attempt(1, 2)), ("start", attempt(1, 3)))
    house.desk.hear(failed(house, 3))
    await house.durable()
    house.engine.expect(("settled", attempt(1, 3)))
    assert kinds(house) == ["QUEUED 1", "STARTED 1", "RETRYING 1", "STARTED 2", "RETRYING 2", "STARTED 3", "FINISHED 3"]
    assert not house.live
    found = house.lookup.job(key(1))
    assert found is not None
    assert [one.outcome.exit_status for one in (*found.earlier, found.attempt) if one.outcome is not None] == [6, 6, 6]
    assert house.store.read("SELECT log_bytes FROM jobs") == [(30,)]
    assert house.store.read("SELECT ended, log_bytes FROM kept") == [(1, 30)]


async def test_the_event_says_how_it_failed_and_when_the_next_one_starts(house: House) -> None:
    await fail_once(house)
    await house.durable()
    events, _ = house.lookup.replay(0, house.store.head, b"")
    assert events[-1].sentence == "attempt 1 exited with status 6; attempt 2 of at most 3 starts 10 s later"
    assert (events[-1].outcome.exit_status, events[-1].next_delay_ms, events[-1].pid) == (6, 10_000, 101)
    house.engine.effects.clear()


async def test_without_a_delay_the_next_attempt_gets_the_slot_at_once_and_ends_well(house: House) -> None:
    job = await fail_once(house, RetryRule(5))
    await house.durable()
    await house.durable()
    house.engine.expect(("settled", attempt(1)), ("start", attempt(1, 2)))
    house.desk.hear(failed(house, 2, status=0))
    await house.durable()
    house.engine.expect(("settled", attempt(1, 2)))
    assert job.attempt.phase is Phase.FINISHED


def begun(house: House) -> list[object]:
    """Return what was started since the last call, in order."""
    effects, house.engine.effects = house.engine.effects, []
    return [effect[1] for effect in effects if effect[0] == "start"]


def with_priority(number: int, priority: int, **fields: Any) -> Asked:
    return asked_with(number, priority=priority, retry=RetryRule(2), **fields)


async def test_the_next_attempt_comes_before_what_was_submitted_later(house: House) -> None:
    await house.accept(*(asked(number, RetryRule(1)) for number in range(1, 2 + 2 * SLOTS)))
    await house.durable()
    assert begun(house) == [attempt(number) for number in range(1, 1 + SLOTS)]
    house.desk.hear(failed(house, 1))
    commits = house.store.head
    house.desk.hear([])
    await house.durable()
    # Its launch is recorded with the end of the attempt before.
    assert begun(house) == [attempt(1, 2)]
    assert house.store.read("SELECT state, launched, attempt FROM jobs WHERE row = 1") == [(1, 1, 2)]
    assert house.store.head == commits + 2
    house.desk.hear(failed(house, 2))
    await house.durable()
    await house.durable()
    assert begun(house) == [attempt(SLOTS + 1)]


async def test_the_next_attempt_comes_after_what_has_a_better_place(house: House) -> None:
    await house.accept(*(asked(number, RetryRule(1)) for number in range(1, 1 + SLOTS)))
    # Two that wait, one of them before the job that fails.
    await house.accept(with_priority(8, 1), with_priority(9, -1))
    await house.durable()
    begun(house)
    house.desk.hear(failed(house, 1))
    await house.durable()
    assert begun(house) == [attempt(8)]
    job = house.live[key(1)]
    assert house.desk.why_waiting(job) == "all 2 slots are in use"
    house.desk.hear([Started(attempt(8), 108, house.now), Ended(attempt(8), 108, house.now, house.now, Outcome(OutcomeKind.EXITED))])
    await house.durable()
    assert begun(house) == [attempt(1, 2)]
    assert house.state.queue.running == SLOTS


async def test_the_next_attempt_may_be_chosen_before_the_end_of_the_one_before_is_durable(house: House) -> None:
    await house.accept(*(asked(number) for number in range(1, 1 + SLOTS)))
    await house.accept(with_priority(8, 1))
    begun(house)
    house.now = 5_000_000
    house.desk.hear(failed(house, 1))
    # Meanwhile its delay passes, as when the disk is full, and another slot is free.
    house.now += 10_000_000
    house.desk.take(Due())
    house.desk.hear([Started(attempt(2), 102, house.now), Ended(attempt(2), 102, house.now, house.now, Outcome(OutcomeKind.EXITED))])
    job = house.live[key(1)]
    assert (job.attempt.phase, job.latest.phase, job.state) == (Phase.ENDED_QUEUED, Phase.LAUNCHING, State.QUEUED)
    await house.durable()
    assert house.engine.effects.index(("settled", attempt(1))) < house.engine.effects.index(("start", attempt(1, 2)))
    assert begun(house) == [attempt(8), attempt(1, 2)]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_stop_while_the_next_attempt_is_being_launched_ends_the_job(house: House, *, restarts: bool) -> None:
    job = await fail_once(house, RetryRule(5))
    assert job.latest.phase is Phase.LAUNCHING
    house.stop(job)
    assert house.state.queue.running == 0
    await house.durable()
    house.engine.expect(("settled", attempt(1)), ("settled", attempt(1, 2)))
    assert kinds(house) == ["QUEUED 1", "STARTED 1", "RETRYING 1", "FINISHED 2"]
    if restarts:
        await house.restart()
        house.engine.effects.clear()
    assert not house.live


async def test_a_time_limit_set_while_the_next_attempt_is_being_launched_counts_for_that(house: House) -> None:
    job = await fail_once(house, RetryRule(5))
    answers: list[Refused | None] = []
    for held, priority, limit_ms in ((None, None, 5000), (True, None, None), (None, 7, None)):
        house.desk.take(Alter([job.key], held, priority, limit_ms, "somebody", b"change", answers.append))
    await house.durable()
    assert [answer and answer.message for answer in answers] == [
        "the job 01010101-0101-0101-0101-010101010101 has started, and cannot be held",
        "the job 01010101-0101-0101-0101-010101010101 has started, and its priority no longer has an effect",
        None,
    ]
    house.engine.expect(("settled", attempt(1)), ("start", attempt(1, 2)), ("limit", attempt(1, 2), 5000))


async def expect_three_attempts_before_another_job(house: House) -> None:
    """Fail the three attempts of the first job, each of which follows at once; the second job starts only then."""
    for which in (1, 2):
        house.desk.hear(failed(house, which))
        await house.durable()
        assert begun(house) == [attempt(1, which + 1)]
    house.desk.hear(failed(house, 3))
    await house.durable()
    await house.durable()
    assert begun(house) == [attempt(2)]


@pytest.mark.parametrize("claims", [{"only_one": "printer"}, {"cpus": SLOTS}, {"gpus": 1}], ids=str)
async def test_the_next_attempt_keeps_what_only_one_may_have(house: House, claims: dict[str, Any]) -> None:
    house.state.queue.set_capacity(Capacity(SLOTS, gpus=("gpu-a",)))
    await house.accept(with_priority(1, 0, **claims))
    await house.accept(with_priority(2, 0, **claims))
    await house.durable()
    assert begun(house) == [attempt(1)]
    await expect_three_attempts_before_another_job(house)
    assert house.live[key(2)].gpus == (("gpu-a",) if "gpus" in claims else ())


async def test_of_a_run_that_is_as_wide_as_one_job_the_next_attempt_comes_first(house: House) -> None:
    run = BatchRun(b"r" * 16, "run", 1)
    await house.accept(*(asked(number, RetryRule(2)) for number in (1, 2)), batch=run)
    await house.durable()
    assert begun(house) == [attempt(1)]
    await expect_three_attempts_before_another_job(house)


async def test_a_fact_about_an_earlier_attempt_changes_nothing(house: House) -> None:
    job = await fail_once(house)
    house.desk.hear(failed(house, 1))
    await house.durable()
    house.desk.hear(failed(house, 1)[1:])
    house.engine.expect(("settled", attempt(1)), ("settled", attempt(1)))
    assert job.attempt.key == attempt(1, 2)


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_stop_between_two_attempts_ends_the_job_once(house: House, recorded: bool) -> None:  # noqa: FBT001 -- both
    job = await fail_once(house)
    if recorded:
        await house.durable()
    house.stop(job)
    await house.durable()
    house.engine.expect(("settled", attempt(1)), ("settled", attempt(1, 2)))
    assert kinds(house) == ["QUEUED 1", "STARTED 1", "RETRYING 1", "FINISHED 2"]
    outcome = job.attempt.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.sentence) == (OutcomeKind.CANCELLED, "cancelled by somebody before attempt 2 started")
    assert house.state.deadlines.next_us is None
    assert house.store.read("SELECT state, attempt, log_bytes FROM jobs") == [(4, 2, 10)]
    await house.restart()
    assert not house.live
    house.engine.effects.clear()


async def test_a_job_that_was_stopped_while_it_ran_is_not_tried_again(house: House) -> None:
    job = (await house.accept(asked())).jobs[0]
    house.desk.hear(failed(house, 1)[:1])
    house.stop(job)
    await house.durable()
    house.desk.hear(failed(house, 1)[1:])
    await house.durable()
    assert job.attempt.phase is Phase.FINISHED
    house.engine.effects.clear()


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_job_can_be_held_and_changed_between_two_attempts(house: House, recorded: bool) -> None:  # noqa: FBT001 -- both
    job = await fail_once(house)
    if recorded:
        await house.durable()
    answers: list[Refused | None] = []
    house.desk.take(Alter([job.key], True, 7, None, "somebody", b"change", answers.append))  # noqa: FBT003 -- held
    await house.durable()
    assert answers == [None]
    assert (job.attempt.key, job.held_by, job.priority) == (attempt(1, 2), "somebody", 7)
    house.now += 60_000_000
    house.desk.take(Due())
    await house.durable()
    house.engine.expect(("settled", attempt(1)))
    house.desk.take(Alter([job.key], False, None, None, "somebody", b"change", answers.append))  # noqa: FBT003 -- held
    await house.durable()
    await house.durable()
    house.engine.expect(("start", attempt(1, 2)))


async def test_who_is_released_before_its_time_waits_for_it(house: House) -> None:
    job = await fail_once(house)
    await house.durable()
    for held in (True, False):
        house.desk.take(Alter([job.key], held, None, None, "somebody", b"change", lambda _: None))
    await house.durable()
    house.engine.expect(("settled", attempt(1)))
    assert house.desk.starts_in_us(job) == pytest.approx(10_000_000, abs=10)


async def test_after_a_restart_the_rest_of_the_delay_is_waited_for(house: House) -> None:
    await fail_once(house)
    await house.durable()
    house.now += 4_000_000
    await house.restart()
    job = house.live[key(1)]
    assert job.attempt.key == attempt(1, 2)
    assert house.desk.starts_in_us(job) == pytest.approx(6_000_000, abs=10)
    house.engine.effects.clear()
    house.now += 6_000_000
    house.desk.take(Due())
    await house.durable()
    house.engine.expect(("start", attempt(1, 2)))


async def test_a_delay_that_passed_while_no_worker_ran_is_over(house: House) -> None:
    await fail_once(house)
    await house.durable()
    house.engine.effects.clear()
    house.now += 60_000_000
    await house.restart()
    await house.durable()
    house.engine.expect(("recover", attempt(1, 2)), ("start", attempt(1, 2)))


async def test_a_clock_that_was_set_back_makes_no_delay_longer(house: House) -> None:
    await fail_once(house)
    await house.durable()
    house.set_by = -1_000_000_000
    await house.restart()
    left = house.desk.starts_in_us(house.live[key(1)])
    assert left is not None
    assert left <= 10_000_000
    house.engine.effects.clear()


async def test_a_clock_that_was_set_forward_makes_no_delay_shorter(house: House) -> None:
    await fail_once(house)
    await house.durable()
    house.set_by = 86_400_000_000
    await house.restart()
    assert house.desk.starts_in_us(house.live[key(1)]) == pytest.approx(10_000_000, abs=10)
    house.engine.effects.clear()


async def test_a_delay_counts_from_when_the_end_is_heard_whatever_the_clock_of_the_supervisor_says(house: House) -> None:
    house.set_by = 86_400_000_000
    await house.restart()
    house.engine.effects.clear()
    house.set_by = 0
    await fail_once(house)
    await house.durable()
    assert house.desk.starts_in_us(house.live[key(1)]) == pytest.approx(10_000_000, abs=10)
    house.engine.effects.clear()


async def crash_before_the_end_is_recorded(house: House) -> Ended:
    """Return the end, as it is told three seconds later; the caller restarts the desk."""
    house.now = 5_000_000
    await house.accept(asked())
    started, ended = failed(house, 1)
    house.desk.hear([started])
    await house.durable()
    house.engine.effects.clear()
    house.engine.known = [ended]
    house.now += 3_000_000
    assert isinstance(ended, Ended)
    return ended


async def test_an_end_that_was_not_recorded_before_a_crash_is_followed_by_one_attempt(house: House) -> None:
    await crash_before_the_end_is_recorded(house)
    await house.restart()
    job = house.live[key(1)]
    house.engine.expect(("recover", attempt(1)), ("settled", attempt(1)))
    assert job.attempt.key == attempt(1, 2)
    # It counts from the end of the attempt.
    assert house.desk.starts_in_us(job) == pytest.approx(7_000_000, abs=10)


@pytest.mark.parametrize("set_by", [86_400_000_000, -86_400_000_000])
@pytest.mark.parametrize(("ended_passed_us", "left_us"), [(5_000_000, 7_000_000), (8_000_000, 10_000_000)])
async def test_a_clock_that_was_set_while_no_worker_ran_changes_no_delay(
    house: House, set_by: int, ended_passed_us: int, left_us: int
) -> None:
    end = await crash_before_the_end_is_recorded(house)
    house.engine.known = [end._replace(ended_passed_us=ended_passed_us)]
    house.set_by = set_by
    await house.restart()
    assert house.desk.starts_in_us(house.live[key(1)]) == pytest.approx(left_us, abs=10)
    house.engine.effects.clear()


async def test_an_end_in_an_earlier_run_of_the_machine_counts_by_its_date(house: House) -> None:
    end = await crash_before_the_end_is_recorded(house)
    # More had passed then than since the machine was started again.
    house.engine.known = [end._replace(ended_passed_us=house.now + 1)]
    await house.restart()
    assert house.desk.starts_in_us(house.live[key(1)]) == pytest.approx(7_000_000, abs=10)
    house.engine.effects.clear()


async def test_an_end_that_is_told_again_after_a_crash_is_only_settled(house: House) -> None:
    await fail_once(house)
    await house.durable()
    house.engine.effects.clear()
    house.engine.known = failed(house, 1)[1:]
    await house.restart()
    assert ("settled", attempt(1)) in house.engine.effects
    assert house.live[key(1)].attempt.key == attempt(1, 2)
    house.engine.effects.clear()


async def test_a_forgotten_job_takes_the_logs_of_all_attempts_with_it(house: House) -> None:
    job = await fail_once(house, RetryRule(1))
    await house.durable()
    await house.durable()
    house.desk.hear(failed(house, 2))
    await house.durable()
    house.engine.effects.clear()
    done: list[object] = []
    house.forgetting.forget([job.key], done.append)
    await house.durable()
    await house.durable()
    assert house.engine.effects == [("discard", attempt(1, 2)), ("discard", attempt(1))]
    assert [(one.jobs, one.log_bytes) for one in done] == [(1, 20)]  # type: ignore[attr-defined] # reason: it was not refused
    assert house.store.read("SELECT count(*) FROM attempts") == [(0,)]
    assert house.store.read("SELECT ended, log_bytes FROM kept") == [(0, 0)]
    house.engine.effects.clear()


async def test_each_attempt_names_its_job_by_process_and_start(house: House) -> None:
    job = await fail_once(house)
    await house.durable()
    house.engine.effects.clear()
    rows = house.store.read(
        "SELECT owner, id FROM jobs WHERE row IN (SELECT job FROM attempts WHERE started_at = ? AND pid = ?)", (5_000_000, 101)
    )
    assert [JobKey(*row) for row in rows] == [job.key]
    assert job.key.owner == OWNER


def test_a_rule_of_retries_is_part_of_what_is_submitted() -> None:
    plain = JobSpec(argv=(b"true",))
    rules = [None, RetryRule(1), RetryRule(2), RetryRule(2, 5), RetryRule(2, 5, 1.5), RetryRule(2, 5, 1.5, (6, 28))]
    found = [replace(plain, retry=rule) for rule in rules]
    assert len({specs.digest(spec) for spec in found}) == len(rules)
    assert [specs.from_wire(specs.to_wire(spec)) for spec in found] == found


async def test_no_attempt_follows_in_a_run_that_is_cancelled(house: House) -> None:
    house.now = 5_000_000
    run = BatchRun(b"r" * 16, "run", 0, OnFailure.CANCEL_REST)
    one, other = asked(1), Asked(b"\x02" * 16, JobSpec(argv=(b"x",)), b"other", specs.to_wire(JobSpec(argv=(b"x",))).SerializeToString())
    await house.accept(one, other, batch=run)
    house.desk.hear([Started(attempt(2), 102, house.now), Ended(attempt(2), 102, house.now, house.now, exited(1))])
    await house.durable()
    house.desk.hear(failed(house, 1))
    await house.durable()
    assert not house.live
    assert not kinds(house).count("RETRYING 1")
    house.engine.effects.clear()


async def test_the_first_failure_of_a_job_that_is_retried_does_not_end_its_run(house: House) -> None:
    house.now = 5_000_000
    await house.accept(asked(1, RetryRule(1)), asked(2), batch=BatchRun(b"r" * 16, "run", 0, OnFailure.CANCEL_REST))
    house.desk.hear(failed(house, 1))
    await house.durable()
    assert not house.state.broken
    await house.durable()
    house.desk.hear(failed(house, 2))
    await house.durable()
    assert house.state.broken
    house.engine.effects.clear()

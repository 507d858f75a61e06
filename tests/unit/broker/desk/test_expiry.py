"""Jobs that are not to start after a time end when it has come, if they still wait; no clock that is set ends or keeps one."""

from __future__ import annotations

import time
from typing import Any

import pytest
from desk_house import House, asked, asked_with, attempt, ended, key, started

from jobwire.broker.desk.decisions import start_times
from jobwire.broker.jobs.job import Job
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.states import OutcomeKind

SECOND_US = 1_000_000


def until(house: House, way: str) -> dict[str, int]:
    """Not after ten seconds from now, one way or the other."""
    return {"not_after_us": house.now + house.set_by + 10 * SECOND_US} if way == "moment" else {"not_after_ms": 10_000}


async def held(house: House, way: str = "moment", **fields: Any) -> Job:
    return (await house.accept(asked_with(1, held=True, **until(house, way), **fields))).jobs[0]


async def ring(house: House) -> None:
    house.alarms["desk", time.CLOCK_BOOTTIME].rang()
    await house.durable()


def has_expired(house: House) -> bool:
    job = house.lookup.job(key(1))
    assert job is not None
    outcome = job.attempt.outcome
    if outcome is None:
        return False
    assert (outcome.kind, outcome.expired, outcome.is_failure) == (OutcomeKind.CANCELLED, True, True)
    assert outcome.sentence.startswith("expired: it was")
    return True


@pytest.mark.parametrize("way", ["moment", "duration"])
async def test_a_job_that_still_waits_expires_at_its_time_and_not_before(house: House, way: str) -> None:
    await held(house, way)
    assert house.alarms["desk", time.CLOCK_BOOTTIME].at_us == house.now + 10 * SECOND_US
    house.now += 10 * SECOND_US - 1
    await ring(house)
    assert not has_expired(house)
    house.now += 1
    await ring(house)
    assert has_expired(house)
    house.engine.expect(("settled", attempt(1)))
    assert house.alarms["desk", time.CLOCK_BOOTTIME].at_us is None
    await house.restart()
    assert has_expired(house)
    house.engine.expect(("recover",))


@pytest.mark.parametrize("way", ["moment", "duration"])
@pytest.mark.parametrize("set_by", [-3600, 3600])
async def test_a_clock_that_is_set_ends_no_job_and_keeps_none(house: House, way: str, set_by: int) -> None:
    await held(house, way)
    house.set_by = set_by * SECOND_US
    house.now += 5 * SECOND_US
    await ring(house)
    assert not has_expired(house)
    house.now += 5 * SECOND_US
    await ring(house)
    assert has_expired(house)
    house.engine.effects.clear()


@pytest.mark.parametrize("later", [5, 20])
async def test_a_restart_forgets_no_time(house: House, later: int) -> None:
    await held(house)
    house.now += later * SECOND_US
    await house.restart()
    await ring(house)
    assert has_expired(house) == (later > 10)
    house.now += 5 * SECOND_US
    await ring(house)
    assert has_expired(house)
    house.engine.effects.clear()


async def test_a_job_that_has_started_does_not_expire(house: House) -> None:
    await house.accept(asked_with(1, **until(house, "moment")))
    await house.durable()
    house.engine.expect(("start", attempt(1)))
    house.desk.hear([started(1)])
    house.now += 20 * SECOND_US
    await ring(house)
    assert not has_expired(house)
    house.desk.hear([ended(1)])
    await house.durable()
    assert len(house.state.expiring) == 0
    house.engine.effects.clear()


async def test_a_job_that_started_in_time_is_tried_again_later(house: House) -> None:
    await house.accept(asked_with(1, retry=RetryRule(1, delay_ms=60_000), **until(house, "moment")))
    await house.durable()
    house.desk.hear([started(1), ended(1, 1)])
    await house.durable()
    house.now += 20 * SECOND_US
    await ring(house)
    assert not has_expired(house)
    house.engine.effects.clear()


async def test_those_that_wait_for_one_that_expires_follow(house: House) -> None:
    job = asked_with(1, held=True, **until(house, "moment"))
    await house.accept(job, asked_with(2, after=(After(Condition.ANY, job.id),)), asked_with(3, after=(After(Condition.OK, job.id),)))
    house.now += 10 * SECOND_US
    await ring(house)
    await house.durable()
    assert has_expired(house)
    assert ("start", attempt(2)) in house.engine.effects
    assert house.lookup.has_ended(key(3))
    house.engine.effects.clear()


async def test_a_job_that_expires_in_the_queue_gives_its_place_to_the_next(house: House) -> None:
    await house.accept(*(asked(number) for number in range(2, 2 + house.state.queue.slots)))
    await house.accept(asked_with(1, **until(house, "duration")))
    await house.durable()
    house.now += 10 * SECOND_US
    await ring(house)
    assert has_expired(house)
    assert house.state.queue.waiting_of(b"") == 0
    house.engine.effects.clear()


@pytest.mark.parametrize("way", ["moment", "duration"])
@pytest.mark.parametrize("start", [{}, {"start_in_ms": 2_000}])
async def test_a_job_whose_time_passed_while_no_desk_ran_does_not_start(house: House, way: str, start: dict[str, int]) -> None:
    await house.accept(*(asked(number) for number in range(2, 2 + house.state.queue.slots)))
    await house.accept(asked_with(1, **until(house, way), **start))
    await house.accept(asked(90))
    await house.durable()
    house.now += 3600 * SECOND_US
    house.engine.effects.clear()
    house.engine.known = [ended(number) for number in range(2, 2 + house.state.queue.slots)]
    await house.restart()
    await house.durable()
    assert has_expired(house)
    assert ("start", attempt(1)) not in house.engine.effects
    assert ("start", attempt(90)) in house.engine.effects
    house.engine.effects.clear()


async def test_a_job_whose_time_passed_while_the_machine_was_asleep_does_not_start(house: House) -> None:
    """What is heard first is that there is room: the alarm rings later."""
    await house.accept(*(asked(number) for number in range(2, 2 + house.state.queue.slots)))
    await house.accept(
        asked_with(1, **until(house, "duration")), asked_with(3 + house.state.queue.slots, after=(After(Condition.ANY, key(1).id),))
    )
    await house.durable()
    house.desk.hear([started(2)])
    await house.durable()
    house.now += 3600 * SECOND_US
    house.engine.effects.clear()
    house.desk.hear([ended(2)])
    await house.durable()
    await house.durable()
    assert has_expired(house)
    assert ("start", attempt(1)) not in house.engine.effects
    assert ("start", attempt(3 + house.state.queue.slots)) in house.engine.effects
    house.engine.effects.clear()


async def test_a_job_that_is_tried_again_after_its_time_starts_after_a_restart_too(house: House) -> None:
    await house.accept(asked_with(1, retry=RetryRule(1, delay_ms=60_000), **until(house, "moment")))
    await house.durable()
    house.desk.hear([started(1), ended(1, 1)])
    await house.durable()
    house.engine.effects.clear()
    house.now += 3600 * SECOND_US
    await house.restart()
    await house.durable()
    assert not has_expired(house)
    assert any(effect[0] == "start" for effect in house.engine.effects)
    house.engine.effects.clear()


DAY_US = 86_400 * SECOND_US
HOUR_US = 3600 * SECOND_US


@pytest.mark.parametrize(("fields", "days"), [({}, 30), ({"start_in_ms": 86_400_000}, 31), ({"start_at_us": 0}, 35)])
async def test_a_job_that_says_nothing_about_that_waits_for_thirty_days_from_when_it_could_start(
    house: House, fields: dict[str, int], days: int
) -> None:
    if "start_at_us" in fields:
        fields["start_at_us"] = house.now + house.set_by + 5 * DAY_US
    job = (await house.accept(asked_with(1, held=True, **fields))).jobs[0]
    left_us = house.desk.expires_in_us(job)
    assert left_us is not None
    assert days * DAY_US <= left_us <= days * DAY_US + HOUR_US
    house.now += 20 * DAY_US
    await house.restart()
    await ring(house)
    assert not has_expired(house)
    house.now += (days - 20) * DAY_US + HOUR_US
    await ring(house)
    assert has_expired(house)
    assert house.state.lapses_us is None
    house.engine.effects.clear()


async def test_many_that_have_waited_for_too_long_end_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.broker.desk.decisions.start_times._MOST_AT_ONCE", 3)
    await house.accept(*(asked_with(number, held=True) for number in range(1, 6)), asked_with(6, held=True, not_after_ms=60 * 86_400_000))
    house.now += 30 * DAY_US + HOUR_US
    await ring(house)
    assert len(house.live) == 3
    await ring(house)
    assert [*house.live] == [key(6)]
    assert house.state.lapses_us is None
    house.engine.effects.clear()


async def test_all_that_wait_are_looked_at_twice_however_many_expire(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = 60
    may_lapse, looked_at = start_times._may_lapse, 0

    def count(job: Job) -> bool:
        nonlocal looked_at
        looked_at += 1
        return may_lapse(job)

    monkeypatch.setattr(start_times, "_MOST_AT_ONCE", 3)
    monkeypatch.setattr(start_times, "_may_lapse", count)
    await house.accept(*(asked_with(number, held=True) for number in range(jobs)))
    house.now += 30 * DAY_US + HOUR_US
    while house.live:
        await ring(house)
    assert house.state.lapses_us is None
    # Each again before it ends.
    assert looked_at <= 3 * jobs
    house.engine.effects.clear()


async def test_one_that_is_stopped_while_others_expire_does_not_expire(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_times, "_MOST_AT_ONCE", 1)
    await house.accept(*(asked_with(number, held=True) for number in (2, 1)))
    house.now += 30 * DAY_US + HOUR_US
    await ring(house)
    assert [*house.live] == [key(1)]
    house.stop(house.live[key(1)])
    await house.durable()
    await ring(house)
    stopped = house.lookup.job(key(1))
    assert stopped is not None
    assert stopped.attempt.outcome is not None
    assert not stopped.attempt.outcome.expired
    assert house.state.lapses_us is None
    house.engine.effects.clear()

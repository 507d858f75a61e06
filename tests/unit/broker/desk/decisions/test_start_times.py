"""Jobs that are to start at a time: by the machine's clock, which is set, or after a duration, which is not."""

from __future__ import annotations

import time

import pytest
from desk_house import House, asked_with, attempt, key

from jobwire.broker.desk.inputs import Alter
from jobwire.broker.jobs.job import Job
from jobwire.schemas.jobs.states import OutcomeKind, State
from jobwire.schemas.refusal import Refused

SECOND_US = 1_000_000
CLOCKS = {"at": time.CLOCK_REALTIME, "in": time.CLOCK_BOOTTIME}


async def waiting(house: House, way: str = "at") -> Job:
    """A job that is to start in ten seconds, one way or the other."""
    wanted = {"start_at_us": house.now + house.set_by + 10 * SECOND_US} if way == "at" else {"start_in_ms": 10_000}
    return (await house.accept(asked_with(1, **wanted))).jobs[0]


async def ring(house: House, way: str = "at") -> None:
    house.alarms["desk", CLOCKS[way]].rang()
    await house.durable()


async def alter(house: House, job: Job, *, held: bool | None = None, priority: int | None = None) -> Refused | None:
    answers: list[Refused | None] = []
    house.desk.take(Alter([job.key], held, priority, None, "ada", b"", answers.append))
    await house.durable()
    return answers[0]


@pytest.mark.parametrize("way", CLOCKS)
async def test_a_job_waits_for_its_time_without_a_slot_and_starts_then(house: House, way: str) -> None:
    job = await waiting(house, way)
    assert (job.state, house.state.queue.running, house.engine.effects) == (State.QUEUED, 0, [])
    assert "does not start before 1970-01-01 00:00:11 UTC" in house.desk.why_waiting(job)
    assert house.desk.starts_at_us(job) == 11 * SECOND_US == house.alarms["desk", CLOCKS[way]].at_us
    assert house.desk.starts_in_us(job) == 10 * SECOND_US
    house.now = 11 * SECOND_US - 1
    await ring(house, way)
    house.engine.expect()
    house.now += 1
    await ring(house, way)
    house.engine.expect(("start", attempt(1)))
    assert house.desk.starts_at_us(job) == 0
    assert house.alarms["desk", CLOCKS[way]].at_us == (house.state.lapses_us if way == "in" else None)


@pytest.mark.parametrize("way", CLOCKS)
@pytest.mark.parametrize("later", [5, 20])
async def test_a_restart_forgets_no_time(house: House, way: str, later: int) -> None:
    await waiting(house, way)
    house.now += later * SECOND_US
    await house.restart()
    house.engine.expect(("recover", attempt(1)), *([("start", attempt(1))] if later > 10 else []))
    house.now += 5 * SECOND_US
    await ring(house, way)
    house.engine.expect(*([("start", attempt(1))] if later < 10 else []))


async def test_a_time_goes_by_the_clock_and_a_duration_does_not(house: House) -> None:
    await house.accept(asked_with(1, start_at_us=house.now + 3600 * SECOND_US), asked_with(2, start_in_ms=10_000))
    house.set_by = -3600 * SECOND_US
    house.now += 11 * SECOND_US
    await ring(house, "at")
    house.engine.expect(("start", attempt(2)))
    house.set_by = 3600 * SECOND_US
    await ring(house, "at")
    house.engine.expect(("start", attempt(1)))


async def test_a_time_that_is_past_lets_a_job_start_at_once(house: House) -> None:
    await house.accept(asked_with(1, start_at_us=house.now), asked_with(2, start_in_ms=0))
    await house.durable()
    assert sorted(house.engine.effects) == [("start", attempt(1)), ("start", attempt(2))]
    house.engine.effects.clear()


async def test_a_job_that_waits_for_its_time_is_held_changed_and_released(house: House) -> None:
    job = await waiting(house)
    assert await alter(house, job, held=True) is None
    assert await alter(house, job, priority=7) is None
    house.now += 10 * SECOND_US
    await ring(house)
    assert "ada holds it" in house.desk.why_waiting(job)
    house.engine.expect()
    assert await alter(house, job, held=False) is None
    house.engine.expect(("start", attempt(1)))


async def test_a_job_that_is_released_before_its_time_waits_for_it(house: House) -> None:
    job = await waiting(house)
    await alter(house, job, held=True)
    await alter(house, job, held=False)
    house.engine.expect()
    house.now += 10 * SECOND_US
    await ring(house)
    house.engine.expect(("start", attempt(1)))


@pytest.mark.parametrize("way", CLOCKS)
async def test_a_job_that_is_stopped_before_its_time_never_starts(house: House, way: str) -> None:
    job = await waiting(house, way)
    house.stop(job)
    await house.durable()
    house.engine.expect(("settled", attempt(1)))
    assert job.attempt.outcome is not None
    assert job.attempt.outcome.kind is OutcomeKind.CANCELLED
    assert house.alarms["desk", CLOCKS[way]].at_us == (house.state.lapses_us if way == "in" else None)
    house.now += 10 * SECOND_US
    await ring(house, way)
    await house.restart()
    house.engine.expect(("recover",))
    assert house.lookup.has_ended(key(1))

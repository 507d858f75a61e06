"""While a desk finds its jobs again, they are shown as the store knows them, nothing else is decided, and others have their turns."""

from __future__ import annotations

import asyncio

import pytest
from desk_house import OWNER, House, asked, asked_with, attempt, ended, key, started

from jobwire.broker.desk import recovery
from jobwire.broker.desk.decisions import recovery as decisions
from jobwire.broker.desk.inputs import EdgesFound
from jobwire.broker.desk.turn import Turn
from jobwire.broker.engine import Fact
from jobwire.broker.requests.reads.jobs import describe
from jobwire.broker.store.selection import ALIVE, Selection
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.capacity import Capacity
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.naming import parse_typed
from jobwire.schemas.refusal import Refused

ADA = Member("ada", OWNER, "submitter")


@pytest.fixture
async def house(house: House) -> House:
    """One whose first job runs, whose second and third one wait, and whose next desk has found none of them yet."""
    house.engine.capacity = Capacity(1)
    await house.accept(asked_with(1, name="first"), asked_with(2, name="second"), asked(3))
    house.desk.hear([started(1)])
    await house.durable()
    house.engine.effects.clear()
    house.desk.close()
    house.store.close()
    house.open()
    house.desk.await_recovery()
    return house


def expect_in_any_order(house: House, *effects: tuple[object, ...]) -> None:
    recovered, *others = house.engine.effects
    assert recovered == ("recover", attempt(1), attempt(2), attempt(3))
    assert sorted(others, key=str) == sorted(effects, key=str)
    house.engine.effects.clear()


def shown(house: House) -> list[job_pb2.Job]:
    page = house.lookup.page(Selection(states=ALIVE, owner=OWNER), None, 10)
    return [describe(job, house.desk, house.members.get, house.ages) for _, job in page.jobs]


async def test_jobs_that_are_not_found_yet_are_shown_as_they_are(house: House) -> None:
    house.now += 5_000_000
    assert not house.live
    first, second, third = shown(house)
    assert (first.state, first.pid, first.waits_for) == (job_pb2.STATE_RUNNING, 101, "")
    assert [one.state for one in (second, third)] == [job_pb2.STATE_QUEUED] * 2
    assert "not all jobs were found again" in second.waits_for
    # No two dates are the same.
    assert 0 <= second.lasted_us - 5_000_000 < 100
    assert house.lookup.named("second", parse_typed("second"), ADA).key == key(2)
    assert house.lookup.visible_job(key(3), ADA).key == key(3)


async def test_what_is_shown_is_the_same_when_all_are_found(house: House) -> None:
    before = shown(house)
    house.engine.known = [started(1)]
    await house.desk.recover()
    after = shown(house)
    for job in (*before, *after):
        job.waits_for = ""
        # They pass meanwhile.
        job.lasted_us = job.expires_in_us = 0
    assert after == before
    house.engine.expect(("recover", attempt(1), attempt(2), attempt(3)))


async def test_a_row_of_which_the_desk_was_not_told_is_no_job_once_all_are_found(house: House) -> None:
    house.engine.known = [started(1)]
    await house.desk.recover()
    house.live.pop(key(3))
    assert house.lookup.job(key(3)) is None
    with pytest.raises(Refused):
        house.lookup.named("second", parse_typed("third"), ADA)
    house.engine.effects.clear()


async def test_facts_that_come_meanwhile_are_decided_about_afterwards(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_JOBS_A_SLICE", 1)
    monkeypatch.setattr(recovery, "Pace", Restless)
    house.engine.known = [started(1)]
    recovering = asyncio.create_task(house.desk.recover())
    for _ in range(4):
        await asyncio.sleep(0)
    assert house.live
    assert "found" in house.desk.recovering
    house.desk.hear([ended(1)])
    assert house.live[key(1)].attempt.outcome is None
    await recovering
    await house.durable()
    assert house.desk.recovering == ""
    assert key(1) not in house.live
    expect_in_any_order(house, ("settled", attempt(1)), ("start", attempt(2)))


async def test_nothing_starts_before_all_that_the_engine_knows_is_taken_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_FACTS_A_SLICE", 1)
    facts: list[Fact] = [ended(1), started(2), ended(2)]
    house.engine.known = facts
    await house.desk.recover()
    await house.durable()
    expect_in_any_order(house, ("settled", attempt(1)), ("settled", attempt(2)), ("start", attempt(3)))


async def test_what_jobs_wait_for_is_found_in_every_slice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.engine.known = [started(1)]
    await house.desk.recover()
    await house.accept(*(asked_with(number, after=(After(Condition.OK, bytes([1]) * 16),)) for number in range(4, 8)))
    monkeypatch.setattr("jobwire.broker.store.queries._ALIVE_A_QUESTION", 2)
    await house.restart()
    assert [number for number in range(1, 8) if house.live[key(number)].awaits] == [4, 5, 6, 7]
    house.engine.effects.clear()


async def test_what_jobs_wait_for_is_taken_up_in_slices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.engine.known = [started(1)]
    await house.desk.recover()
    await house.accept(*(asked_with(number, after=(After(Condition.OK, bytes([1]) * 16),)) for number in range(4, 9)))
    monkeypatch.setattr(recovery, "_JOBS_A_SLICE", 2)
    slices: list[int] = []

    def take_up_edges(turn: Turn, found: EdgesFound) -> None:
        slices.append(len(found.edges))
        decisions.take_up_edges(turn, found)

    monkeypatch.setattr("jobwire.broker.desk.decide.take_up_edges", take_up_edges)
    await house.restart()
    assert slices == [2, 2, 1]
    assert [*house.state.dependencies.open] == [key(number) for number in range(4, 9)]
    house.desk.hear([ended(1)])
    await house.durable()
    assert not house.state.dependencies.open
    house.engine.effects.clear()


class Restless:
    """Lets others have their turn whenever it can."""

    async def rest(self) -> None:
        await asyncio.sleep(0)

"""While a desk finds its jobs again, they are shown as the store knows them, nothing else is decided, and others have their turns."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from desk_house import OWNER, House, asked, asked_with, attempt, ended, key, started

from jobwire.broker.desk import desk, unended_jobs
from jobwire.broker.desk.decisions import recovery as decisions
from jobwire.broker.desk.inputs import Accepted, EdgesFound, RunsFound
from jobwire.broker.desk.turn import Turn
from jobwire.broker.engine import Fact
from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.requests.reads.jobs import describe
from jobwire.broker.store.selection import ALIVE, Selection
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec, to_wire
from jobwire.schemas.jobs.states import OnFailure
from jobwire.schemas.naming import parse_typed
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import Capacity

ADA = Member("ada", OWNER, "submitter")
FINISH = to_wire(JobSpec(argv=(b"notify",))).SerializeToString()


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
    return [describe(job, house.desk, house.members.get, house.ages) for _, job in page.jobs if job]


async def test_jobs_that_are_not_found_yet_are_shown_as_they_are(house: House) -> None:
    house.now += 5_000_000
    assert not house.live
    first, second, third = shown(house)
    assert (first.state, first.pid, first.waits_for) == (job_pb2.STATE_RUNNING, 101, "")
    assert [one.state for one in (second, third)] == [job_pb2.STATE_QUEUED] * 2
    assert "is still reading its jobs" in second.waits_for
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
    monkeypatch.setattr(unended_jobs, "_JOBS_A_SLICE", 1)
    monkeypatch.setattr(unended_jobs, "Pace", Restless)
    house.engine.known = [started(1)]
    recovering = asyncio.create_task(house.desk.recover())
    for _ in range(4):
        await asyncio.sleep(0)
    assert house.live
    assert "has read" in house.desk.recovering
    house.desk.hear([ended(1)])
    assert house.live[key(1)].attempt.outcome is None
    await recovering
    await house.durable()
    assert house.desk.recovering == ""
    assert key(1) not in house.live
    expect_in_any_order(house, ("settled", attempt(1)), ("start", attempt(2)))


async def test_nothing_starts_before_all_that_the_engine_knows_is_taken_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unended_jobs, "_FACTS_A_SLICE", 1)
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
    monkeypatch.setattr(unended_jobs, "_JOBS_A_SLICE", 2)
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


async def while_recovering(house: House, monkeypatch: pytest.MonkeyPatch, turns: int) -> asyncio.Task[None]:
    """Return the recovery of the desk, after so many turns of the loop."""
    monkeypatch.setattr(unended_jobs, "_JOBS_A_SLICE", 1)
    monkeypatch.setattr(unended_jobs, "Pace", Restless)
    monkeypatch.setattr("jobwire.broker.store.queries._ALIVE_A_QUESTION", 1)
    house.engine.known = [started(1)]
    recovering = asyncio.create_task(house.desk.recover())
    for _ in range(turns):
        await asyncio.sleep(0)
    assert house.desk.recovering
    return recovering


# In the middle of reading jobs, and of taking them up.
@pytest.mark.parametrize("turns", [1, 3, 6, 8])
async def test_new_jobs_are_durable_before_all_others_are_found_and_start_once_after_that(
    house: House, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    recovering = await while_recovering(house, monkeypatch, turns)
    answers: list[Accepted | Refused] = []
    house.desk.accept(OWNER, [asked(4), asked(3)], None, b"p", answers.append)
    # The commit is done while others are found; its result is an input among theirs.
    await recovering
    await house.durable()
    (accepted,) = answers
    assert isinstance(accepted, Accepted)
    assert (accepted.keys, accepted.known) == ([key(4), key(3)], 1)
    assert {*house.live} == {key(number) for number in (1, 2, 3, 4)}
    house.engine.effects.clear()
    for number in range(1, 4):
        house.desk.hear([started(number), ended(number)])
        await house.durable()
        # In the order in which they were accepted, each once.
        effects = sorted(house.engine.effects, key=str)
        assert effects == [("settled", attempt(number)), ("start", attempt(number + 1))]
        house.engine.effects.clear()
    house.desk.hear([started(4), ended(4)])
    await house.durable()
    house.engine.expect(("settled", attempt(4)))


@pytest.mark.parametrize("rests", [1, 3, 4, 6])
async def test_new_jobs_that_become_durable_while_others_are_read_are_not_found_again(
    house: House, monkeypatch: pytest.MonkeyPatch, rests: int
) -> None:
    pace = Waiting(rests)
    monkeypatch.setattr(unended_jobs, "Pace", lambda: pace)
    monkeypatch.setattr("jobwire.broker.store.queries._ALIVE_A_QUESTION", 1)
    monkeypatch.setattr(unended_jobs, "_JOBS_A_SLICE", 1)
    house.engine.known = [started(1)]
    recovering = asyncio.create_task(house.desk.recover())
    await pace.waits.wait()
    await house.accept(asked(4))
    job = house.live[key(4)]
    pace.go_on.set()
    await recovering
    assert house.live[key(4)] is job
    assert house.state.queue.waiting_of(OWNER) == 3
    house.engine.expect(("recover", attempt(1), attempt(2), attempt(3)))


async def test_new_jobs_are_acknowledged_while_others_are_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unended_jobs, "Pace", Restless)
    told: list[bool] = []
    go_on = asyncio.Event()

    async def recover(_expected: object) -> list[Fact]:
        await go_on.wait()
        return [started(1)]

    monkeypatch.setattr(house.engine, "recover", recover)
    recovering = asyncio.create_task(house.desk.recover())
    for _ in range(4):
        await asyncio.sleep(0)
    house.desk.accept(OWNER, [asked(4)], None, b"p", lambda answer: told.append(isinstance(answer, Accepted)))
    house.desk.accept(OWNER, [asked_with(5, after=(After(Condition.OK, bytes([4]) * 16),))], None, b"p", lambda answer: told.append(False))
    await house.durable()
    assert told == [True]
    assert house.state.queue.why_waiting(key(4))
    # Killed now, the next desk finds it.
    assert house.lookup.count_alive() == 4
    go_on.set()
    await recovering
    await house.durable()
    assert told == [True, False]
    assert house.live[key(5)].awaits
    house.engine.effects.clear()


async def test_a_limit_holds_while_not_all_are_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recovering = await while_recovering(house, monkeypatch, 2)
    house.limits = replace(house.limits, queued_jobs=3)
    answers: list[Accepted | Refused] = []
    house.desk.accept(OWNER, [asked(4)], None, b"p", answers.append)
    house.desk.accept(OWNER, [asked(5)], None, b"p", answers.append)
    monkeypatch.setattr("jobwire.broker.desk.desk._MOST_MEANWHILE_BYTES", 10)
    with pytest.raises(Refused, match="was restarted"):
        house.desk.accept(OWNER, [asked(6, b"a" * 20)], None, b"p", answers.append)
    await recovering
    await house.durable()
    assert isinstance(answers[0], Accepted) or isinstance(answers[1], Accepted)
    assert sum(isinstance(answer, Refused) for answer in answers) == 1
    assert house.state.queue.waiting_of(OWNER) == 3
    house.engine.effects.clear()


async def test_facts_that_come_while_the_last_new_jobs_are_accepted_are_decided_about_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = Waiting(1)
    monkeypatch.setattr(desk, "Pace", lambda: pace)
    house.engine.known = [started(1)]
    house.desk.accept(OWNER, [asked(4)], None, b"p", lambda _: None)
    recovering = asyncio.create_task(house.desk.recover())
    await pace.waits.wait()
    house.desk.hear([ended(1)])
    pace.go_on.set()
    await recovering
    await house.durable()
    assert key(1) not in house.live
    expect_in_any_order(house, ("settled", attempt(1)), ("start", attempt(2)))


async def test_runs_are_taken_up_in_slices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.engine.known = [started(1)]
    await house.desk.recover()
    for number in range(4, 9):
        await house.accept(asked(number), batch=BatchRun(bytes([number]) * 16, "", 0, OnFailure.CANCEL_REST, on_finish=FINISH))
    monkeypatch.setattr(unended_jobs, "_RUNS_A_SLICE", 2)
    slices: list[tuple[int, int]] = []

    def take_up_runs(turn: Turn, found: RunsFound) -> None:
        slices.append((len(found.unfinished), len(found.runs)))
        decisions.take_up_runs(turn, found)

    monkeypatch.setattr("jobwire.broker.desk.decide.take_up_runs", take_up_runs)
    await house.restart()
    assert slices == [(2, 0), (2, 0), (1, 0), (0, 2), (0, 2), (0, 1)]
    assert {finish.left for finish in house.state.finishes.values()} == {1}
    house.engine.effects.clear()


class Restless:
    """Lets others have their turn whenever it can."""

    async def rest(self) -> None:
        await asyncio.sleep(0)


class Waiting:
    """Waits at one of its rests until it is told to go on."""

    def __init__(self, rests: int) -> None:
        self._left = rests
        self.waits, self.go_on = asyncio.Event(), asyncio.Event()

    async def rest(self) -> None:
        self._left -= 1
        if not self._left:
            self.waits.set()
            await self.go_on.wait()


async def test_a_process_of_a_job_that_the_store_does_not_know_is_named(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.engine.known = [started(1), started(9)]
    await house.desk.recover()
    (said,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert said.startswith(f"process {started(9).pid} belongs to job ")
    assert "which is not in the store" in said
    house.engine.effects.clear()


async def test_one_that_has_ended_and_was_not_settled_is_known(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.engine.known = [started(1), ended(1)]
    await house.desk.recover()
    await house.durable()
    house.desk.close()
    house.store.close()
    house.open()
    house.desk.await_recovery()
    await house.desk.recover()
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
    house.engine.effects.clear()

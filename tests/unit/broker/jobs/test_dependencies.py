"""Jobs that wait for others, with a real store: when they start, when they are cancelled, and what a restart does to that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from desk_house import OWNER, EngineDouble, House, Taken, asked, attempt, ended, key, started

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.jobs.job import BatchRun, Job
from jobwire.broker.jobs.life import Phase
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, State
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.workers.capacity import Capacity

RUN = b"r" * 16
OK, FAILED, ANY = Condition.OK, Condition.FAILED, Condition.ANY


def job(number: int, *after: After, name: str = "") -> Asked:
    spec = JobSpec((b"true",), name=name, after=after)
    return Asked(asked(number).id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def on(number: int, condition: Condition = OK) -> After:
    return After(condition, job=bytes([number]) * 16)


def of_run(name: str = "", condition: Condition = OK) -> After:
    return After(condition, run=RUN, name=name)


def house(path: Path, slots: int = 4) -> House:
    opened = House(path / "state.db", EngineDouble(Capacity(slots)))
    opened.open()
    return opened


async def close(opened: House) -> None:
    await opened.durable()
    opened.engine.effects.clear()
    opened.desk.close()
    opened.store.close()


async def settle(opened: House) -> None:
    """Wait until nothing follows any more."""
    await opened.durable()
    while opened.state.dependencies.due or opened.state.under_way:
        await asyncio.sleep(0)
        await opened.durable()


async def end(opened: House, number: int, status: int = 0) -> None:
    opened.desk.hear([started(number), ended(number, status)])
    await settle(opened)


def launched(opened: House) -> list[int]:
    found = [effect[1].id[0] for effect in opened.engine.effects if effect[0] == "start"]  # type: ignore[attr-defined] # reason: a double's
    opened.engine.effects.clear()
    return found


def of(opened: House, number: int) -> Job:
    found = opened.lookup.job(key(number))
    assert found is not None
    return found


def sentence(opened: House, number: int) -> str:
    outcome = of(opened, number).attempt.outcome
    return outcome.sentence if outcome is not None else ""


async def test_a_job_starts_when_what_it_waits_for_has_exited_with_0(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1, name="build"), job(2, on(1)))
    assert launched(desk) == [1]
    assert desk.desk.why_waiting(of(desk, 2)) == "it waits for build (01010101) to end well"
    await end(desk, 1)
    assert launched(desk) == [2]
    await close(desk)


async def test_a_job_is_cancelled_when_its_condition_can_no_longer_hold_and_so_is_what_waits_for_it(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1, name="build"), job(2, on(1), name="test"), job(3, on(2)), job(4, on(2, FAILED)), job(5, on(3, ANY)))
    await end(desk, 1, 3)
    assert launched(desk) == [1, 4, 5]
    assert sentence(desk, 2) == "cancelled because build (01010101) exited with 3"
    assert sentence(desk, 3) == "cancelled because test (02020202) was cancelled"
    await close(desk)


async def test_what_was_to_run_only_after_a_failure_is_not_needed_and_has_not_failed(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), job(2, on(1, FAILED)), job(3, on(2)), job(4, on(2, FAILED)), job(5, on(2, ANY)), batch=BatchRun(RUN, "", 0))
    await end(desk, 1)
    assert launched(desk) == [1, 5]
    assert sentence(desk, 2) == "not needed: the job 01010101 exited with 0"
    assert sentence(desk, 3) == sentence(desk, 4) == "not needed: the job 02020202 was not needed"
    run = desk.lookup.run(OWNER, RUN, "")
    assert run is not None
    assert (run.ok, run.failed) == (4, 0)
    await close(desk)


async def test_several_conditions_must_all_hold(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), job(2), job(3, on(1), on(2, ANY)))
    await end(desk, 2, 1)
    assert launched(desk) == [1, 2]
    await end(desk, 1)
    assert launched(desk) == [3]
    await close(desk)


@pytest.mark.parametrize(("condition", "starts"), [(OK, False), (FAILED, True), (ANY, True)])
async def test_a_target_that_has_ended_counts_from_the_start(tmp_path: Path, *, condition: Condition, starts: bool) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1, name="old"))
    await end(desk, 1, 1)
    launched(desk)
    await desk.accept(job(2, on(1, condition)))
    await settle(desk)
    assert launched(desk) == ([2] if starts else [])
    assert sentence(desk, 2) == ("" if starts else "cancelled because old (01010101) exited with 1")
    await close(desk)


async def test_the_end_of_a_target_that_is_written_with_what_waits_for_it_is_not_missed(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1))
    desk.desk.hear([started(1)])
    waiting = asyncio.ensure_future(desk.accept(job(2, on(1)), job(3, on(1, FAILED))))
    await asyncio.sleep(0)
    desk.desk.hear([ended(1)])
    taken: Taken = await waiting
    await settle(desk)
    assert [one.attempt.phase for one in taken.jobs] == [Phase.LAUNCHED, Phase.FINISHED]
    await close(desk)


async def test_a_target_is_a_job_of_the_same_owner_and_not_forgotten(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1))
    with pytest.raises(Refused, match=r"there is nothing to wait for: the job 09090909-.* is not known to this worker as yours") as unknown:
        await desk.accept(job(2), job(3, on(9)))
    assert (unknown.value.code, unknown.value.reason, unknown.value.job_index) == (Code.NOT_FOUND, Reason.NO_SUCH_JOB, 1)
    with pytest.raises(Refused, match="there is nothing to wait for: the job 01010101-"):
        await desk.accept(job(2, on(1)), owner=b"x" * 32)
    await end(desk, 1)
    done: list[object] = []
    desk.forgetting.forget([key(1)], done.append)
    await desk.durable()
    with pytest.raises(Refused, match="has ended and was forgotten") as gone:
        await desk.accept(job(3, on(1)))
    assert gone.value.reason is Reason.FORGOTTEN
    assert desk.lookup.job(key(2)) is None
    await close(desk)


async def test_jobs_of_one_name_are_waited_for_together(tmp_path: Path) -> None:
    desk = house(tmp_path)
    names = [
        job(1, name="fetch[0]"),
        job(2, name="fetch[1]"),
        job(3, of_run("fetch"), name="load"),
        job(4, of_run("fetch", FAILED), name="mail"),
    ]
    await desk.accept(*names, batch=BatchRun(RUN, "", 0))
    await end(desk, 1)
    assert launched(desk) == [1, 2]
    assert desk.desk.why_waiting(of(desk, 3)) == "it waits for 1 jobs fetch to end well"
    await end(desk, 2)
    assert launched(desk) == [3]
    assert sentence(desk, 4) == "not needed: no job fetch has failed"
    await desk.accept(job(5, of_run("fetch")))
    await settle(desk)
    assert launched(desk) == [5], "all of them have ended by now"
    with pytest.raises(Refused, match="there is nothing to wait for: the jobs fetsch of run"):
        await desk.accept(job(6, of_run("fetsch")))
    await close(desk)


async def test_the_first_failure_of_a_group_decides_at_once_what_must_end_well(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1, name="a"), job(2, name="b"), batch=BatchRun(RUN, "", 0))
    await desk.accept(job(3, of_run()), job(4, of_run("", FAILED)), job(5, of_run("", ANY)))
    await end(desk, 2, 1)
    assert sentence(desk, 3) == "cancelled because b (02020202) exited with 1"
    assert launched(desk) == [1, 2], "the others wait for the end of the run"
    await end(desk, 1)
    assert launched(desk) == [4, 5]
    await close(desk)


async def test_a_job_that_joins_a_run_later_is_not_waited_for(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), batch=BatchRun(RUN, "", 0))
    await desk.accept(job(2, of_run()))
    await desk.accept(job(3, on(2)), batch=BatchRun(RUN, "", 0))
    await end(desk, 1)
    assert launched(desk) == [1, 2]
    await close(desk)


async def test_a_restart_keeps_what_jobs_wait_for(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), job(2, name="x"), job(3, on(1), of_run("x")), job(4, on(1, FAILED)), batch=BatchRun(RUN, "", 0))
    desk.desk.hear([started(1), started(2)])
    await desk.durable()
    launched(desk)
    desk.engine.known = [started(1), started(2)]
    await desk.restart()
    assert of(desk, 3).awaits
    await end(desk, 1)
    assert sentence(desk, 4).startswith("not needed")
    desk.engine.known = [started(2)]
    launched(desk)
    await desk.restart()
    await end(desk, 2)
    assert launched(desk) == [3]
    await close(desk)


async def test_thousands_that_wait_for_one_are_cancelled_in_parts(tmp_path: Path) -> None:
    desk = house(tmp_path)
    count = 1000
    many = [job(1)]
    for number in range(count):
        spec = JobSpec((b"true",), after=(on(1),))
        many.append(Asked(number.to_bytes(16, "big"), spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()))
    await desk.accept(*many)
    desk.desk.hear([started(1), ended(1, 1)])
    assert sum(one.attempt.phase is Phase.ENDED_QUEUED for one in desk.live.values()) < count / 2
    await settle(desk)
    assert not desk.live
    assert launched(desk) == [1]
    await close(desk)


@pytest.mark.parametrize("stops", [False, True])
async def test_a_failure_cancels_the_rest_of_its_run_and_may_stop_what_runs(tmp_path: Path, *, stops: bool) -> None:
    desk = house(tmp_path, slots=2)
    batch = BatchRun(RUN, "", 0, OnFailure.STOP_REST if stops else OnFailure.CANCEL_REST)
    await desk.accept(job(1, name="bad"), job(2), job(3), job(4, on(3)), batch=batch)
    desk.desk.hear([started(1), started(2)])
    await desk.durable()
    assert launched(desk) == [1, 2]
    desk.desk.hear([ended(1, 2)])
    await settle(desk)
    assert sentence(desk, 3) == "cancelled because bad (01010101) exited with 2"
    assert sentence(desk, 4) in {sentence(desk, 3), "cancelled because the job 03030303 was cancelled"}
    assert [effect[:2] for effect in desk.engine.effects if effect[0] == "end"] == ([("end", attempt(2))] if stops else [])
    assert of(desk, 2).state is (State.STOPPING if stops else State.RUNNING)
    await desk.accept(job(5), batch=batch)
    await settle(desk)
    assert sentence(desk, 5) == "cancelled because bad (01010101) exited with 2"
    await close(desk)


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_failure_spares_what_cleans_up_after_it(tmp_path: Path, *, stops: bool, restarts: bool) -> None:
    desk = house(tmp_path, slots=1)
    batch = BatchRun(RUN, "", 1, OnFailure.STOP_REST if stops else OnFailure.CANCEL_REST)
    ordinary = [job(number) for number in range(20, 40)]
    await desk.accept(
        *(job(1, name="bad"), job(2), job(3, on(1, FAILED)), job(4, on(3)), job(5, of_run("bad", ANY)), job(6, on(2))),
        *ordinary,
        batch=batch,
    )
    desk.desk.hear([started(1)])
    await settle(desk)
    assert launched(desk) == [1]
    desk.desk.hear([ended(1, 2)])
    if restarts:
        await desk.durable()
        launched(desk)
        await desk.restart()
    ran = []
    for _ in range(3):
        await settle(desk)
        # One at a time, as the batch says.
        (number,) = launched(desk)
        ran.append(number)
        await end(desk, number)
    await settle(desk)
    assert sorted(ran) == [3, 4, 5]
    assert ran.index(3) < ran.index(4)
    assert not desk.live
    assert sentence(desk, 2) == sentence(desk, 30) == "cancelled because bad (01010101) exited with 2"
    assert sentence(desk, 6).startswith("cancelled because ")
    await close(desk)


async def test_what_cleans_up_is_spared_though_it_is_added_later_and_is_retried(tmp_path: Path) -> None:
    desk = house(tmp_path, slots=2)
    batch = BatchRun(RUN, "", 0, OnFailure.STOP_REST)
    await desk.accept(job(1, name="bad"), job(2), batch=batch)
    await end(desk, 1, 3)
    assert [effect[0] for effect in desk.engine.effects if effect[0] == "end"] == ["end"]
    launched(desk)
    await desk.accept(job(3, of_run("bad", FAILED)), job(4), batch=batch)
    await settle(desk)
    assert launched(desk) == [3]
    assert sentence(desk, 4).startswith("cancelled because bad")
    await close(desk)


async def test_thousands_that_are_cancelled_do_not_start_while_one_is_spared(tmp_path: Path) -> None:
    desk = house(tmp_path, slots=3)
    many = [Asked(number.to_bytes(16, "big"), JobSpec((b"true",)), asked(1).digest, asked(1).raw) for number in range(1000, 2000)]
    await desk.accept(job(1), job(2, on(1, FAILED)), *many, batch=BatchRun(RUN, "", 0, OnFailure.CANCEL_REST))
    launched(desk)
    desk.desk.hear([started(1), ended(1, 1)])
    await settle(desk)
    assert launched(desk) == [2]
    # And the two that had been launched before.
    assert len(desk.live) == 3
    await close(desk)


async def test_neither_a_stopped_nor_an_unneeded_job_breaks_its_run(tmp_path: Path) -> None:
    desk = house(tmp_path, slots=1)
    await desk.accept(job(1), job(2), job(3, on(1, FAILED)), job(4, on(2)), job(5), batch=BatchRun(RUN, "", 0, OnFailure.CANCEL_REST))
    desk.stop(of(desk, 2))
    await end(desk, 1)
    assert launched(desk) == [1, 5]
    assert sentence(desk, 4) == "cancelled because the job 02020202 was cancelled"
    await close(desk)


async def test_a_run_that_is_broken_stays_so_after_a_restart(tmp_path: Path) -> None:
    desk = house(tmp_path, slots=1)
    many = [asked(number) for number in range(1, 250)]
    await desk.accept(*many, batch=BatchRun(RUN, "", 0, OnFailure.CANCEL_REST))
    launched(desk)
    desk.desk.hear([started(1), ended(1, 2)])
    await desk.durable()
    await desk.restart()
    await settle(desk)
    assert not desk.live
    assert launched(desk) == []
    await close(desk)


async def forget(desk: House, *numbers: int) -> None:
    done: list[object] = []
    desk.forgetting.forget([key(number) for number in numbers], done.append)
    await settle(desk)
    assert done


async def test_what_was_decided_about_a_job_stays_so_when_it_is_forgotten(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), job(2), job(3, on(1), on(2)), job(4, on(1, ANY), on(2, FAILED)))
    await end(desk, 1)
    await forget(desk, 1)
    desk.engine.known = [started(2)]
    launched(desk)
    await desk.restart()
    assert desk.desk.why_waiting(of(desk, 3)) == "it waits for the job 02020202 to end well"
    await end(desk, 2)
    assert launched(desk) == [3]
    assert sentence(desk, 4).startswith("not needed: the job 02020202")
    await close(desk)


async def test_a_group_remembers_a_failure_that_is_forgotten(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1, name="a[0]"), job(2, name="a[1]"), job(3, of_run("a", FAILED)), job(4, on(2, ANY)), batch=BatchRun(RUN, "", 0))
    await end(desk, 1, 7)
    await forget(desk, 1)
    desk.engine.known = [started(2)]
    launched(desk)
    await desk.restart()
    await end(desk, 2)
    assert sorted(launched(desk)) == [3, 4]
    await close(desk)


async def test_a_job_that_was_to_be_cancelled_does_not_start_after_a_crash_though_the_reason_was_forgotten(tmp_path: Path) -> None:
    desk = house(tmp_path)
    await desk.accept(job(1), job(2, on(1)), job(3), batch=BatchRun(RUN, "", 0))
    await desk.accept(job(4, of_run()))
    await end(desk, 3)
    desk.desk.hear([started(1)])
    await desk.durable()
    # As if it had been killed between the end of the first, its removal, and the cancellations.
    desk.store._writes.execute("UPDATE jobs SET state = 4, ok = 0, ended_at = 5 WHERE id = ?", (key(1).id,))
    desk.store._writes.execute("UPDATE batches SET failed = 1 WHERE id = ?", (RUN,))
    await forget(desk, 1, 3)
    launched(desk)
    desk.live.clear()
    await desk.restart()
    await settle(desk)
    assert sentence(desk, 2) == "cancelled because a job that it waited for did not end as it must, and was forgotten"
    assert sentence(desk, 4).startswith("cancelled because")
    assert launched(desk) == []
    await close(desk)

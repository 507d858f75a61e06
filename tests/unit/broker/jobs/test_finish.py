"""What runs end with, with a real store: when it is queued, once whatever happens, and what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_house import OWNER, SOMEBODYS, EngineDouble, House, asked, ended, key, started

from jobwire.broker.desk.inputs import Accepted, Asked
from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.ends import Ends, end_of_one
from jobwire.broker.jobs.finish import finish_spec
from jobwire.broker.jobs.job import BatchRun, Job
from jobwire.broker.retention.forget import Forgetting
from jobwire.broker.store.selection import Selection
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity

RUN = b"r" * 16
SPEC = JobSpec((b"notify",), environment=((b"A", b"1"), (b"JOBWIRE_RUN", b"mine")))
BATCH = BatchRun(RUN, "nightly", 0, on_finish=specs.to_wire(SPEC).SerializeToString())
FINISH = JobKey(OWNER, finish_job_id(RUN))


@pytest.fixture
async def house(tmp_path: Path) -> House:
    opened = House(tmp_path / "state.db", EngineDouble(Capacity(4)))
    opened.open()
    return opened


async def settle(house: House) -> None:
    await house.durable()
    while house.state.dependencies.due or house.state.under_way:
        await house.durable()


async def end(house: House, *ends: tuple[int, int]) -> None:
    for number, status in ends:
        house.desk.hear([started(number), ended(number, status)])
    await settle(house)


async def end_finish(house: House, status: int = 0) -> None:
    ids = (AttemptKey(*FINISH, 1), 99, 4_000_000)
    house.desk.hear([Started(*ids), Ended(*ids, 5_000_000, Outcome(OutcomeKind.EXITED, exit_status=status))])
    await settle(house)


async def close(house: House) -> None:
    await settle(house)
    house.engine.effects.clear()
    house.desk.close()
    house.store.close()


def finish(house: House) -> Job | None:
    return house.lookup.job(FINISH)


def told(house: House) -> dict[str, str]:
    found = finish(house)
    assert found is not None
    prefix = b"JOBWIRE_RUN_"
    return {name.removeprefix(prefix).decode(): text.decode() for name, text in found.spec.environment if name.startswith(prefix)}


def launches(house: House) -> int:
    count = sum(effect == ("start", AttemptKey(*FINISH, 1)) for effect in house.engine.effects)
    house.engine.effects.clear()
    return count


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        (Ends(ok=3), "ok"),
        (Ends(ok=3, failed=1, cancelled=2, stopped=2), "failed"),
        (Ends(cancelled=2, stopped=1), "stopped"),
        # It was stopped, and made the best of it.
        (Ends(ok=1, stopped=1), "stopped"),
        (Ends(ok=1, cancelled=1), "failed"),
    ],
)
def test_a_run_ended_as_its_worst_job(ends: Ends, word: str) -> None:
    assert ends.word == word


def test_a_job_ended_well_or_failed_or_was_cancelled() -> None:
    ok, bad = Outcome(OutcomeKind.EXITED), Outcome(OutcomeKind.EXITED, exit_status=1)
    killed, cancelled = Outcome(OutcomeKind.SIGNALED, signal=15), Outcome(OutcomeKind.CANCELLED)
    assert end_of_one(ok, is_stopped=False) == Ends(ok=1)
    assert end_of_one(bad, is_stopped=False) == end_of_one(killed, is_stopped=False) == Ends(failed=1)
    assert end_of_one(killed, is_stopped=True) == end_of_one(cancelled, is_stopped=True) == Ends(cancelled=1, stopped=1)
    assert end_of_one(cancelled, is_stopped=False) == Ends(cancelled=1)
    assert end_of_one(Outcome(OutcomeKind.CANCELLED, unneeded=True), is_stopped=False) == Ends(ok=1)
    assert end_of_one(ok, is_stopped=True) == Ends(ok=1, stopped=1)
    assert end_of_one(Outcome(OutcomeKind.LOST), is_stopped=False) == Ends(failed=1)


def test_what_is_told_counts_more_than_variables_of_that_name() -> None:
    spec = finish_spec(BATCH, Ends(ok=1, failed=2, cancelled=3))
    assert spec.name == "on_finish"
    assert dict(spec.environment) == {
        b"A": b"1",
        b"JOBWIRE_RUN": b"72727272-7272-7272-7272-727272727272",
        b"JOBWIRE_RUN_NAME": b"nightly",
        b"JOBWIRE_RUN_OUTCOME": b"failed",
        b"JOBWIRE_RUN_JOBS": b"6",
        b"JOBWIRE_RUN_OK": b"1",
        b"JOBWIRE_RUN_FAILED": b"2",
        b"JOBWIRE_RUN_CANCELLED": b"3",
    }


async def test_it_is_queued_in_the_commit_of_the_last_end(house: House) -> None:
    await house.accept(asked(1), asked(2), batch=BATCH)
    await end(house, (1, 0))
    assert finish(house) is None
    before = house.store.head
    house.desk.hear([started(2), ended(2, 3)])
    (write,) = [one.write for one in house.state.under_way.values()]
    await settle(house)
    assert write.first_seq == before + 1  # type: ignore[union-attr]
    assert launches(house) == 1
    assert told(house) == {"NAME": "nightly", "OUTCOME": "failed", "JOBS": "2", "OK": "1", "FAILED": "1", "CANCELLED": "0"}
    run = house.lookup.run(OWNER, RUN, "")
    assert run is not None
    # It is listed with the run, and not counted.
    assert (run.jobs, run.ok, run.failed, run.queued, run.running) == (2, 1, 1, 0, 0)
    assert [job.key for _, job in house.lookup.page(Selection(runs=[run.row]), None, 9).jobs if job] == [key(1), key(2), FINISH]
    await close(house)


async def test_who_waits_for_the_run_waits_for_it(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    await end(house, (1, 0))
    assert (OWNER, RUN) in house.desk.runs
    await end_finish(house)
    assert not house.desk.runs
    await close(house)


@pytest.mark.parametrize("last", [1, 2])
async def test_a_restart_neither_loses_nor_doubles_it(house: House, last: int) -> None:
    await house.accept(asked(1), asked(2), batch=BATCH)
    await end(house, (3 - last, 1))
    house.engine.known = [started(last)]
    await house.restart()
    await end(house, (last, 0))
    assert launches(house) == 1
    house.engine.known = [Started(AttemptKey(*FINISH, 1), 99, 4_000_000)]
    await house.restart()
    await settle(house)
    assert launches(house) == 0
    await end_finish(house)
    house.engine.known = []
    await house.restart()
    await settle(house)
    assert not house.live
    assert launches(house) == 0
    assert told(house)["FAILED"] == "1"
    await close(house)


async def test_an_end_that_is_found_at_the_start_of_the_desk_queues_it(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    house.engine.known = [ended(1, 0)]
    await house.restart()
    await settle(house)
    assert told(house)["OUTCOME"] == "ok"
    await close(house)


async def test_its_failure_changes_nothing_about_the_run(house: House) -> None:
    await house.accept(asked(1), batch=BatchRun(RUN, "n", 0, OnFailure.STOP_REST, on_finish=BATCH.on_finish))
    await end(house, (1, 0))
    await end_finish(house, 7)
    await house.accept(asked(2), batch=BATCH)
    run = house.lookup.run(OWNER, RUN, "")
    assert run is not None
    assert (run.jobs, run.ok, run.failed) == (2, 1, 0)
    assert not house.state.broken
    assert not run.batch.broken_by
    await close(house)


async def test_it_runs_though_the_rest_of_its_run_was_cancelled(house: House) -> None:
    await house.accept(*map(asked, range(1, 9)), batch=BatchRun(RUN, "n", 1, OnFailure.STOP_REST, on_finish=BATCH.on_finish))
    await end(house, (1, 3))
    assert launches(house) == 1
    assert told(house) == {"NAME": "n", "OUTCOME": "failed", "JOBS": "8", "OK": "0", "FAILED": "1", "CANCELLED": "7"}
    await close(house)


async def test_it_runs_after_a_stop_of_the_run_and_is_told_of_that(house: House) -> None:
    taken = await house.accept(asked(1), asked(2), batch=BATCH)
    house.stop(*taken.jobs)
    await end(house, (1, 0), (2, 0))
    assert told(house)["OUTCOME"] == "stopped"
    found = finish(house)
    assert found is not None
    house.stop(found, order=SOMEBODYS)
    await settle(house)
    assert any(effect[:2] == ("end", AttemptKey(*FINISH, 1)) for effect in house.engine.effects)
    await close(house)


async def test_jobs_that_are_added_later_do_not_queue_it_again(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    await end(house, (1, 0))
    await house.accept(asked(2), batch=BATCH)
    await end_finish(house)
    await end(house, (2, 0))
    assert launches(house) == 1
    assert told(house)["JOBS"] == "1"
    house.engine.known = []
    await house.restart()
    assert not house.live
    assert launches(house) == 0
    await close(house)


async def test_jobs_on_their_way_to_the_store_delay_it(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    results: list[Accepted | Refused] = []
    house.desk.accept(OWNER, [asked(2)], BATCH, b"proof", results.append)
    house.desk.hear([started(1), ended(1)])
    await settle(house)
    assert isinstance(results[0], Accepted)
    assert finish(house) is None
    await end(house, (2, 1))
    assert told(house)["JOBS"] == "2"
    await close(house)


async def test_a_start_that_is_refused_delays_it_no_longer(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    results: list[Accepted | Refused] = []
    house.shortage = lambda: Refused(Code.RESOURCE_EXHAUSTED, "full")
    house.desk.accept(OWNER, [asked(2)], BATCH, b"proof", results.append)
    house.desk.hear([started(1), ended(1)])
    await settle(house)
    assert isinstance(results[0], Refused)
    assert told(house)["JOBS"] == "1"
    await close(house)


async def forget(house: House, *keys: JobKey) -> None:
    done: list[object] = []
    Forgetting(house.store, house.engine).forget(keys, done.append)
    await settle(house)
    assert done


async def test_jobs_that_are_forgotten_stay_counted(house: House) -> None:
    await house.accept(asked(1), asked(2), batch=BATCH)
    await end(house, (1, 1))
    await forget(house, key(1))
    house.engine.known = [started(2)]
    await house.restart()
    await end(house, (2, 0))
    assert told(house) == {"NAME": "nightly", "OUTCOME": "failed", "JOBS": "2", "OK": "1", "FAILED": "1", "CANCELLED": "0"}
    await close(house)


async def test_it_keeps_its_run_and_its_proof_until_it_is_forgotten(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    await end(house, (1, 0))
    await end_finish(house)
    await forget(house, key(1))
    run = house.lookup.run(OWNER, RUN, "")
    assert run is not None
    assert run.jobs == 0
    assert house.store.read("SELECT count(*) FROM proofs") == [(1,)]
    await forget(house, FINISH)
    assert house.lookup.run(OWNER, RUN, "") is None
    assert house.store.read("SELECT count(*) FROM proofs") == [(0,)]
    # The same run again starts nothing that ran.
    await house.accept(asked(3), batch=BATCH)
    await end(house, (3, 0))
    assert finish(house) is None
    assert not house.state.held_bytes
    await close(house)


async def test_it_is_no_part_of_what_others_wait_for(house: House) -> None:
    await house.accept(asked(1), batch=BATCH)
    await end(house, (1, 0))
    spec = JobSpec((b"true",), after=(After(Condition.OK, run=RUN),))
    await house.accept(Asked(b"\x05" * 16, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()))
    await settle(house)
    assert ("start", AttemptKey(OWNER, b"\x05" * 16, 1)) in house.engine.effects
    await close(house)

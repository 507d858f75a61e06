"""Schedules of batches: each time starts a run with all of its jobs, once, and the run is what counts as unfinished."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from desk_house import OWNER, House
from staged_batches import ask, hash_of, job_id, new_job, refusal, stage

from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import RunKey
from jobwire.broker.store.rows.batches import template_rows
from jobwire.keys.members.limits import EVERYBODYS, Limits
from jobwire.keys.members.rights import Member
from jobwire.schemas.batches.parts import split
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id, scheduled_job_id
from jobwire.schemas.refusal import Code, Reason

MINUTE_US = 60_000_000
ID, BATCH = b"s" * 16, b"b" * 16
AFTER_FIRST = job_pb2.After(condition=job_pb2.CONDITION_OK, job=job_id(0))
# The second one waits for the first, and the third for all that are called "x".
JOBS = [
    new_job(0, name="x"),
    new_job(1, after=[AFTER_FIRST]),
    new_job(2, after=[job_pb2.After(condition=job_pb2.CONDITION_ANY, run=BATCH, name="x")]),
]


def run_of(minute: int) -> bytes:
    return uuid.uuid5(uuid.UUID(bytes=ID), str(minute * MINUTE_US)).bytes


def of_run(minute: int, number: int) -> AttemptKey:
    return AttemptKey(OWNER, scheduled_job_id(run_of(minute), job_id(number)), 1)


def adding(jobs: list[request_pb2.NewJob], **changed: Any) -> request_pb2.AddSchedule:
    about = changed.pop("about", {})
    batch = job_pb2.Batch(id=BATCH, **about)
    return request_pb2.AddSchedule(
        **{"id": ID, "name": "tick", "batch": batch, "parts": [hash_of(jobs)], "cron": "* * * * *", "zone": "UTC", **changed}
    )


async def add(house: House, jobs: list[request_pb2.NewJob] = JOBS, **changed: Any) -> request_pb2.ScheduleInfo:
    await stage(house, 0, jobs, BATCH, for_schedule=True)
    wanted = adding(jobs, **changed)
    return (await ask(house, add_schedule=wanted, proof=enveloped(add_schedule=wanted))).query_schedule.schedule


def enveloped(**verb: Any) -> bytes:
    return request_pb2.Envelope(request=request_pb2.Request(id=1, **verb).SerializeToString()).SerializeToString()


async def show(house: House) -> request_pb2.ScheduleInfo:
    return (await ask(house, query_schedule=request_pb2.QuerySchedule(name="tick"))).query_schedule.schedule


async def pass_to(house: House, minute: float) -> None:
    house.now = round(minute * MINUTE_US)
    house.alarms["schedules", time.CLOCK_REALTIME].rang()
    await settle(house)


async def settle(house: House) -> None:
    for _ in range(6):
        await house.durable()


async def end(house: House, *keys: AttemptKey, status: int = 0) -> None:
    for key in keys:
        pid = int.from_bytes(key.id[:2], "big") + 1
        outcome = Outcome(OutcomeKind.EXITED, exit_status=status)
        house.desk.hear([Started(key, pid, house.now), Ended(key, pid, house.now, house.now + 1, outcome)])
        await settle(house)


def started(house: House) -> list[object]:
    found = [one for kind, one, *_ in house.engine.effects if kind == "start"]
    house.engine.effects.clear()
    return found


async def test_a_time_starts_a_run_whose_jobs_wait_for_each_other(house: House) -> None:
    info = await add(house)
    assert (info.batch.name, info.jobs, info.HasField("spec")) == ("tick", 3, False)
    assert house.state.staged == {}
    await pass_to(house, 1)
    assert started(house) == [of_run(1, 0)]
    await end(house, of_run(1, 0))
    assert started(house) == [of_run(1, 1), of_run(1, 2)]
    await end(house, of_run(1, 1), of_run(1, 2))
    run = (await show(house)).firings[0].run
    assert (run.batch.id, run.batch.name, run.ok, run.failed) == (run_of(1), "tick", 3, 0)
    started(house)


async def test_a_restart_at_any_moment_starts_each_job_once(house: House) -> None:
    await add(house)
    house.now = MINUTE_US
    house.alarms["schedules", time.CLOCK_REALTIME].rang()
    await house.durable()
    # The run is durable, and none of its jobs is in the queue.
    house.engine.effects.clear()
    await house.restart()
    await settle(house)
    assert started(house) == [of_run(1, 0)]
    await house.restart()
    started(house)
    house.set_by = -10 * MINUTE_US
    await pass_to(house, 1.5)
    assert started(house) == []
    await end(house, of_run(1, 0), of_run(1, 1), of_run(1, 2))
    assert (await show(house)).firings[0].run.ok == 3
    started(house)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_run_that_has_not_ended_lets_a_time_pass_until_its_on_finish_has(house: House, restarts: bool) -> None:  # noqa: FBT001 -- a parameter
    await add(house, JOBS[:1], about={"on_finish": job_pb2.JobSpec(argv=[b"notify"])})
    await pass_to(house, 1)
    if restarts:
        await house.restart()
    await pass_to(house, 2)
    await end(house, of_run(1, 0))
    await pass_to(house, 3)
    notes = [firing.note for firing in (await show(house)).firings]
    assert notes == ["skipped: the run of an earlier time had not ended"] * 2 + [""]
    await end(house, AttemptKey(OWNER, finish_job_id(run_of(1)), 1))
    await pass_to(house, 4)
    assert house.desk.has_run(RunKey(OWNER, run_of(4)))
    house.engine.effects.clear()


async def test_a_run_is_stopped_with_all_that_waits_before_the_next_one_starts(house: House) -> None:
    await add(house, overlap=request_pb2.OVERLAP_STOP)
    await pass_to(house, 1)
    assert started(house) == [of_run(1, 0)]
    await pass_to(house, 2)
    ended = {effect[:2] for effect in house.engine.effects}
    assert ended == {("settled", of_run(1, 1)), ("settled", of_run(1, 2)), ("end", of_run(1, 0))}
    house.engine.effects.clear()
    await house.restart()
    house.engine.effects.clear()
    await end(house, of_run(1, 0), status=1)
    assert started(house) == [of_run(2, 0)]


async def test_what_is_queued_starts_when_the_run_has_ended(house: House) -> None:
    await add(house, JOBS[:1], overlap=request_pb2.OVERLAP_QUEUE)
    await pass_to(house, 1)
    await pass_to(house, 2)
    started(house)
    await end(house, of_run(1, 0))
    assert started(house) == [of_run(2, 0)]


async def test_a_run_that_may_not_start_is_not_started_in_part(house: House) -> None:
    await add(house)
    house.limits = Limits(queued_jobs=2)
    await pass_to(house, 1)
    assert "would exceed the limit of 2" in (await show(house)).firings[0].note
    house.limits = EVERYBODYS
    house.members = {OWNER: Member("ada", OWNER, "viewer")}
    await pass_to(house, 2)
    assert (await show(house)).firings[0].note.startswith("not started: ")
    house.members = {}
    await pass_to(house, 3)
    assert "no longer on the worker's roster" in (await show(house)).firings[0].note
    house.engine.expect()
    assert house.state.staged == {}


async def test_what_can_never_fit_is_refused_when_it_is_added_and_when_it_is_due(house: House) -> None:
    refused = await refusal(stage(house, 0, [*JOBS, new_job(3, cpus=9)], BATCH, for_schedule=True))
    assert (refused.code, refused.job_index) == (Code.FAILED_PRECONDITION, 3)
    await add(house, [*JOBS, new_job(3, cpus=2)])
    house.state.queue.set_capacity(house.engine.capacity.__class__(1))
    await pass_to(house, 1)
    assert "a job of the batch can never start here" in (await show(house)).firings[0].note
    house.engine.expect()


async def test_by_hand_it_starts_a_run_with_a_given_id_once(house: House) -> None:
    await add(house)
    change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=ID), run_now=b"n" * 16)
    for _ in range(2):
        await ask(house, change_schedule=change, proof=enveloped(change_schedule=change))
        await settle(house)
    first = JobKey(OWNER, scheduled_job_id(b"n" * 16, job_id(0)))
    assert started(house) == [AttemptKey(*first, 1)]
    assert [firing.job for firing in (await show(house)).firings] == [b"n" * 16]
    shown = (await ask(house, query_proof=request_pb2.QueryProof(key=job_pb2.JobKey(id=first.id)))).proof
    assert (shown.start, request_pb2.NewJob.FromString(shown.staged_job).id) == (enveloped(change_schedule=change), job_id(0))


async def test_each_job_of_a_run_is_proven_by_its_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [[new_job(0)], [new_job(1), new_job(2)], [new_job(3)]]
    for number, jobs in enumerate(parts):
        await stage(house, number, jobs, BATCH, for_schedule=True)
    wanted = adding([], parts=map(hash_of, parts), about={"on_finish": job_pb2.JobSpec(argv=[b"notify"])})
    await ask(house, add_schedule=wanted, proof=enveloped(add_schedule=wanted))
    await pass_to(house, 1)
    looked: list[bytes] = []
    monkeypatch.setattr(template_rows, "split", lambda content: [looked.append(content), *split(content)][1:])

    async def proven(job: bytes) -> bytes:
        shown = (await ask(house, query_proof=request_pb2.QueryProof(key=job_pb2.JobKey(id=job)))).proof
        return request_pb2.NewJob.FromString(shown.staged_job).id

    for number in range(4):
        assert await proven(of_run(1, number).id) == job_id(number)
    assert len(looked) == 4, "one part for each"
    await end(house, *(of_run(1, number) for number in range(4)))
    assert await proven(finish_job_id(run_of(1))) == b""
    assert len(looked) == 4
    await ask(house, forget=request_pb2.Forget(keys=[job_pb2.JobKey(id=of_run(1, 3).id)]))
    for number in range(3):
        assert await proven(of_run(1, number).id) == job_id(number)
    house.engine.effects.clear()


async def test_a_batch_goes_with_its_schedule_and_not_before_its_runs(house: House) -> None:
    await add(house, JOBS[:1])
    await pass_to(house, 1)
    await end(house, of_run(1, 0))
    await ask(house, change_schedule=request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=ID), remove=True))
    await settle(house)
    assert (await ask(house, query_proof=request_pb2.QueryProof(key=job_pb2.JobKey(id=of_run(1, 0).id)))).proof.staged_job
    await ask(house, forget=request_pb2.Forget(keys=[job_pb2.JobKey(id=of_run(1, 0).id)]))
    house.staging.drop_unused()
    await settle(house)
    for table in ("staged_runs", "staged_parts", "staged_ids", "proofs", "batches"):
        assert house.store.read(f"SELECT count(*) FROM {table}") == [(0,)], table
    house.engine.effects.clear()


async def test_a_batch_is_for_a_schedule_or_for_a_commit(house: House) -> None:
    await stage(house, 0, JOBS, BATCH, for_schedule=True)
    refused = await refusal(ask(house, commit=request_pb2.Commit(batch=job_pb2.Batch(id=BATCH), parts=[hash_of(JOBS)])))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.ID_TAKEN)
    await stage(house, 0, [new_job(9)], b"c" * 16)
    other = adding([new_job(9)], batch=job_pb2.Batch(id=b"c" * 16))
    assert (await refusal(ask(house, add_schedule=other))).reason is Reason.ID_TAKEN
    assert (await refusal(ask(house, add_schedule=adding([new_job(9)])))).reason is Reason.ID_TAKEN
    missing = adding(JOBS, parts=[hash_of(JOBS), hash_of([new_job(9)])])
    assert (await refusal(ask(house, add_schedule=missing))).reason is Reason.PART_MISSING
    both = adding(JOBS, spec=job_pb2.JobSpec(argv=[b"true"]))
    assert (await refusal(ask(house, add_schedule=both))).code is Code.INVALID_ARGUMENT
    await ask(house, add_schedule=adding(JOBS))
    # Repeated, it is the same one.
    assert (await stage(house, 0, JOBS, BATCH, for_schedule=True)).parts == 1
    assert (await ask(house, add_schedule=adding(JOBS))).query_schedule.schedule.jobs == 3
    assert (await refusal(ask(house, add_schedule=adding(JOBS, about={"parallel": 2})))).reason is Reason.ID_TAKEN


@pytest.mark.parametrize(
    "spec",
    [
        {"start_in_ms": 1},
        {"not_after_ms": 1},
        {"held": True},
        {"feed": True},
        {"after": [job_pb2.After(condition=job_pb2.CONDITION_OK, job=b"j" * 16)]},
    ],
)
async def test_a_job_that_no_schedule_can_start_again_is_refused(house: House, spec: dict[str, Any]) -> None:
    refused = await refusal(stage(house, 0, [new_job(0), new_job(1, **spec)], BATCH, for_schedule=True))
    assert (refused.code, refused.job_index) == (Code.INVALID_ARGUMENT, 1)


async def test_a_run_that_was_forgotten_is_not_started_again_with_its_id(house: House) -> None:
    await add(house, JOBS[:1])
    change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=ID), run_now=b"n" * 16)
    await ask(house, change_schedule=change, proof=enveloped(change_schedule=change))
    await settle(house)
    job = AttemptKey(OWNER, scheduled_job_id(b"n" * 16, job_id(0)), 1)
    await end(house, job)
    await ask(house, forget=request_pb2.Forget(keys=[job_pb2.JobKey(id=job.id)]))
    refused = await refusal(ask(house, change_schedule=change, proof=enveloped(change_schedule=change)))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.FORGOTTEN)
    assert house.store.read("SELECT count(*) FROM batches") == [(0,)]
    house.engine.effects.clear()

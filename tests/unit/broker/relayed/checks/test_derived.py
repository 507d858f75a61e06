"""What follows from what a client has signed, as a worker checks it: a broker that is evil starts nothing else, and nothing twice."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from broker_house import NONCE, WorkerSide, started

from jobwire.client.protocol.proving import START_LASTS_US, prove
from jobwire.keys.identity import Identity, generate
from jobwire.keys.proofs.shown import Whole
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.spec_check import LONGEST_DURATION_MS
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id, scheduled_job_id
from jobwire.schemas.refusal import Code, Reason, Refused

BROKER = generate()
CLIENT = generate()
HELLO = request_pb2.HelloReply(nonce=NONCE, features=["roots"], kind="broker")
RUN = b"r" * 16
SCHEDULE = b"s" * 16
MINUTE_US = 60 * 1_000_000
SPEC = job_pb2.JobSpec(argv=[b"backup"])


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerSide]:
    made = WorkerSide(tmp_path / "worker", BROKER.public)
    # A whole minute.
    made.house.now = 30_000_000 * MINUTE_US
    yield made
    made.house.close()


def signed(worker: WorkerSide, by: Identity = CLIENT, **verb: Any) -> bytes:
    request = request_pb2.Request(id=1, **verb)
    raw = request.SerializeToString()
    proof = prove(by, BROKER.public, HELLO, request, raw, worker.house.now)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


def start(worker: WorkerSide, *, jobs: int = 1, **batch: Any) -> bytes:
    new = [request_pb2.NewJob(id=bytes([number + 1]) * 16, spec=job_pb2.JobSpec(argv=[b"true"])) for number in range(jobs)]
    return signed(worker, start=request_pb2.Start(jobs=new, batch=job_pb2.Batch(id=RUN, name="nightly", **batch)))


def schedule(worker: WorkerSide, **fields: Any) -> bytes:
    asked = request_pb2.AddSchedule(id=SCHEDULE, name="night", spec=SPEC, cron="*/5 * * * *", zone="UTC", from_us=worker.house.now)
    asked.MergeFrom(request_pb2.AddSchedule(**fields))
    return signed(worker, add_schedule=asked)


def deliver(worker: WorkerSide, raw: bytes, attempt: int = 1, **what: Any) -> request_pb2.Deliver:
    jobs = [request_pb2.Delivery(attempt=attempt, **what)]
    return request_pb2.Deliver(store=worker.house.store.id, digest=hashlib.sha256(raw).digest(), start=raw, jobs=jobs)


async def accepts(worker: WorkerSide, raw: bytes, **what: Any) -> bool:
    return not (await worker.ask(BROKER.public, deliver=deliver(worker, raw, **what))).deliver.not_accepted


async def refused(worker: WorkerSide, raw: bytes, **what: Any) -> Refused:
    found = await worker.refusal(BROKER.public, deliver=deliver(worker, raw, **what))
    assert worker.started == []
    return found


END = request_pb2.RunEnd(outcome="failed", ok=2, failed=1)
FINISH = AttemptKey(CLIENT.public, finish_job_id(RUN), 1)


async def test_what_a_run_ends_with_is_run_once_and_told_how_that_ended(worker: WorkerSide) -> None:
    raw = start(worker, on_finish=job_pb2.JobSpec(argv=[b"notify"], environment=[job_pb2.EnvironmentVariable(name=b"A", value=b"1")]))
    assert await accepts(worker, raw, finish=END)
    assert worker.started == [FINISH]
    job = worker.house.lookup.job(FINISH.job)
    assert job is not None
    found = dict(job.spec.environment)
    assert (job.spec.argv, job.spec.name, found[b"A"]) == ((b"notify",), "on_finish", b"1")
    assert (found[b"JOBWIRE_RUN_OUTCOME"], found[b"JOBWIRE_RUN_JOBS"], found[b"JOBWIRE_RUN_NAME"]) == (b"failed", b"3", b"nightly")
    # Again, and with another end: it is there, and is not started a second time.
    assert await accepts(worker, raw, finish=END)
    assert not await accepts(worker, raw, finish=request_pb2.RunEnd(outcome="ok", ok=3))
    assert worker.started == [FINISH]


async def test_what_a_run_ends_with_follows_from_any_part_of_a_large_start(worker: WorkerSide) -> None:
    raw = Whole(start(worker, jobs=3, on_finish=job_pb2.JobSpec(argv=[b"notify"]))).part([0])
    assert await accepts(worker, raw, finish=END)
    assert worker.started == [FINISH]


async def test_nothing_is_run_at_the_end_that_was_not_signed(worker: WorkerSide) -> None:
    assert (await refused(worker, start(worker), finish=END)).code is Code.PERMISSION_DENIED
    raw = start(worker, on_finish=job_pb2.JobSpec(argv=[b"notify"]))
    assert (await refused(worker, raw.replace(b"notify", b"evil!!"), finish=END)).code is Code.UNAUTHENTICATED
    assert (await refused(worker, raw, finish=request_pb2.RunEnd(outcome="$(evil)"))).code is Code.INVALID_ARGUMENT
    assert (await refused(worker, raw, finish=END, attempt=2)).code is Code.PERMISSION_DENIED
    worker.house.now += START_LASTS_US + LONGEST_DURATION_MS * 1000 + MINUTE_US
    assert (await refused(worker, raw, finish=END)).reason is Reason.EXPIRED


async def test_a_run_may_take_longer_than_its_start_is_good(worker: WorkerSide) -> None:
    raw = start(worker, on_finish=job_pb2.JobSpec(argv=[b"notify"]))
    worker.house.now += START_LASTS_US + LONGEST_DURATION_MS * 1000 - MINUTE_US
    assert await accepts(worker, raw, finish=END)
    worker.engine.effects.clear()


async def test_a_failure_stops_no_job_with_which_the_run_ends(worker: WorkerSide) -> None:
    raw = start(worker, on_finish=job_pb2.JobSpec(argv=[b"notify"]), on_failure=job_pb2.ON_FAILURE_STOP_REST)
    assert await accepts(worker, raw, finish=END)
    name = request_pb2.AttemptName(owner=FINISH.owner, id=FINISH.id, attempt=1)
    assert (await worker.refusal(BROKER.public, relay=request_pb2.Relay(job=name))).code is Code.PERMISSION_DENIED


def at(worker: WorkerSide, due_us: int) -> AttemptKey:
    return AttemptKey(CLIENT.public, uuid.uuid5(uuid.UUID(bytes=SCHEDULE), str(due_us)).bytes, 1)


async def test_a_schedule_starts_its_job_once_for_each_of_its_times(worker: WorkerSide) -> None:
    raw = schedule(worker)
    first, second = worker.house.now + 5 * MINUTE_US, worker.house.now + 10 * MINUTE_US
    worker.house.now = second + 1
    for due_us in (first, second, second):
        assert await accepts(worker, raw, due_us=due_us)
    assert worker.started == [at(worker, first), at(worker, second)]
    job = worker.house.lookup.job(at(worker, first).job)
    assert job is not None
    assert (job.spec.argv, job.spec.name) == ((b"backup",), "night")
    # What is there is never refused: the broker would place it anew.
    worker.house.now += START_LASTS_US * 2
    assert await accepts(worker, raw, due_us=first)


async def test_a_schedule_starts_nothing_for_other_times(worker: WorkerSide) -> None:
    raw, now = schedule(worker), worker.house.now
    worker.house.now += 20 * MINUTE_US
    refusals = {
        due_us: await refused(worker, raw, due_us=due_us)
        for due_us in (0, 1, now - 5 * MINUTE_US, now, now + 6 * MINUTE_US, now + 5 * MINUTE_US + 1, now + 30 * MINUTE_US, -1, 1 << 62)
    }
    codes = {due_us - now: one.code for due_us, one in refusals.items()}
    assert codes[-5 * MINUTE_US] is codes[0] is Code.PERMISSION_DENIED
    assert "is no time of the schedule night" in refusals[now + 6 * MINUTE_US].message
    assert "is no time of the schedule night" in refusals[now + 5 * MINUTE_US + 1].message
    assert "came before that" in refusals[now + 30 * MINUTE_US].message
    worker.house.now += START_LASTS_US
    assert (await refused(worker, raw, due_us=now + 15 * MINUTE_US)).reason is Reason.EXPIRED


async def test_an_altered_schedule_starts_nothing(worker: WorkerSide) -> None:
    raw, due_us = schedule(worker), worker.house.now + 5 * MINUTE_US
    worker.house.now = due_us
    for was, evil in ((b"backup", b"rm -rf"), (b"*/5 * * * *", b"*/1 * * * *")):
        assert (await refused(worker, raw.replace(was, evil), due_us=due_us)).code is Code.UNAUTHENTICATED
    request = request_pb2.AddSchedule(id=SCHEDULE, name="night", spec=SPEC, cron="*/5 * * * *", zone="UTC")
    no_beginning = signed(worker, add_schedule=request)
    assert (await refused(worker, no_beginning, due_us=due_us)).code is Code.PERMISSION_DENIED
    unknown = schedule(worker, zone="Nowhere/Else", from_us=due_us - 1)
    assert "does not understand the times" in (await refused(worker, unknown, due_us=due_us)).message


async def test_the_job_of_a_schedule_is_started_at_once_under_the_id_that_was_signed(worker: WorkerSide) -> None:
    key = job_pb2.JobKey(owner=CLIENT.public, id=SCHEDULE)
    raw = signed(worker, change_schedule=request_pb2.ChangeSchedule(key=key, run_now=b"n" * 16, spec=SPEC))
    name = AttemptKey(CLIENT.public, b"n" * 16, 1)
    assert await accepts(worker, raw)
    assert await accepts(worker, raw)
    assert worker.started == [name]
    worker.engine.effects.clear()
    for other in ({"paused": True}, {"remove": True}, {"run_now": b"m" * 16}, {"run_now": b"short", "spec": SPEC}):
        change = request_pb2.ChangeSchedule(key=key, **other)  # type: ignore[arg-type] # reason: each is one of its fields
        await refused(worker, signed(worker, change_schedule=change))


async def stop(worker: WorkerSide, name: AttemptKey, raw: bytes) -> request_pb2.Reply:
    said = request_pb2.AttemptName(owner=name.owner, id=name.id, attempt=name.attempt)
    return await worker.ask(BROKER.public, relay=request_pb2.Relay(job=said, request=raw))


async def test_a_schedule_stops_only_its_own_jobs_and_only_if_that_was_signed(worker: WorkerSide) -> None:
    stops, skips = schedule(worker, overlap=request_pb2.OVERLAP_STOP), schedule(worker, id=b"k" * 16)
    due_us = worker.house.now + 5 * MINUTE_US
    worker.house.now = due_us
    assert await accepts(worker, stops, due_us=due_us)
    assert await accepts(worker, skips, due_us=due_us)
    mine = at(worker, due_us)
    other = AttemptKey(CLIENT.public, uuid.uuid5(uuid.UUID(bytes=b"k" * 16), str(due_us)).bytes, 1)
    await worker.happen(started(mine, 101), started(other, 102))
    for name, raw in ((other, stops), (other, skips), (mine, skips)):
        assert (await stop(worker, name, raw)).HasField("refusal")
    assert worker.engine.effects == []
    assert not (await stop(worker, mine, stops)).HasField("refusal")
    assert [effect[0] for effect in worker.engine.effects] == ["end"]


async def test_a_later_attempt_is_not_good_for_ever_either(worker: WorkerSide) -> None:
    spec = job_pb2.JobSpec(argv=[b"true"], retry=job_pb2.Retry(max=2, delay_ms=1000))
    raw = signed(worker, start=request_pb2.Start(jobs=[request_pb2.NewJob(id=b"\1" * 16, spec=spec)]))
    worker.house.now += START_LASTS_US + 1_000_000
    assert await accepts(worker, raw, attempt=2)
    worker.house.now += 5_000_000
    worker.engine.effects.clear()
    assert (await refused(worker, raw, attempt=3)).reason is Reason.EXPIRED


def part(*numbers: int, argv: bytes = b"true") -> list[request_pb2.NewJob]:
    return [request_pb2.NewJob(id=bytes([number]) * 16, spec=job_pb2.JobSpec(argv=[argv])) for number in numbers]


def hashes(jobs: list[request_pb2.NewJob]) -> bytes:
    return b"".join(hash_of_job(job.id, job.spec.SerializeToString()) for job in jobs)


def commit(worker: WorkerSide, *parts: list[request_pb2.NewJob]) -> bytes:
    batch = job_pb2.Batch(id=RUN, name="large", on_finish=job_pb2.JobSpec(argv=[b"notify"]))
    return signed(worker, commit=request_pb2.Commit(batch=batch, parts=[hash_of_part([hashes(one)]) for one in parts]))


def bring(worker: WorkerSide, raw: bytes, number: int, job: request_pb2.NewJob, *shown: bytes) -> request_pb2.Deliver:
    found = deliver(worker, raw, index=number, staged_job=job.SerializeToString())
    found.hashes.extend(shown)
    return found


async def test_a_job_of_a_batch_in_parts_is_run_once_if_its_hash_was_signed(worker: WorkerSide) -> None:
    first, second = part(1, 2), part(3)
    raw = commit(worker, first, second)
    missing = await worker.refusal(BROKER.public, deliver=bring(worker, raw, 1, second[0], hashes(first)))
    assert missing.reason is Reason.START_MISSING
    for _ in range(2):
        answer = await worker.ask(BROKER.public, deliver=bring(worker, raw, 1, second[0], hashes(second)))
        assert not answer.deliver.not_accepted
    # The hashes are known from the first time.
    assert not (await worker.ask(BROKER.public, deliver=bring(worker, raw, 0, first[1]))).deliver.not_accepted
    assert worker.started == [AttemptKey(CLIENT.public, bytes([number]) * 16, 1) for number in (3, 2)]
    assert await accepts(worker, raw, finish=END)


async def test_another_job_than_those_whose_hashes_were_signed_is_not_run(worker: WorkerSide) -> None:
    first, second = part(1, 2), part(3)
    raw = commit(worker, first, second)
    (evil,) = part(1, argv=b"evil")
    own = hashes([evil])
    for number, job, shown in ((0, evil, hashes(first)), (1, first[0], hashes(second)), (0, evil, own), (2, evil, own)):
        refusal = await worker.refusal(BROKER.public, deliver=bring(worker, raw, number, job, shown))
        assert refusal.code in (Code.PERMISSION_DENIED, Code.FAILED_PRECONDITION, Code.INVALID_ARGUMENT)
    altered = raw.replace(hash_of_part([hashes(first)]), hash_of_part([hashes([evil])]))
    refusal = await worker.refusal(BROKER.public, deliver=bring(worker, altered, 0, evil, hashes([evil])))
    assert refusal.code is Code.UNAUTHENTICATED
    assert worker.started == []


def batch_schedule(worker: WorkerSide, *parts: list[request_pb2.NewJob]) -> bytes:
    batch = job_pb2.Batch(id=RUN, on_finish=job_pb2.JobSpec(argv=[b"notify"]))
    asked = request_pb2.AddSchedule(id=SCHEDULE, name="night", batch=batch, cron="*/5 * * * *", zone="UTC", from_us=worker.house.now)
    asked.parts.extend(hash_of_part([hashes(one)]) for one in parts)
    return signed(worker, add_schedule=asked)


def in_run(run: bytes, number: int) -> AttemptKey:
    return AttemptKey(CLIENT.public, scheduled_job_id(run, bytes([number]) * 16), 1)


async def test_each_time_of_a_schedule_has_jobs_of_its_own_made_of_those_that_were_staged(worker: WorkerSide) -> None:
    first, second = part(1, 2), part(3)
    raw = batch_schedule(worker, first, second)
    times = [worker.house.now + minutes * MINUTE_US for minutes in (5, 10)]
    worker.house.now = times[1]
    for due_us in (*times, times[1]):
        request = bring(worker, raw, 1, second[0], hashes(second))
        request.jobs[0].due_us = due_us
        assert not (await worker.ask(BROKER.public, deliver=request)).deliver.not_accepted
    runs = [at(worker, due_us).id for due_us in times]
    assert worker.started == [in_run(run, 3) for run in runs]
    assert await accepts(worker, raw, finish=END, due_us=times[0])
    assert worker.house.lookup.job(JobKey(CLIENT.public, finish_job_id(runs[0]))) is not None


async def test_a_run_of_a_schedule_may_take_longer_than_its_start_is_good_too(worker: WorkerSide) -> None:
    raw, due_us = batch_schedule(worker, part(1)), worker.house.now + 5 * MINUTE_US
    worker.house.now = due_us + START_LASTS_US + LONGEST_DURATION_MS * 1000
    assert await accepts(worker, raw, finish=END, due_us=due_us)
    worker.engine.effects.clear()
    worker.house.now += 5 * MINUTE_US + 1
    refusal = await refused(worker, raw, finish=END, due_us=due_us + 5 * MINUTE_US)
    assert (refusal.reason, "came more than 1030d later" in refusal.message) == (Reason.EXPIRED, True)


async def test_a_schedule_of_a_batch_starts_no_other_jobs_and_none_for_other_times(worker: WorkerSide) -> None:
    jobs = part(1, 2)
    raw, due_us = batch_schedule(worker, jobs), worker.house.now + 5 * MINUTE_US
    worker.house.now = due_us
    (evil,) = part(1, argv=b"evil")
    # Other jobs; no time; times that are none, or have not come.
    lies = [(evil, hashes(jobs), due_us), (evil, hashes([evil]), due_us), (jobs[0], hashes(jobs), 0)]
    lies += [(jobs[0], hashes(jobs), due_us + minutes * MINUTE_US) for minutes in (-5, 1, 10)]
    for job, shown, when in lies:
        request = bring(worker, raw, 0, job, shown)
        request.jobs[0].due_us = when
        refusal = await worker.refusal(BROKER.public, deliver=request)
        assert refusal.code in (Code.PERMISSION_DENIED, Code.FAILED_PRECONDITION)
    # Without a job, in no part, and what a run of no time ends with.
    for what in ({"due_us": due_us}, {"due_us": due_us, "index": 1}, {"finish": END}):
        await refused(worker, raw, **what)


async def test_a_batch_is_started_at_once_as_the_run_that_was_signed(worker: WorkerSide) -> None:
    jobs, run = part(1), b"n" * 16
    batch = job_pb2.Batch(id=RUN, name="night", on_finish=job_pb2.JobSpec(argv=[b"notify"]))
    change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=SCHEDULE), run_now=run, batch=batch, parts=[hash_of_part([hashes(jobs)])])
    raw = signed(worker, change_schedule=change)
    for _ in range(2):
        assert not (await worker.ask(BROKER.public, deliver=bring(worker, raw, 0, jobs[0], hashes(jobs)))).deliver.not_accepted
    assert await accepts(worker, raw, finish=END)
    assert worker.started == [in_run(run, 1), AttemptKey(CLIENT.public, finish_job_id(run), 1)]
    worker.engine.effects.clear()
    change.paused = True
    await worker.refusal(BROKER.public, deliver=bring(worker, signed(worker, change_schedule=change), 0, jobs[0], hashes(jobs)))
    assert worker.started == []

"""A schedule of a batch at a broker: workers check each job of its runs against the parts that were signed."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from broker_house import ended, signed, started
from joined_pair import JoinedPair
from staged_batches import ask, hash_of, job_id, new_job, refusal, stage

from jobwire.client.proofs.verification import Wanted, verify
from jobwire.keys.identity import generate
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id, scheduled_job_id
from jobwire.schemas.refusal import Code

MINUTE_US = 60_000_000
BEGIN_US = 30_000_000 * MINUTE_US
ID, BATCH, RUN = b"s" * 16, b"b" * 16, b"n" * 16
CLIENT = generate()
FIRST = job_pb2.After(condition=job_pb2.CONDITION_OK, job=job_id(0))
# In two parts; the last job waits for the first one.
PARTS = [[new_job(0, name="x"), new_job(1)], [new_job(2, after=[FIRST])]]


def run_at(minute: int) -> bytes:
    return uuid.uuid5(uuid.UUID(bytes=ID), str(BEGIN_US + minute * MINUTE_US)).bytes


def of_run(run: bytes, number: int) -> AttemptKey:
    return AttemptKey(CLIENT.public, scheduled_job_id(run, job_id(number)), 1)


class Lab(JoinedPair):
    """A broker with a schedule for each minute, and a worker."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CLIENT.public, slots=4)
        self.broker.house.now = self.worker.house.now = BEGIN_US

    async def ask(self, **verb: Any) -> request_pb2.Reply:
        proof = signed(CLIENT, self.broker.identity.public, request_pb2.Request(**verb))
        return await ask(self.broker.house, owner=CLIENT.public, proof=proof, **verb)

    async def add(self, **changed: Any) -> None:
        for number, jobs in enumerate(PARTS):
            await stage(self.broker.house, number, jobs, BATCH, for_schedule=True, owner=CLIENT.public)
        self.batch = job_pb2.Batch(id=BATCH, on_finish=job_pb2.JobSpec(argv=[b"notify"]), **changed.pop("about", {}))
        self.parts = [hash_of(jobs) for jobs in PARTS]
        wanted = {"id": ID, "name": "tick", "cron": "* * * * *", "zone": "UTC", "from_us": BEGIN_US, "batch": self.batch}
        await self.ask(add_schedule=request_pb2.AddSchedule(**{**wanted, "parts": self.parts, **changed}))

    async def run_now(self, **what: Any) -> None:
        change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=ID), run_now=RUN, **what)
        await self.ask(change_schedule=change)
        await self.broker.durable()

    async def pass_to(self, minute: int) -> bytes:
        """Let a time come; return the run for it."""
        self.broker.house.now = self.worker.house.now = BEGIN_US + minute * MINUTE_US
        self.broker.house.alarms["schedules", time.CLOCK_REALTIME].rang()
        await self.broker.durable()
        await self.broker.durable()
        return run_at(minute)

    async def end(self, *keys: AttemptKey, status: int = 0) -> None:
        facts = [fact for pid, key in enumerate(keys, 101) for fact in (started(key, pid), ended(key, status, pid))]
        await self.worker.happen(*facts)
        await self.broker.durable()

    def environment(self, key: AttemptKey) -> Mapping[bytes, bytes]:
        job = self.worker.house.lookup.job(key.job)
        assert job is not None
        return dict(job.spec.environment)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async for made in Lab(tmp_path).connected():
        yield made


async def test_each_time_runs_all_jobs_and_what_the_run_ends_with_once_whoever_is_restarted(lab: Lab) -> None:
    await lab.add()
    run = await lab.pass_to(1)
    assert lab.worker.started == [of_run(run, 0), of_run(run, 1)]
    lab.wire.cut()
    await lab.broker.restart()
    await lab.broker.house.staging.recover()
    lab.broker.house.timetable.open()
    lab.wire.up()
    await lab.broker.durable()
    assert lab.worker.started == [of_run(run, 0), of_run(run, 1)]
    await lab.end(of_run(run, 0), of_run(run, 1))
    assert lab.worker.started == [of_run(run, 2)]
    finish = AttemptKey(CLIENT.public, finish_job_id(run), 1)
    await lab.end(of_run(run, 2))
    assert lab.worker.started == [finish]
    told = lab.environment(finish)
    assert (told[b"JOBWIRE_RUN_OUTCOME"], told[b"JOBWIRE_RUN_OK"], told[b"JOBWIRE_RUN_NAME"]) == (b"ok", b"3", b"tick")
    await lab.end(finish)
    following = await lab.pass_to(2)
    assert lab.worker.started == [of_run(following, 0), of_run(following, 1)]


async def test_what_each_job_of_a_run_was_is_proven_from_end_to_end(lab: Lab) -> None:
    await lab.add()
    run = await lab.pass_to(1)
    await lab.end(of_run(run, 0), of_run(run, 1))
    await lab.end(of_run(run, 2))
    for key in (of_run(run, 0).job, of_run(run, 2).job, JobKey(CLIENT.public, finish_job_id(run))):
        shown = (await lab.ask(query_proof=request_pb2.QueryProof(key=job_pb2.JobKey(id=key.id)))).proof
        verdict = verify(shown, Wanted(signer=CLIENT.public, audience=lab.broker.identity.public))
        assert verdict.asked is not None
        assert verdict.holds


async def test_a_run_is_started_at_once_if_what_it_is_was_signed_again(lab: Lab) -> None:
    await lab.add(cron="@yearly")
    named = job_pb2.Batch()
    named.CopyFrom(lab.batch)
    named.name = "tick"
    evil = job_pb2.Batch()
    evil.CopyFrom(named)
    evil.on_finish.argv[0] = b"evil"
    for what in ({}, {"spec": job_pb2.JobSpec(argv=[b"true"])}):
        assert (await refusal(lab.run_now(**what))).code is Code.UNIMPLEMENTED
    for what in ({"batch": named}, {"batch": evil, "parts": lab.parts}, {"batch": named, "parts": lab.parts[:1]}):
        assert (await refusal(lab.run_now(**what))).code is Code.INVALID_ARGUMENT
    for _ in range(2):
        await lab.run_now(batch=named, parts=lab.parts)
    assert lab.worker.started == [of_run(RUN, 0), of_run(RUN, 1)]
    await lab.end(of_run(RUN, 0), of_run(RUN, 1))
    shown = (await lab.ask(query_proof=request_pb2.QueryProof(key=job_pb2.JobKey(id=of_run(RUN, 0).id)))).proof
    asked = verify(shown, Wanted(signer=CLIENT.public)).asked
    assert asked is not None
    assert asked.spec == PARTS[0][0].spec
    await lab.end(of_run(RUN, 2))
    assert lab.worker.started == [AttemptKey(CLIENT.public, finish_job_id(RUN), 1)]


async def test_a_failure_stops_the_rest_of_its_run_and_a_new_run_the_one_before(lab: Lab) -> None:
    await lab.add(about={"on_failure": job_pb2.ON_FAILURE_STOP_REST}, overlap=request_pb2.OVERLAP_STOP)
    run = await lab.pass_to(1)
    await lab.worker.happen(started(of_run(run, 1), 105))
    await lab.end(of_run(run, 0), status=1)
    assert [effect[:2] for effect in lab.worker.engine.effects if effect[0] == "end"] == [("end", of_run(run, 1))]
    await lab.end(of_run(run, 1), status=1)
    await lab.end(AttemptKey(CLIENT.public, finish_job_id(run), 1))
    following = await lab.pass_to(2)
    await lab.worker.happen(*(started(of_run(following, number), 105 + number) for number in range(2)))
    await lab.broker.durable()
    await lab.pass_to(3)
    stopped = [effect[1] for effect in lab.worker.engine.effects if effect[0] == "end"]
    assert stopped == [of_run(following, 0), of_run(following, 1)]


async def test_a_stop_of_a_run_reaches_its_jobs_at_workers(lab: Lab) -> None:
    await lab.add()
    run = await lab.pass_to(1)
    await lab.worker.happen(started(of_run(run, 0), 101), started(of_run(run, 1), 102))
    await lab.broker.durable()
    await lab.ask(stop=request_pb2.Stop(selection=request_pb2.Selection(batch=run)))
    await lab.broker.durable()
    assert {effect[1] for effect in lab.worker.engine.effects if effect[0] == "end"} == {of_run(run, 0), of_run(run, 1)}


async def test_a_worker_that_is_too_old_for_it_is_named_and_gets_nothing(lab: Lab) -> None:
    await lab.add()
    lab.broker.engine.workers.get(lab.worker.identity.public).features -= {"relayed_batch_schedules"}
    run = await lab.pass_to(1)
    assert lab.worker.started == []
    job = lab.broker.house.lookup.job(of_run(run, 0).job)
    assert job is not None
    assert "is older than this kind of request" in lab.broker.house.desk.why_waiting(job)

"""Until when what a client has signed is good, and that a broker can repeat none of it, also after a restart of the worker."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import NONCE, WorkerSide, started

from jobwire.client.protocol.proving import ORDER_LASTS_US, START_LASTS_US, prove
from jobwire.keys.identity import generate
from jobwire.keys.proofs.shown import Whole
from jobwire.schemas.frames import MOST_KEYS_OF_A_KEPT_REQUEST
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Reason, Refused

BROKER = generate()
CLIENT = generate()
HELLO = request_pb2.HelloReply(nonce=NONCE, features=["roots"], kind="broker")
NAME = AttemptKey(CLIENT.public, b"\1" * 16, 1)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerSide]:
    made = WorkerSide(tmp_path / "worker", BROKER.public)
    yield made
    made.house.close()


def signed(worker: WorkerSide, request: request_pb2.Request) -> bytes:
    """Return a request as a client signs it now for a broker."""
    request.id = 1
    raw = request.SerializeToString()
    proof = prove(CLIENT, BROKER.public, HELLO, request, raw, worker.house.now)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


def start(worker: WorkerSide, *numbers: int) -> bytes:
    spec = job_pb2.JobSpec(argv=[b"true"])
    jobs = [request_pb2.NewJob(id=bytes([number]) * 16, spec=spec) for number in numbers]
    return signed(worker, request_pb2.Request(start=request_pb2.Start(jobs=jobs)))


def deliver(worker: WorkerSide, raw: bytes, index: int = 0) -> request_pb2.Deliver:
    jobs = [request_pb2.Delivery(index=index, attempt=1)]
    return request_pb2.Deliver(store=worker.house.store.id, digest=hashlib.sha256(raw).digest(), start=raw, jobs=jobs)


async def ask(worker: WorkerSide, raw: bytes) -> request_pb2.Reply:
    said = request_pb2.AttemptName(owner=NAME.owner, id=NAME.id, attempt=1)
    return await worker.ask(BROKER.public, relay=request_pb2.Relay(job=said, request=raw))


async def refused(worker: WorkerSide, raw: bytes) -> Refused:
    said = request_pb2.AttemptName(owner=NAME.owner, id=NAME.id, attempt=1)
    return await worker.refusal(BROKER.public, relay=request_pb2.Relay(job=said, request=raw))


async def test_a_start_that_comes_too_late_is_refused(worker: WorkerSide) -> None:
    raw = start(worker, 1)
    worker.house.now += START_LASTS_US + 1_000_000
    assert (await worker.refusal(BROKER.public, deliver=deliver(worker, raw))).reason is Reason.EXPIRED
    assert worker.started == []


async def test_a_job_that_came_in_time_is_known_whenever_it_is_delivered_again(worker: WorkerSide) -> None:
    raw = start(worker, 1)
    await worker.ask(BROKER.public, deliver=deliver(worker, raw))
    worker.house.now += START_LASTS_US + 1_000_000
    assert not (await worker.ask(BROKER.public, deliver=deliver(worker, raw))).deliver.not_accepted
    assert worker.started == [NAME]


async def test_one_job_of_many_is_run_without_the_others(worker: WorkerSide) -> None:
    whole = start(worker, 3, 2, 1)
    raw = Whole(whole).part([2])
    assert b"\3" * 16 not in raw
    assert not (await worker.ask(BROKER.public, deliver=deliver(worker, raw))).deliver.not_accepted
    # Delivered again with all the others, it is the same job.
    assert not (await worker.ask(BROKER.public, deliver=deliver(worker, whole, 2))).deliver.not_accepted
    assert worker.started == [NAME]


async def test_a_signal_is_not_repeated_after_a_restart_and_refused_when_it_is_too_old(worker: WorkerSide) -> None:
    await worker.ask(BROKER.public, deliver=deliver(worker, start(worker, 1)))
    await worker.happen(started(NAME))
    signal = request_pb2.Signal(key=job_pb2.JobKey(owner=NAME.owner, id=NAME.id), signal=10)
    raw = signed(worker, request_pb2.Request(signal=signal))
    assert (await ask(worker, raw)).HasField("done")
    assert worker.engine.effects == [("signal", NAME, 10)]
    await worker.restart()
    await worker.happen(started(NAME))
    assert (await ask(worker, raw)).HasField("done")
    assert worker.engine.effects == []
    worker.house.now += ORDER_LASTS_US + 1_000_000
    assert (await refused(worker, raw)).reason is Reason.EXPIRED
    assert worker.engine.effects == []


async def test_a_stop_that_was_signed_when_a_request_could_name_more_jobs_is_carried_out(worker: WorkerSide) -> None:
    raw = start(worker, 1)
    await worker.ask(BROKER.public, deliver=deliver(worker, raw))
    key = job_pb2.JobKey(owner=NAME.owner, id=NAME.id)
    asked = [
        request_pb2.Request(stop=request_pb2.Stop(keys=[key] * many))
        for many in (MOST_KEYS_OF_A_KEPT_REQUEST, MOST_KEYS_OF_A_KEPT_REQUEST + 1)
    ]
    assert (await ask(worker, signed(worker, asked[0]))).HasField("done")
    assert worker.engine.effects
    assert (await refused(worker, signed(worker, asked[1]))).code is Code.INVALID_ARGUMENT

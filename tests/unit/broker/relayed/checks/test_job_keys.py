"""The keys of jobs, as a worker checks what they have signed: a broker can make a key, and nobody who speaks for it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from broker_house import NONCE, WorkerSide, started

from jobwire.broker.relayed.checks.signed import read_start
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs.delegation import delegate
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Reason, Refused

BROKER, CLIENT, KEY = generate(), generate(), generate()
PARENT, CHILD, STORE = b"p" * 16, b"c" * 16, b"s" * 16
NAME = AttemptKey(CLIENT.public, CHILD, 1)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerSide]:
    made = WorkerSide(tmp_path / "worker", BROKER.public)
    yield made
    made.house.close()


def signed(by: Identity, said: request_pb2.Delegation | None = None, **verb: Any) -> bytes:
    raw = request_pb2.Request(id=1, **verb).SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(by, BROKER.public, NONCE, raw), delegation=said).SerializeToString()


def start(by: Identity = KEY, said: request_pb2.Delegation | None = None, job: bytes = CHILD, **spec: Any) -> bytes:
    new = request_pb2.NewJob(id=job, spec=job_pb2.JobSpec(argv=[b"true"], **spec))
    return signed(by, said, start=request_pb2.Start(jobs=[new]))


def spoken(
    worker: Identity, owner: bytes = CLIENT.public, key: Identity = KEY, job: bytes = PARENT, attempt: int = 1
) -> request_pb2.Delegation:
    return delegate(worker, AttemptKey(owner, job, attempt), key, BROKER.public, STORE)


def parent(
    by: Identity = CLIENT, said: request_pb2.Delegation | None = None, job: bytes = PARENT, attempt: int = 1, **spec: Any
) -> request_pb2.ParentStart:
    return request_pb2.ParentStart(start=start(by, said, job=job, **spec), job=request_pb2.Delivery(attempt=attempt))


def bring(worker: WorkerSide, raw: bytes, shown: request_pb2.ParentStart | None = None) -> request_pb2.Deliver:
    jobs = [request_pb2.Delivery(attempt=1)]
    return request_pb2.Deliver(store=worker.house.store.id, digest=hashlib.sha256(raw).digest(), start=raw, jobs=jobs, parent=shown)


async def accepts(worker: WorkerSide, raw: bytes, shown: request_pb2.ParentStart | None = None) -> bool:
    return not (await worker.ask(BROKER.public, deliver=bring(worker, raw, shown))).deliver.not_accepted


async def refused(worker: WorkerSide, raw: bytes, shown: request_pb2.ParentStart | None = None) -> Refused:
    found = await worker.refusal(BROKER.public, deliver=bring(worker, raw, shown))
    assert worker.started == []
    return found


async def test_what_the_key_of_a_job_here_has_signed_is_run_for_the_owner_of_that_job(worker: WorkerSide) -> None:
    raw = start(said=spoken(worker.identity))
    for _ in range(2):
        assert await accepts(worker, raw)
    assert worker.started == [NAME]


async def test_a_key_that_the_broker_has_made_is_refused_whoever_speaks_for_it(worker: WorkerSide) -> None:
    for speaker in (generate(), BROKER, CLIENT, KEY):
        refusal = await refused(worker, start(said=spoken(speaker)), parent(may_submit=True))
        assert (refusal.code, refusal.reason) == (Code.PERMISSION_DENIED, Reason.NOT_ON_ROSTER)
    # What this worker has said is about another key, or owner; or it has not said it.
    others = [spoken(worker.identity, key=generate()), *(spoken(worker.identity) for _ in range(4))]
    others[1].owner = generate().public
    others[2].signature = others[3].possession = bytes(64)
    others[4].audience = generate().public
    for said in others:
        assert (await refused(worker, start(said=said))).code is Code.UNAUTHENTICATED
    # The statement does not let another key sign.
    assert (await refused(worker, start(BROKER, said=spoken(worker.identity)))).code is Code.UNAUTHENTICATED


async def test_another_worker_is_believed_if_the_roster_names_it_and_the_owner_has_signed_that_the_job_gets_a_key(
    worker: WorkerSide,
) -> None:
    other = generate()
    for role in ("submitter", "operator", "relay"):
        worker.members[other.public] = Member("lab2", other.public, role)
        assert (await refused(worker, start(said=spoken(other)), parent(may_submit=True))).reason is Reason.NOT_ON_ROSTER
    raw = start(said=spoken(other), name="x")
    worker.members[other.public] = Member("lab2", other.public, "worker")
    for shown in (None, parent(), parent(generate(), may_submit=True)):
        assert "has not signed that the job gets one" in (await refused(worker, raw, shown)).message
    assert (await refused(worker, raw, parent(said=spoken(other), by=KEY, may_submit=True))).code is Code.PERMISSION_DENIED
    forged = parent(may_submit=True)
    forged.start = forged.start.replace(b"true", b"evil")
    assert "has not signed that the job gets one" in (await refused(worker, raw, forged)).message
    assert await accepts(worker, raw, parent(may_submit=True))
    assert worker.started == [NAME]


def test_of_what_is_shown_beside_a_start_only_the_one_job_counts_whose_key_has_signed_it() -> None:
    acting = read_start(start(said=spoken(generate())), BROKER.public)
    for other in (parent(may_submit=True, job=CHILD), parent(generate(), may_submit=True), parent(may_submit=True, attempt=2)):
        with suppress(Refused):
            acting.show_parent(other, BROKER.public)
    assert acting.parents == set()
    acting.show_parent(parent(may_submit=True), BROKER.public)
    # Nothing is looked at any more, however much a broker shows; nor for a start that no key of a job has signed.
    acting.show_parent(request_pb2.ParentStart(start=b"?"), BROKER.public)
    assert acting.parents == {AttemptKey(CLIENT.public, PARENT, 1)}
    plain = read_start(start(CLIENT), BROKER.public)
    plain.show_parent(request_pb2.ParentStart(start=b"?"), BROKER.public)
    assert plain.parents == set()


async def test_a_job_whose_owner_may_run_nothing_here_starts_nothing_either(worker: WorkerSide) -> None:
    worker.members[CLIENT.public] = Member("ada", CLIENT.public, "viewer")
    assert (await refused(worker, start(said=spoken(worker.identity)))).reason is Reason.ROLE


async def test_the_key_stops_what_it_has_started_and_starts_no_schedule(worker: WorkerSide) -> None:
    said = spoken(worker.identity)
    assert await accepts(worker, start(said=said))
    await worker.happen(started(NAME))
    job = request_pb2.AttemptName(owner=CLIENT.public, id=CHILD, attempt=1)
    stop = request_pb2.Stop(keys=[job_pb2.JobKey(owner=CLIENT.public, id=CHILD)])
    for lie in (signed(KEY, stop=stop), signed(KEY, spoken(generate()), stop=stop), signed(BROKER, said, stop=stop)):
        assert (await worker.ask(BROKER.public, relay=request_pb2.Relay(job=job, request=lie))).HasField("refusal")
    assert worker.engine.effects == []
    request = request_pb2.Relay(job=job, request=signed(KEY, said, stop=stop))
    assert (await worker.ask(BROKER.public, relay=request)).HasField("done")
    assert [effect[:2] for effect in worker.engine.effects] == [("end", NAME)]
    schedule = request_pb2.AddSchedule(id=b"s" * 16, spec=job_pb2.JobSpec(argv=[b"true"]), cron="* * * * *", zone="UTC", from_us=1)
    raw = signed(KEY, said, add_schedule=schedule)
    assert (await worker.refusal(BROKER.public, deliver=bring(worker, raw))).code is Code.PERMISSION_DENIED
    assert worker.house.lookup.job(JobKey(CLIENT.public, CHILD)) is not None


async def stops(worker: WorkerSide, raw: bytes, job: bytes = CHILD) -> bool:
    name = request_pb2.AttemptName(owner=CLIENT.public, id=job, attempt=1)
    return (await worker.ask(BROKER.public, relay=request_pb2.Relay(job=name, request=raw))).HasField("done")


def stop_of(job: bytes, said: request_pb2.Delegation, by: Identity = KEY) -> bytes:
    return signed(by, said, stop=request_pb2.Stop(keys=[job_pb2.JobKey(owner=CLIENT.public, id=job)]))


async def test_the_key_stops_no_other_job_of_its_owner_whatever_a_broker_lets_it(worker: WorkerSide) -> None:
    said = spoken(worker.identity)
    another, others_child = b"a" * 16, b"e" * 16
    assert await accepts(worker, start(CLIENT, job=another))
    assert await accepts(worker, start(said=spoken(worker.identity, job=another), job=others_child))
    for job in (another, others_child):
        assert not await stops(worker, stop_of(job, said), job)
    assert [effect[0] for effect in worker.engine.effects] == ["start", "start"]
    # Itself, it stops.
    assert await stops(worker, stop_of(another, spoken(worker.identity, job=another)), another)


async def test_a_later_attempt_at_another_worker_stops_what_an_earlier_one_has_started_here(worker: WorkerSide) -> None:
    other, second = generate(), generate()
    assert await accepts(worker, start(said=spoken(worker.identity)))
    await worker.happen(started(NAME))
    later = stop_of(CHILD, spoken(other, key=second, attempt=2), second)
    assert not await stops(worker, later)
    worker.members[other.public] = Member("lab2", other.public, "worker")
    assert await stops(worker, later)
    assert [effect[:2] for effect in worker.engine.effects] == [("end", NAME)]

"""An evil broker: what it has altered, invented or repeated is not run, and a client's request does nothing else than it says."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from broker_house import WorkerSide, ended, signed, signed_start, started

from jobwire.broker.relayed.checks.signed import local_id
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.schemas.frames import refusal_from
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.naming import KNOWN_AS, AttemptKey, JobKey, format_id
from jobwire.schemas.refusal import Code, Reason, Refused

BROKER: Identity = generate()
CLIENT: Identity = generate()
OTHER: Identity = generate()


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerSide]:
    made = WorkerSide(tmp_path / "worker", BROKER.public)
    yield made
    made.house.close()


def delivery(worker: WorkerSide, raw: bytes, index: int = 0, attempt: int = 1, **fields: Any) -> request_pb2.Deliver:
    said = {"store": worker.house.store.id, "digest": hashlib.sha256(raw).digest(), "start": raw, **fields}
    return request_pb2.Deliver(jobs=[request_pb2.Delivery(index=index, attempt=attempt)], **said)


def name(number: int, attempt: int = 1) -> AttemptKey:
    return AttemptKey(CLIENT.public, bytes([number]) * 16, attempt)


async def test_what_a_client_has_signed_runs_once(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    for _ in range(3):
        answer = await worker.ask(BROKER.public, deliver=delivery(worker, raw))
        assert not answer.deliver.not_accepted
    assert worker.started == [name(1)]


async def refused(worker: WorkerSide, deliver: request_pb2.Deliver) -> Refused:
    found = await worker.refusal(BROKER.public, deliver=deliver)
    assert worker.started == []
    return found


async def test_an_altered_program_is_refused(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    assert b"true" in raw
    found = await refused(worker, delivery(worker, raw.replace(b"true", b"evil")))
    assert (found.code, found.message) == (Code.UNAUTHENTICATED, "the signature does not match the request")


async def test_a_start_that_was_signed_for_another_is_refused(worker: WorkerSide) -> None:
    found = await refused(worker, delivery(worker, signed_start(CLIENT, OTHER.public, 1)))
    assert found.code is Code.UNAUTHENTICATED


async def test_a_job_that_its_client_did_not_ask_for_is_refused(worker: WorkerSide) -> None:
    assert (await refused(worker, delivery(worker, signed_start(CLIENT, BROKER.public, 1), index=1))).code is Code.INVALID_ARGUMENT


async def test_an_attempt_that_its_client_did_not_ask_for_is_refused(worker: WorkerSide) -> None:
    assert (await refused(worker, delivery(worker, signed_start(CLIENT, BROKER.public, 1), attempt=2))).code is Code.PERMISSION_DENIED
    retried = signed_start(CLIENT, BROKER.public, 1, retry=RetryRule(1))
    assert (await refused(worker, delivery(worker, retried, attempt=3))).code is Code.PERMISSION_DENIED


async def test_an_attempt_knows_the_id_of_its_job_at_the_broker(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1, retry=RetryRule(1), environment=((b"OWN", b"1"),))
    for attempt, variables in ((1, {b"OWN": b"1"}), (2, {b"OWN": b"1", KNOWN_AS.encode(): format_id(name(1).id).encode()})):
        await worker.ask(BROKER.public, deliver=delivery(worker, raw, attempt=attempt))
        job = worker.house.lookup.job(JobKey(CLIENT.public, local_id(name(1).id, attempt)))
        assert job is not None
        assert dict(job.spec.environment) == variables


async def test_a_digest_that_is_not_that_of_the_start_is_refused(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    assert (await refused(worker, delivery(worker, raw, digest=bytes(32)))).code is Code.INVALID_ARGUMENT


async def test_a_start_that_was_not_delivered_is_asked_for(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    assert (await refused(worker, delivery(worker, raw, start=b""))).reason is Reason.START_MISSING


async def test_another_store_refuses_what_was_placed_on_the_one_before(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    assert (await refused(worker, delivery(worker, raw, store=bytes(16)))).reason is Reason.ANOTHER_STORE


async def test_without_a_vouch_only_members_of_the_worker_may_run_jobs(worker: WorkerSide) -> None:
    worker.members[BROKER.public] = Member("broker", BROKER.public, "relay")
    raw = signed_start(CLIENT, BROKER.public, 1)
    assert (await refused(worker, delivery(worker, raw))).code is Code.PERMISSION_DENIED
    worker.members[CLIENT.public] = Member("ada", CLIENT.public, "viewer")
    assert (await refused(worker, delivery(worker, raw))).code is Code.PERMISSION_DENIED
    worker.members[CLIENT.public] = Member("ada", CLIENT.public, "submitter")
    assert not (await worker.ask(BROKER.public, deliver=delivery(worker, raw))).deliver.not_accepted
    assert worker.started == [name(1)]


async def test_a_broker_cannot_sign_for_itself(worker: WorkerSide) -> None:
    assert (await refused(worker, delivery(worker, signed_start(BROKER, BROKER.public, 1)))).code is Code.PERMISSION_DENIED


async def test_who_is_no_relay_delivers_nothing(worker: WorkerSide) -> None:
    worker.members[OTHER.public] = Member("eve", OTHER.public, "admin")
    found = await worker.refusal(OTHER.public, deliver=delivery(worker, signed_start(CLIENT, OTHER.public, 1)))
    assert (found.code, worker.started) == (Code.PERMISSION_DENIED, [])


async def test_a_job_that_was_forgotten_does_not_run_again(worker: WorkerSide) -> None:
    raw = signed_start(CLIENT, BROKER.public, 1)
    await worker.ask(BROKER.public, deliver=delivery(worker, raw))
    await worker.happen(started(name(1)), ended(name(1)))
    said = request_pb2.AttemptName(owner=CLIENT.public, id=name(1).id, attempt=1)
    assert (await worker.ask(BROKER.public, discard=request_pb2.Discard(jobs=[said]))).HasField("done")
    worker.engine.effects.clear()
    assert (await refused(worker, delivery(worker, raw))).reason is Reason.FORGOTTEN


async def test_what_is_not_settled_is_not_forgotten(worker: WorkerSide) -> None:
    await worker.ask(BROKER.public, deliver=delivery(worker, signed_start(CLIENT, BROKER.public, 1)))
    await worker.happen(started(name(1)), ended(name(1)))
    worker.house.forgetting.forget([name(1).job], lambda _: None)
    await worker.house.durable()
    assert worker.house.lookup.job(name(1).job) is not None
    await worker.restart()
    worker.house.forgetting.forget([name(1).job], lambda _: None)
    await worker.house.durable()
    assert worker.house.lookup.job(name(1).job) is not None


async def test_the_id_of_a_job_of_somebody_here_is_taken(worker: WorkerSide) -> None:
    await worker.house.accept(*_own(1), owner=CLIENT.public)
    worker.engine.effects.clear()
    found = await refused(worker, delivery(worker, signed_start(CLIENT, BROKER.public, 1)))
    assert found.code is Code.ALREADY_EXISTS


def _own(number: int) -> list[Any]:
    from desk_house import asked  # noqa: PLC0415 -- only here

    return [asked(number)]


async def order(worker: WorkerSide, raw: bytes, number: int = 1) -> request_pb2.Reply:
    said = request_pb2.AttemptName(owner=CLIENT.public, id=name(number).id, attempt=1)
    return await worker.ask(BROKER.public, relay=request_pb2.Relay(job=said, request=raw))


def about(
    verb: str,
    number: int = 1,
    signer: Identity = CLIENT,
    audience: bytes = BROKER.public,
    limit_ms: int | None = None,
    number_of_request: int = 1,
) -> bytes:
    key = job_pb2.JobKey(owner=CLIENT.public, id=name(number).id)
    if verb == "change":
        change = request_pb2.Change(keys=[key], priority=1, time_limit_ms=limit_ms)
        return signed(signer, audience, request_pb2.Request(id=number_of_request, change=change))
    if verb == "signal":
        return signed(signer, audience, request_pb2.Request(signal=request_pb2.Signal(key=key, signal=10)))
    return signed(signer, audience, request_pb2.Request(stop=request_pb2.Stop(keys=[key])))


@pytest.fixture
async def running(worker: WorkerSide) -> WorkerSide:
    await worker.ask(BROKER.public, deliver=delivery(worker, signed_start(CLIENT, BROKER.public, 1)))
    await worker.happen(started(name(1)))
    return worker


@pytest.mark.parametrize(
    "raw",
    [
        about("stop", 2),
        about("stop", audience=OTHER.public),
        about("stop", signer=OTHER),
        about("stop", signer=BROKER),
        about("stop").replace(name(1).id, name(2).id),
        signed_start(CLIENT, BROKER.public, 1),
        b"",
        about("change"),
        about("change", signer=OTHER, limit_ms=1),
        about("change", signer=BROKER, limit_ms=1),
        about("change", 2, limit_ms=1),
    ],
    ids=[
        *("other job", "other audience", "other signer", "the broker", "altered", "no stop", "nothing"),
        *("no time limit", "limit of other signer", "limit of the broker", "limit of other job"),
    ],
)
async def test_a_stop_that_the_client_did_not_sign_does_nothing(running: WorkerSide, raw: bytes) -> None:
    answer = await order(running, raw)
    assert answer.HasField("refusal")
    assert running.engine.effects == []


async def test_a_signal_is_sent_once_however_often_the_broker_repeats_it(running: WorkerSide) -> None:
    raw = about("signal")
    for _ in range(3):
        assert (await order(running, raw)).HasField("done")
    assert running.engine.effects == [("signal", name(1), 10)]
    running.engine.effects.clear()


async def test_the_rest_of_a_run_is_stopped_only_if_its_client_wants_that(worker: WorkerSide) -> None:
    batch = job_pb2.Batch(id=b"r" * 16, name="nightly", on_failure=job_pb2.ON_FAILURE_STOP_REST)
    await worker.ask(BROKER.public, deliver=delivery(worker, signed_start(CLIENT, BROKER.public, 1, batch=batch)))
    await worker.happen(started(name(1)))
    assert (await order(worker, b"")).HasField("done")
    assert [effect[:2] for effect in worker.engine.effects] == [("end", name(1))]


async def test_a_time_limit_is_what_the_client_has_signed_last_and_a_priority_is_not_for_the_worker(running: WorkerSide) -> None:
    first = about("change", limit_ms=5000)
    for raw in (first, about("change", limit_ms=9000), first, about("change", limit_ms=5000, number_of_request=2)):
        assert (await order(running, raw)).HasField("done")
    assert running.engine.effects == [("limit", name(1), limit) for limit in (5000, 9000, 5000)]
    running.engine.effects.clear()


def placing(signer: Identity = CLIENT, number: int = 1) -> bytes:
    files = [job_pb2.JobFile(path=b"data", digest=b"d" * 32, size=4, mode=0o644, kind=job_pb2.FILE_KIND_FILE)]
    place = request_pb2.Place(key=job_pb2.JobKey(owner=CLIENT.public, id=name(number).id), files=files)
    return signed(signer, BROKER.public, request_pb2.Request(place=place))


async def test_files_are_put_into_a_folder_once_as_the_owner_has_signed(worker: WorkerSide) -> None:
    await worker.ask(BROKER.public, deliver=delivery(worker, signed_start(CLIENT, BROKER.public, 1, outputs=(b"out",))))
    await worker.happen(started(name(1)))
    for raw in (placing(OTHER), placing(BROKER), placing(number=2)):
        assert refusal_from((await order(worker, raw)).refusal).code is Code.PERMISSION_DENIED
    missing = refusal_from((await order(worker, placing())).refusal)
    assert (missing.reason, missing.missing) == (Reason.FILES_MISSING, (b"d" * 32,))
    assert worker.engine.depot.placed == []
    worker.engine.depot.contents.add((CLIENT.public, b"d" * 32))
    for _ in range(2):
        assert (await order(worker, placing())).HasField("done")
    (placed,) = worker.engine.depot.placed
    assert (placed.key, placed.sender, [file.path for file in placed.files]) == (name(1), CLIENT.public, [b"data"])

"""A worker that was removed from its broker stops jobs only if somebody who may has signed that for it, and none that came later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import WorkerSide, ended, signed, signed_start, started

from jobwire.broker.relayed.removal import read_removal
from jobwire.keys.digests import sha256
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused

BROKER: Identity = generate()
CLIENT: Identity = generate()
ADMIN: Identity = generate()
MINUTE_US = 60_000_000


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerSide]:
    made = WorkerSide(tmp_path / "worker", BROKER.public, slots=1)
    made.members[ADMIN.public] = Member("root", ADMIN.public, "operator")
    yield made
    made.house.close()


def name(number: int) -> AttemptKey:
    return AttemptKey(CLIENT.public, bytes([number]) * 16, 1)


def removal(worker: WorkerSide, by: Identity = ADMIN, *, later_us: int = 0, **fields: object) -> bytes:
    said = {"name": "lab", "declare_lost": True, "key": worker.identity.public, "asked_at_us": worker.house.now + later_us, **fields}
    return signed(by, BROKER.public, request_pb2.Request(remove_worker=request_pb2.RemoveWorker(**said)))  # type: ignore[arg-type]


async def deliver(worker: WorkerSide, *numbers: int) -> None:
    raw = signed_start(CLIENT, BROKER.public, *numbers)
    jobs = [request_pb2.Delivery(index=index, attempt=1) for index in range(len(numbers))]
    answer = await worker.ask(
        BROKER.public, deliver=request_pb2.Deliver(store=worker.house.store.id, digest=sha256(raw), start=raw, jobs=jobs)
    )
    assert not answer.deliver.not_accepted


async def run_two(worker: WorkerSide) -> None:
    """One job runs, and one waits."""
    await deliver(worker, 1, 2)
    await worker.happen(started(name(1)))
    assert (state(worker, 1), state(worker, 2)) == ("RUNNING", "QUEUED")


def state(worker: WorkerSide, number: int) -> str:
    job = worker.house.lookup.job(name(number).job)
    assert job is not None
    return job.state.name


def ends(worker: WorkerSide) -> list[object]:
    return [effect[1] for effect in worker.engine.effects if effect[0] == "end"]


async def show(worker: WorkerSide, raw: bytes) -> request_pb2.Reply:
    return await worker.ask(BROKER.public, removed=request_pb2.Removed(request=raw))


async def refused(worker: WorkerSide, raw: bytes) -> Refused:
    found = await worker.refusal(BROKER.public, removed=request_pb2.Removed(request=raw))
    assert (state(worker, 1), state(worker, 2), ends(worker)) == ("RUNNING", "QUEUED", [])
    return found


async def test_what_runs_is_stopped_and_what_waits_never_starts(worker: WorkerSide) -> None:
    await run_two(worker)
    assert (await show(worker, removal(worker))).done.jobs == 2
    assert (state(worker, 1), state(worker, 2), ends(worker)) == ("STOPPING", "FINISHED", [name(1)])
    # Told again over the next connection, it changes nothing.
    assert (await show(worker, removal(worker))).done.jobs == 1
    assert ends(worker) == [name(1)]
    await worker.happen(ended(name(1)))
    assert (await show(worker, removal(worker))).done.jobs == 0


async def test_it_is_not_forgotten_when_the_worker_is_killed(worker: WorkerSide) -> None:
    await run_two(worker)
    await show(worker, removal(worker))
    await worker.restart()
    assert (state(worker, 1), state(worker, 2)) == ("STOPPING", "FINISHED")


async def test_a_job_that_is_just_being_recorded_is_stopped_too(worker: WorkerSide) -> None:
    # Both arrive before the job is on the disk.
    _, answer = await asyncio.gather(deliver(worker, 1), show(worker, removal(worker)))
    assert answer.done.jobs == 1
    assert state(worker, 1) in ("FINISHED", "STOPPING")


async def test_nobody_but_who_may_stop_them_here_can_have_them_stopped(worker: WorkerSide) -> None:
    await run_two(worker)
    for liar in (BROKER, generate()):
        found = await refused(worker, removal(worker, liar))
        assert found.code is Code.PERMISSION_DENIED
        assert "2 of 2 jobs continue" in found.message
    worker.members[ADMIN.public] = Member("root", ADMIN.public, "submitter")
    assert "may not stop or signal jobs of others" in (await refused(worker, removal(worker))).message


async def test_what_was_signed_for_another_worker_or_another_broker_stops_nothing(worker: WorkerSide) -> None:
    await run_two(worker)
    assert "removes another worker" in (await refused(worker, removal(worker, key=generate().public))).message
    assert "removes another worker" in (await refused(worker, removal(worker, key=b""))).message
    raw = request_pb2.RemoveWorker(name="lab", declare_lost=True, key=worker.identity.public, asked_at_us=worker.house.now)
    elsewhere = signed(ADMIN, generate().public, request_pb2.Request(remove_worker=raw))
    assert (await refused(worker, elsewhere)).code is Code.UNAUTHENTICATED


async def test_what_was_altered_or_is_something_else_stops_nothing(worker: WorkerSide) -> None:
    await run_two(worker)
    envelope = request_pb2.Envelope.FromString(removal(worker, key=generate().public))
    request = request_pb2.Request.FromString(envelope.request)
    request.remove_worker.key = worker.identity.public
    envelope.request = request.SerializeToString()
    assert (await refused(worker, envelope.SerializeToString())).message == "the signature does not match the request"
    assert "removes no worker with jobs" in (await refused(worker, removal(worker, declare_lost=False))).message
    other = signed(ADMIN, BROKER.public, request_pb2.Request(change_worker=request_pb2.ChangeWorker(name="lab", drained=True)))
    assert "removes no worker with jobs" in (await refused(worker, other)).message


async def test_who_is_no_relay_shows_nothing(worker: WorkerSide) -> None:
    await run_two(worker)
    found = await worker.refusal(ADMIN.public, removed=request_pb2.Removed(request=removal(worker)))
    assert found.code is Code.PERMISSION_DENIED
    assert ends(worker) == []


async def test_jobs_that_came_after_the_removal_go_on(worker: WorkerSide) -> None:
    await run_two(worker)
    assert (await show(worker, removal(worker, later_us=-6 * MINUTE_US))).done.jobs == 0
    assert (state(worker, 1), ends(worker)) == ("RUNNING", [])
    # Clocks may differ by a little.
    assert (await show(worker, removal(worker, later_us=-4 * MINUTE_US))).done.jobs == 2


async def test_the_owner_of_a_job_may_have_its_own_stopped(worker: WorkerSide) -> None:
    await run_two(worker)
    assert (await show(worker, removal(worker, CLIENT))).done.jobs == 2


def test_a_key_that_is_the_beginning_of_ours_is_not_ours() -> None:
    own = generate().public
    said = request_pb2.RemoveWorker(declare_lost=True, key=own[:31])
    with pytest.raises(Refused, match="removes another worker"):
        read_removal(signed(ADMIN, BROKER.public, request_pb2.Request(remove_worker=said)), BROKER.public, own, 1)
    # One that a broker could keep for later, when the worker was let in again.
    said = request_pb2.RemoveWorker(declare_lost=True, key=own, asked_at_us=400_000_000)
    raw = signed(ADMIN, BROKER.public, request_pb2.Request(remove_worker=said))
    with pytest.raises(Refused, match="is dated 399 seconds after now"):
        read_removal(raw, BROKER.public, own, 1_000_000)
    assert read_removal(raw, BROKER.public, own, 100_000_000).upto_us == 700_000_000

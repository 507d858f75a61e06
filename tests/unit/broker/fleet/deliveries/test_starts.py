"""A large start is not sent to every worker: each gets the jobs that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from broker_house import NONCE, BrokerSide, Wire, WorkerSide

from jobwire.broker.desk.inputs import Accepted
from jobwire.broker.fleet.deliveries.starts import Start
from jobwire.broker.requests.asked_jobs import read_jobs
from jobwire.client.protocol.proving import prove
from jobwire.keys.identity import Identity, generate
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey


def signed(client: Identity, broker: BrokerSide, jobs: int) -> bytes:
    """Return the start of so many jobs, as a client of today sends it."""
    spec = job_pb2.JobSpec(argv=[b"true", b"x" * 100])
    start = request_pb2.Start(jobs=[request_pb2.NewJob(id=b"%016d" % number, spec=spec) for number in range(jobs)])
    request = request_pb2.Request(id=1, start=start)
    raw = request.SerializeToString()
    hello = request_pb2.HelloReply(nonce=NONCE, features=["roots"], kind="broker")
    proof = prove(client, broker.identity.public, hello, request, raw, broker.house.now)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


async def accepted(client: Identity, broker: BrokerSide, envelope: bytes) -> None:
    """Let the broker accept a start, and wait until nothing is under way."""
    jobs = list(read_jobs(request_pb2.Request.FromString(request_pb2.Envelope.FromString(envelope).request).start.jobs))
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    broker.house.desk.accept(client.public, jobs, None, envelope, done.set_result)
    assert isinstance(await done, Accepted)
    await broker.durable()


def close(*sides: BrokerSide | WorkerSide) -> None:
    for side in sides:
        side.house.close()


async def test_a_worker_gets_the_jobs_that_it_runs_and_not_the_others(tmp_path: Path) -> None:
    client, broker = generate(), BrokerSide(tmp_path / "broker")
    workers = [WorkerSide(tmp_path / f"worker{number}", broker.identity.public, slots=3) for number in range(2)]
    for worker in workers:
        Wire(broker, worker).up()
    await broker.durable()
    await accepted(client, broker, signed(client, broker, 1000))
    assert sorted(workers[0].started + workers[1].started) == [AttemptKey(client.public, b"%016d" % number, 1) for number in range(6)]
    for worker in workers:
        (kept,) = worker.house.store.read("SELECT length(envelope) FROM relayed_starts")
        assert kept[0] < 3 * 600
    close(broker, *workers)


async def test_a_small_start_goes_whole_to_the_first_workers_and_in_parts_to_the_others(tmp_path: Path) -> None:
    client, broker = generate(), BrokerSide(tmp_path / "broker")
    workers = [WorkerSide(tmp_path / f"worker{number}", broker.identity.public, slots=1) for number in range(6)]
    for worker in workers:
        Wire(broker, worker).up()
    await broker.durable()
    sent = signed(client, broker, 100)
    await accepted(client, broker, sent)
    sizes = sorted(worker.house.store.read("SELECT length(envelope) FROM relayed_starts")[0][0] for worker in workers)
    assert sizes[2:] == [len(sent)] * 4
    assert sizes[1] < 600
    close(broker, *workers)


@pytest.mark.parametrize("last", [False, True])
async def test_what_is_stopped_while_its_start_is_read_is_not_delivered(tmp_path: Path, *, last: bool) -> None:
    """Also in the turn in which it has been read: that the job did not run is told a moment later."""
    client, broker = generate(), BrokerSide(tmp_path / "broker")
    worker = WorkerSide(tmp_path / "worker", broker.identity.public, slots=3)
    Wire(broker, worker).up()
    await broker.durable()
    turns, spy = 0, broker.house.engine._deliveries._read_on  # type: ignore[attr-defined] # reason: it is that of a broker

    def read_on(start: Start, steps: Iterator[None]) -> None:
        nonlocal turns
        turns += 1
        is_read = next(steps, start) is start
        if is_read if last else turns == 2:
            key = AttemptKey(client.public, b"%016d" % 1, 1)
            broker.house.engine.end(key, 15, 0)
        spy(start, iter(()) if is_read else chain([None], steps))

    broker.house.engine._deliveries._read_on = read_on  # type: ignore[attr-defined] # reason: as above
    await accepted(client, broker, signed(client, broker, 3000))
    assert turns > 10
    # Another one has its slot.
    assert [name.id for name in worker.started] == [b"%016d" % number for number in (0, 2, 3)]
    close(broker, worker)

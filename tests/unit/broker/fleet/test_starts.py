"""A large start is not sent to every worker: each gets the jobs that it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from broker_house import NONCE, BrokerSide, Wire, WorkerSide

from jobwire.broker.desk.inputs import Accepted
from jobwire.broker.requests.start import read_jobs
from jobwire.client.protocol.proving import prove
from jobwire.keys.identity import generate
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey


async def test_a_worker_gets_the_jobs_that_it_runs_and_not_the_others(tmp_path: Path) -> None:
    client, broker = generate(), BrokerSide(tmp_path / "broker")
    workers = [WorkerSide(tmp_path / f"worker{number}", broker.identity.public, slots=3) for number in range(2)]
    for worker in workers:
        Wire(broker, worker).up()
    await broker.durable()
    spec = job_pb2.JobSpec(argv=[b"true", b"x" * 100])
    start = request_pb2.Start(jobs=[request_pb2.NewJob(id=b"%016d" % number, spec=spec) for number in range(1000)])
    request = request_pb2.Request(id=1, start=start)
    raw = request.SerializeToString()
    hello = request_pb2.HelloReply(nonce=NONCE, features=["roots"], kind="broker")
    proof = prove(client, broker.identity.public, hello, request, raw, broker.house.now)
    envelope = request_pb2.Envelope(request=raw, proof=proof).SerializeToString()
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    broker.house.desk.accept(client.public, list(read_jobs(start.jobs)), None, envelope, done.set_result)
    assert isinstance(await done, Accepted)
    await broker.durable()
    assert sorted(workers[0].started + workers[1].started) == [AttemptKey(client.public, b"%016d" % number, 1) for number in range(6)]
    for worker in workers:
        (kept,) = worker.house.store.read("SELECT length(envelope) FROM relayed_starts")
        assert kept[0] < 3 * 600
    for side in (broker, *workers):
        side.house.desk.close()
        side.house.timetable.close()
        side.house.store.close()

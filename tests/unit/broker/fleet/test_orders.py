"""What clients have signed about jobs at workers: stops and time limits, also while a link is cut."""

from __future__ import annotations

import hashlib

import pytest
from broker_house import Wire, WorkerSide, signed, started
from broker_lab import BrokerLab, joined

from jobwire.broker.desk.inputs import Alter, Stop
from jobwire.broker.jobs.job import StopOrder
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.store.rows.fleet import placements
from jobwire.keys.identity import generate
from jobwire.keys.proofs import signature
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey

HOUR_MS = 3_600_000


async def test_a_stop_is_what_its_client_has_signed(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    key = job_pb2.JobKey(owner=lab.client.public, id=lab.name(1).id)
    stop = request_pb2.Stop(keys=[key], signal=2, grace_ms=1234)
    proof = signed(lab.client, lab.broker.identity.public, request_pb2.Request(stop=stop))
    # The broker's own idea of signal and grace does not count.
    lab.broker.house.desk.take(Stop([(JobKey(*lab.name(1)[:2]), StopOrder(9, 0, "somebody"))], proof, lambda: None))
    await lab.broker.durable()
    await wire.worker.house.durable()
    assert ("end", lab.name(1), 2, 1234) in wire.worker.engine.effects


def change(lab: BrokerLab, number: int, *, priority: int | None = None, limit_ms: int | None = None) -> None:
    key = job_pb2.JobKey(owner=lab.client.public, id=lab.name(number).id)
    asked = request_pb2.Change(keys=[key], priority=priority, time_limit_ms=limit_ms)
    proof = signed(lab.client, lab.broker.identity.public, request_pb2.Request(change=asked))
    lab.broker.house.desk.take(Alter([lab.name(number).job], None, priority, limit_ms, "client", proof, lambda _: None))


async def test_a_time_limit_that_was_set_while_a_job_waits_counts_from_its_beginning(lab: BrokerLab) -> None:
    await lab.submit(1)
    change(lab, 1, limit_ms=60_000)
    await lab.broker.durable()
    # This is what its client has signed last, and not what the worker needs.
    change(lab, 1, priority=7)
    await lab.broker.durable()
    wire = await joined(lab)
    effects = [effect for effect in wire.worker.engine.effects if effect[0] in {"start", "limit"}]
    assert [effect[:2] for effect in effects] == [("start", lab.name(1)), ("limit", lab.name(1))]
    assert effects[1][2] == 60_000


async def test_a_time_limit_that_was_set_before_comes_with_the_job_and_not_after_it(lab: BrokerLab) -> None:
    await lab.submit(1, time_limit_ms=1)
    change(lab, 1, limit_ms=60_000)
    await lab.broker.durable()
    wire = lab.worker()
    wire.up()
    # hello, follow_facts and the delivery arrive, and nothing more.
    wire.arrive = 3
    await lab.broker.durable()
    assert wire.worker.engine.effects == [("start", lab.name(1)), ("limit", lab.name(1), 60_000)]
    read, broker = lab.broker.house.store.read, lab.broker.identity.public
    limit = placements.limit_of(read, lab.name(1).job)
    wire.arrive = None
    change(lab, 1, limit_ms=5)
    await lab.broker.durable()
    assert ("limit", lab.name(1), 5) in wire.worker.engine.effects
    # A broker cannot repeat the one before, nor bring one that somebody else has signed.
    wire.worker.engine.effects.clear()
    raw = placements.envelope(read, placements.submitted_with(read, lab.name(1).job).proof)
    other = signed(generate(), broker, request_pb2.Request.FromString(request_pb2.Envelope.FromString(limit).request))
    # One that is good until a time would have to be recorded first.
    passing = request_pb2.Envelope.FromString(limit)
    passing.proof.CopyFrom(signature.sign(lab.client, broker, b"n" * 16, passing.request, not_after_us=1))
    for evil in (limit, other, passing.SerializeToString()):
        again = request_pb2.Deliver(store=wire.worker.house.store.id, digest=hashlib.sha256(raw).digest(), start=raw)
        again.jobs.add(attempt=1, limit=evil)
        assert not (await wire.worker.ask(broker, deliver=again)).deliver.not_accepted
    assert wire.worker.engine.effects == []


class PilotWire(Wire):
    """The link of a worker in an allocation that ends in an hour."""

    def _turn(self, peer: Peer) -> None:
        self.broker.engine.enlist(peer, left_ms=HOUR_MS)


def release(lab: BrokerLab, number: int) -> None:
    lab.broker.house.desk.take(Alter([lab.name(number).job], False, None, None, "client", b"", lambda _: None))  # noqa: FBT003 -- held


@pytest.mark.parametrize("restart", [False, True])
async def test_a_time_limit_that_was_set_while_a_job_waits_decides_where_it_fits(lab: BrokerLab, restart: bool) -> None:  # noqa: FBT001 -- a parameter
    await lab.submit(1, time_limit_ms=2 * HOUR_MS)
    await lab.submit(2, 3, time_limit_ms=60_000, held=True)
    pilot = PilotWire(lab.broker, WorkerSide(lab.folder / "pilot", lab.broker.identity.public))
    lab.wires.append(pilot)
    pilot.up()
    await lab.broker.durable()
    assert pilot.worker.started == []
    change(lab, 2, limit_ms=2 * HOUR_MS)
    if restart:
        await lab.broker.durable()
        pilot.cut()
        await lab.broker.restart()
        pilot.up()
        await lab.broker.durable()
    for number in (2, 3):
        release(lab, number)
    await lab.broker.durable()
    assert pilot.worker.started == [lab.name(3)]
    assert "2h" in lab.broker.waits_for(lab.client, 2), lab.broker.waits_for(lab.client, 2)
    change(lab, 1, limit_ms=60_000)
    await lab.broker.durable()
    assert pilot.worker.started == [lab.name(3), lab.name(1)]


@pytest.mark.parametrize("restart", [False, True])
async def test_a_time_limit_that_was_set_while_the_link_is_cut_counts_when_it_is_back(lab: BrokerLab, restart: bool) -> None:  # noqa: FBT001 -- a parameter
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    wire.cut()
    change(lab, 1, limit_ms=5000)
    await lab.broker.durable()
    if restart:
        await lab.broker.restart()
    wire.up()
    await lab.broker.durable()
    assert ("limit", lab.name(1), 5000) in wire.worker.engine.effects


async def test_a_stop_that_nobody_has_signed_is_not_carried_out_and_that_is_told(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    lab.broker.house.desk.take(Stop([(JobKey(*lab.name(1)[:2]), StopOrder(9, 0, "somebody"))], b"", lambda: None))
    await lab.broker.durable()
    assert not any(effect[0] == "end" for effect in wire.worker.engine.effects)
    assert "does not stop it" in lab.broker.waits_for(lab.client, 1)


async def test_a_job_that_was_placed_and_not_sent_is_withdrawn(lab: BrokerLab) -> None:
    wire = await joined(lab)
    worker = lab.broker.engine.workers.get(wire.worker.identity.public)
    from jobwire.broker.fleet.workers.worker import Carried  # noqa: PLC0415 -- only here

    lab.broker.engine.workers.carry(worker, Carried(lab.name(9), worker.machine))
    lab.broker.engine.end(lab.name(9), 15, 0)
    await lab.broker.durable()
    assert lab.name(9) not in worker.carried
    assert wire.worker.started == []

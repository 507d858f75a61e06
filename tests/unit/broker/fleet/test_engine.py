"""A broker over workers, without sockets: jobs run where there is room, and what becomes of them is told once."""

from __future__ import annotations

import hashlib

import pytest
from broker_house import ContentsDouble, ended, signed_start, started
from broker_lab import BrokerLab, joined
from desk_house import OWNER

from jobwire.broker.desk.inputs import Asked, SetCapacity, SetMachine
from jobwire.broker.engine import Delayed, Expected, Started
from jobwire.broker.fleet.deliveries import deliveries
from jobwire.broker.fleet.engine import FleetEngine
from jobwire.keys.identity import generate
from jobwire.keys.proofs import attestation
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.workers.capacity import Settings


async def test_a_job_runs_at_the_worker_and_its_end_is_told_at_the_broker(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    assert wire.worker.started == [lab.name(1)]
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    assert lab.state(1) == "RUNNING"
    await wire.worker.happen(ended(lab.name(1), 3))
    await lab.broker.durable()
    assert lab.state(1) == "FINISHED"
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.exit_status == 3
    assert not wire.worker.house.followed.holds(lab.name(1).job), "its end is durable at the broker, so the worker may forget it"


async def test_of_how_many_starts_it_is_remembered_that_a_worker_has_them_is_limited(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "_MOST_STARTS", 2)
    wire = await joined(lab, slots=5)
    for number in range(1, 6):
        await lab.submit(number)
    assert wire.worker.started == [lab.name(number) for number in range(1, 6)]
    assert len(lab.broker.engine.workers.get(wire.worker.identity.public).starts) == 1


async def test_without_a_worker_a_job_waits_and_says_why(lab: BrokerLab) -> None:
    await lab.submit(1)
    assert lab.broker.waits_for(lab.client, 1) == "there is no worker"
    wire = await joined(lab)
    assert wire.worker.started == [lab.name(1)]


async def test_jobs_go_where_there_is_room_and_the_others_wait(lab: BrokerLab) -> None:
    one, two = await joined(lab, slots=1), await joined(lab, slots=2)
    await lab.submit(1, 2, 3, 4)
    assert (len(one.worker.started), len(two.worker.started)) == (1, 2)
    assert lab.broker.waits_for(lab.client, 4) == "all 3 slots are in use"


async def test_a_job_runs_where_its_labels_are_and_waits_until_somebody_has_them(lab: BrokerLab) -> None:
    plain, gpu = await joined(lab, labels=(("host", "a"),)), await joined(lab, labels=(("gpu", "a100"), ("host", "b")))
    await lab.submit(1, on=("gpu",))
    await lab.submit(2, not_on=("gpu",))
    await lab.submit(3, on=("tape",))
    assert (gpu.worker.started, plain.worker.started) == ([lab.name(1)], [lab.name(2)])
    assert lab.broker.waits_for(lab.client, 3).startswith("no worker has the label tape; workers: ")
    plain.worker.house.desk.take(SetCapacity(Settings(labels=(("tape", ""),)), reset=False, proof=b"", done=lambda: None))
    await plain.worker.house.durable()
    plain.worker.relayed.capacity_changed()
    await lab.broker.durable()
    assert plain.worker.started == [lab.name(2), lab.name(3)]


async def test_jobs_of_the_workers_own_users_count(lab: BrokerLab) -> None:
    one, two = await joined(lab, slots=2), await joined(lab, slots=2)
    local = JobSpec(argv=(b"local",), cpus=2)
    asked = Asked(b"L" * 16, local, specs.digest(local), specs.to_wire(local).SerializeToString())
    await one.worker.house.accept(asked)
    await lab.broker.durable()
    await lab.submit(1, 2, 3)
    assert [key for key in one.worker.started if key.id != b"L" * 16] == []
    assert two.worker.started == [lab.name(1), lab.name(2)]
    assert lab.broker.waits_for(lab.client, 3) == "all 4 slots are in use"
    await one.worker.happen(ended(AttemptKey(OWNER, b"L" * 16, 1)))
    await lab.broker.durable()
    assert one.worker.started == [lab.name(3)]


async def test_a_drained_worker_gets_nothing_and_keeps_what_it_has(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    lab.broker.engine.drains.drain(wire.worker.identity.public, drained=True)
    await lab.submit(2)
    assert wire.worker.started == [lab.name(1)]
    lab.broker.engine.drains.drain(wire.worker.identity.public, drained=False)
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1), lab.name(2)]


async def test_a_worker_can_tell_nothing_about_the_jobs_of_another(lab: BrokerLab) -> None:
    one, two = await joined(lab, slots=1), await joined(lab, slots=1)
    await lab.submit(1)
    owner, evil = (one, two) if one.worker.started else (two, one)
    await owner.worker.happen(started(lab.name(1)))
    # It has the start too, as a broker may show it to anybody.
    start = request_pb2.Deliver(
        store=evil.worker.house.store.id,
        start=(raw := signed_start(lab.client, lab.broker.identity.public, 1)),
        digest=hashlib.sha256(raw).digest(),
        jobs=[request_pb2.Delivery(attempt=1)],
    )
    await evil.worker.ask(lab.broker.identity.public, deliver=start)
    await evil.worker.happen(started(lab.name(1)), ended(lab.name(1), 9))
    await lab.broker.durable()
    assert lab.state(1) == "RUNNING"
    await owner.worker.happen(ended(lab.name(1), 0))
    await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.exit_status == 0


async def test_nothing_is_kept_of_jobs_of_a_worker_that_the_broker_has_not_placed_there(lab: BrokerLab) -> None:
    worker = lab.broker.engine.workers.get((await joined(lab)).worker.identity.public)
    for state, settled in ((job_pb2.STATE_RUNNING, 0), (job_pb2.STATE_FINISHED, 3)):
        facts = request_pb2.Facts()
        for number in range(3):
            report = facts.facts.add().report
            (report.key.owner, report.key.id, report.attempt), report.state = lab.name(number), state
        lab.broker.engine.listener.take(worker, facts)
        assert (len(worker.reported), len(worker.to_settle)) == (0, settled)


async def test_logs_of_a_forgotten_job_are_removed_where_they_are_even_later(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)), ended(lab.name(1)))
    await lab.broker.durable()
    wire.cut()
    forgotten: list[object] = []
    lab.broker.house.forgetting.forget([lab.name(1).job], forgotten.append)
    await lab.broker.durable()
    assert wire.worker.house.lookup.job(lab.name(1).job) is not None
    wire.up()
    await lab.broker.durable()
    assert forgotten
    assert wire.worker.house.lookup.job(lab.name(1).job) is None
    assert lab.broker.house.store.read("SELECT * FROM leftovers UNION ALL SELECT *, 1, 1 FROM leftover_machines") == []
    wire.worker.engine.effects.clear()


async def test_the_end_of_a_job_is_what_its_worker_has_signed_also_after_a_restart_of_the_broker(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await wire.worker.happen(ended(lab.name(1), 3))
    await lab.broker.durable()
    await lab.broker.restart()
    job = lab.broker.house.lookup.job(lab.name(1).job)
    assert job is not None
    assert job.attempt.outcome is not None
    worker, end = attestation.read(job.attempt.outcome.attestation)
    assert worker == wire.worker.identity.public
    assert (end.key.owner, end.key.id, end.attempt) == lab.name(1)
    assert (end.pid, end.ended_at_us, end.outcome.exit_status) == (job.attempt.pid, job.attempt.ended_at_us, 3)
    # News and lists are not made longer by it.
    assert not any(b"attestation" in raw or worker in raw for (raw,) in lab.broker.house.store.read("SELECT event FROM events"))


async def test_what_a_worker_has_is_told_once_however_many_jobs_it_has(lab: BrokerLab) -> None:
    told: list[SetMachine] = []
    engine = FleetEngine(
        *(generate(), ContentsDouble(), lab.broker.house.store),
        hear=lambda _: None,
        set_machine=told.append,
        accept_key=lambda _: None,
        member_of=lambda _: None,
        named=lambda _: None,
    )
    machine = b"w" * 32 + b"s" * 16
    facts = await engine.recover(
        [Expected(AttemptKey(b"o" * 32, bytes([n]) * 16, 1), 7, 1, 1, launched=True, machine=machine) for n in range(9)]
    )
    assert [order.machine for order in told] == [machine]
    assert sum(isinstance(fact, Started) for fact in facts) == sum(isinstance(fact, Delayed) for fact in facts) == 9

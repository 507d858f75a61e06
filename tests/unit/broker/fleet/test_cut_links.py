"""Links that are cut, and brokers and workers that are killed, at any message: nothing runs twice, and nothing is lost."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_house import WorkerSide, ended, started
from broker_lab import BrokerLab, joined

from jobwire.broker.engine import Delayed
from jobwire.broker.jobs.job import Job
from jobwire.broker.relayed.checks.signed import local_id
from jobwire.broker.store.rows.fleet import relays
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey


async def test_what_did_not_arrive_is_sent_again_to_the_same_worker_only(lab: BrokerLab) -> None:
    one, two = await joined(lab, slots=2), await joined(lab, slots=1)
    one.arrive = two.arrive = 0
    await lab.submit(1)
    lost, other = (one, two) if lab.broker.engine.workers.get(one.worker.identity.public).carried else (two, one)
    lost.cut()
    other.arrive = None
    await lab.broker.durable()
    assert "cannot be reached" in lab.broker.waits_for(lab.client, 1)
    assert other.worker.started == []
    lost.up()
    await lab.broker.durable()
    assert lost.worker.started == [lab.name(1)]
    assert other.worker.started == []


async def test_a_job_that_was_accepted_before_the_link_was_cut_is_not_started_twice(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    wire.up()
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1)]


async def test_a_worker_that_was_stopped_is_told_apart_from_one_that_is_cut_off_until_it_is_back(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    wire.worker.relayed.stopped()
    await lab.broker.durable()
    wire.cut()
    await lab.broker.durable()
    assert "was stopped on its machine at" in lab.broker.waits_for(lab.client, 1)
    wire.up()
    await lab.broker.durable()
    assert lab.broker.waits_for(lab.client, 1) == ""
    # Its next run says nothing before it is cut off.
    wire.cut()
    await lab.broker.durable()
    assert "cannot be reached since" in lab.broker.waits_for(lab.client, 1)


async def test_an_end_while_the_link_is_cut_is_told_when_it_is_back(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    wire.cut()
    await lab.broker.durable()
    assert lab.state(1) == "RUNNING"
    assert "cannot be reached since" in lab.broker.waits_for(lab.client, 1)
    await wire.worker.happen(ended(lab.name(1)))
    wire.up()
    await lab.broker.durable()
    assert lab.state(1) == "FINISHED"


@pytest.mark.parametrize("arrive", [0, 1, 2, 3])
async def test_a_broker_that_is_killed_at_any_message_starts_nothing_twice(lab: BrokerLab, arrive: int) -> None:
    wire = await joined(lab)
    wire.arrive = arrive
    await lab.submit(1, 2)
    wire.cut()
    await lab.broker.restart()
    await lab.broker.durable()
    assert lab.state(1) == "QUEUED"
    wire.up()
    await lab.broker.durable()
    assert sorted(wire.worker.started) == [lab.name(1), lab.name(2)]
    await wire.worker.happen(started(lab.name(1)), ended(lab.name(1)))
    await lab.broker.durable()
    assert lab.state(1) == "FINISHED"


async def test_an_end_that_the_broker_did_not_record_is_told_again_after_its_restart(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    await wire.worker.happen(started(lab.name(1)), ended(lab.name(1), 4))
    await lab.broker.restart()
    await wire.worker.restart()
    wire.up()
    await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.exit_status == 4


async def test_a_worker_that_lost_its_store_has_lost_its_jobs_and_runs_none_of_them_again(lab: BrokerLab, tmp_path: Path) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    before = wire.worker
    other = WorkerSide(tmp_path / "another", lab.broker.identity.public)
    other.identity = before.identity
    other._receive()
    wire.worker = lab.broker.workers[0] = other
    wire.up()
    await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.LOST
    assert "another store" in outcome.sentence
    assert other.started == []
    before.house.close()


def forget_deliveries(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM relayed")
    connection.commit()
    connection.close()


async def test_a_job_that_a_worker_accepted_and_does_not_know_is_lost(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    # As after a backup of its state folder was put back.
    await wire.worker.restart(lambda: forget_deliveries(wire.worker.house.path))
    wire.up()
    for _ in range(3):
        await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.LOST


@pytest.mark.parametrize("set_by", [0, 3_600_000_000])
async def test_the_delay_of_a_retry_counts_from_the_end_and_not_from_when_that_was_told(lab: BrokerLab, set_by: int) -> None:
    wire = await joined(lab)
    await lab.submit(1, retry=RetryRule(1, delay_ms=10_000))
    wire.worker.house.set_by = set_by
    await wire.worker.happen(started(lab.name(1), 77))
    wire.cut()
    await wire.worker.happen(ended(lab.name(1), status=1, pid=77))
    wire.worker.house.now += 6_000_000
    wire.up()
    await lab.broker.durable()
    await lab.broker.durable()
    job = lab.broker.house.live[lab.name(1).job]
    assert job.attempt.key.attempt == 2
    assert lab.broker.house.desk.starts_in_us(job) == pytest.approx(4_000_000, abs=100_000)


@pytest.mark.parametrize("is_killed", [False, True], ids=["goes on", "is killed"])
async def test_the_next_attempt_gets_the_slot_of_the_one_before_whether_its_broker(lab: BrokerLab, is_killed: bool) -> None:  # noqa: FBT001 -- both
    one, two = await joined(lab, slots=1), await joined(lab, slots=1)
    await lab.submit(1, 2, retry=RetryRule(1))
    await lab.submit(3)
    first, other = (one, two) if lab.name(1) in one.worker.started else (two, one)
    assert (first.worker.started, other.worker.started) == ([lab.name(1)], [lab.name(2)])
    for wire, number in ((first, 1), (other, 2)):
        await wire.worker.happen(started(lab.name(number), 70 + number))
    await lab.broker.durable()
    if is_killed:
        # What it sends after it has recorded the end and where the next attempt is does not arrive.
        first.arrive = 0
    await first.worker.happen(ended(lab.name(1), status=1, pid=71))
    await lab.broker.durable()
    placed = lab.broker.house.store.read("SELECT job, n, machine FROM placements ORDER BY job, n")
    assert [(job, n) for job, n, _ in placed] == [(1, 1), (1, 2), (2, 1)]
    assert placed[0][2] == placed[1][2] != placed[2][2]
    if is_killed:
        first.cut()
        other.cut()
        await lab.broker.restart()
        first.up()
        other.up()
        await lab.broker.durable()
    assert first.worker.started == [AttemptKey(lab.client.public, local_id(lab.name(1).id, 2), 1)]
    assert other.worker.started == []
    await first.worker.happen(ended(AttemptKey(lab.client.public, local_id(lab.name(1).id, 2), 1), status=1, pid=72))
    await lab.broker.durable()
    assert lab.state(1) == "FINISHED"
    assert first.worker.started == [lab.name(3)]


@pytest.mark.parametrize("is_cut", [False, True], ids=["connected", "told when it is connected again"])
@pytest.mark.parametrize("why", ["its output waits for the worker's disk", "some of its processes cannot be ended"])
async def test_why_the_end_of_a_job_waits_at_its_worker_is_told_while_it_does(lab: BrokerLab, why: str, is_cut: bool) -> None:  # noqa: FBT001 -- both
    class Waiting:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def stuck(self, job: Job) -> None:
            self.heard.append(job.attempt.waits_for)

        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    wire, waiting = await joined(lab), Waiting()
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1), 77))
    await lab.broker.durable()
    lab.broker.house.watchers.watch(lab.broker.house.live[lab.name(1).job], waiting)
    if is_cut:
        wire.cut()
    wire.worker.house.desk.hear([Delayed(lab.name(1), why, stuck=True)])
    if is_cut:
        wire.up()
    await lab.broker.durable()
    assert waiting.heard[0].endswith(why)
    assert waiting.heard[0].startswith("at ")
    assert lab.broker.waits_for(lab.client, 1) == waiting.heard[0]
    wire.worker.house.desk.hear([Delayed(lab.name(1), "")])
    await lab.broker.durable()
    assert lab.broker.waits_for(lab.client, 1) == ""


async def test_jobs_that_were_declared_lost_stay_so_when_their_worker_comes_back(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1, retry=RetryRule(most=3))
    await wire.worker.happen(started(lab.name(1), 77))
    wire.cut()
    engine = lab.broker.engine
    assert engine.remove(wire.worker.identity.public, "lab3", "worker lab3 was removed by ada, who declared its jobs lost") == 1
    await lab.broker.durable()
    # What it has is nothing that a job could wait for.
    assert engine.stock.why_closed() == "there is no worker"
    assert engine.workers.name_of(wire.worker.identity.public) == "lab3"
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.LOST
    assert outcome.sentence == "worker lab3 was removed by ada, who declared its jobs lost"
    # Neither is it tried again elsewhere, nor does its worker change what was said.
    other = await joined(lab)
    wire.up()
    await lab.broker.durable()
    await wire.worker.happen(ended(lab.name(1), 77))
    await lab.broker.durable()
    assert other.worker.started == []
    late = lab.broker.outcome(lab.client, 1)
    assert late is not None
    assert late.late_end
    assert replace(late, late_end=b"") == outcome
    # It need not report that any more.
    assert list(relays.unsettled(wire.worker.house.store.read)) == []


async def test_a_broker_that_is_killed_amid_a_removal_can_be_asked_again(lab: BrokerLab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    # The roster was edited, and nothing else.
    await lab.broker.restart()
    worker = lab.broker.engine.workers.all[wire.worker.identity.public]
    assert [one.key for one in worker.carried.values()] == [lab.name(1)]
    assert lab.broker.engine.remove(wire.worker.identity.public, "lab3", "gone") == 1
    await lab.broker.durable()
    assert lab.state(1) == "FINISHED"

"""Jobs that workers refuse: they run elsewhere, wait, or fail, and none of them runs twice."""

from __future__ import annotations

import pytest
from broker_house import Wire
from broker_lab import BrokerLab, joined

from jobwire.broker.depot import Placement
from jobwire.broker.desk.inputs import Asked, Stop
from jobwire.broker.jobs.job import StopOrder
from jobwire.keys.members.rights import Member
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.workers.capacity import PLAIN


async def without_vouching(lab: BrokerLab) -> Wire:
    wire = await joined(lab)
    broker = lab.broker.identity.public
    wire.worker.members[broker] = Member("broker", broker, "relay")
    return wire


async def test_a_job_that_a_worker_refuses_runs_on_another_one(lab: BrokerLab) -> None:
    one = await without_vouching(lab)
    await lab.submit(1)
    assert one.worker.started == []
    assert lab.state(1) == "QUEUED"
    waits = lab.broker.waits_for(lab.client, 1)
    assert waits.startswith("every worker that could run it has refused it; ")
    assert "is not on the roster of this worker, and broker may not vouch" in waits
    other = await joined(lab)
    assert other.worker.started == [lab.name(1)]
    assert one.worker.started == []


async def test_a_worker_whose_roster_has_changed_gets_what_it_had_refused(lab: BrokerLab) -> None:
    wire = await without_vouching(lab)
    await lab.submit(1)
    wire.worker.relayed.capacity_changed()
    await lab.broker.durable()
    assert wire.worker.started == []
    wire.worker.members[lab.client.public] = Member("ada", lab.client.public, "submitter")
    wire.worker.relayed.roster_changed()
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1)]


async def test_a_worker_with_a_full_disk_gets_nothing_for_a_while(lab: BrokerLab) -> None:
    full, other = await joined(lab, slots=4), await joined(lab, slots=1)
    full.worker.house.shortage = lambda: Refused(Code.RESOURCE_EXHAUSTED, "the disk is full", reason=Reason.DISK_FULL)
    await lab.submit(1, 2, 3)
    assert full.worker.started == []
    assert len(other.worker.started) == 1
    waiting = [number for number in (1, 2, 3) if lab.name(number) not in other.worker.started]
    assert all("the disk is full" in lab.broker.waits_for(lab.client, number) or number for number in waiting)
    assert not lab.broker.engine.stock.fits(PLAIN)
    full.worker.house.shortage = lambda: None
    full.cut()
    full.up()
    await lab.broker.durable()
    assert sorted(full.worker.started) == [lab.name(number) for number in waiting]


async def test_a_job_that_was_accepted_is_not_refused_later_when_the_answer_was_lost(lab: BrokerLab) -> None:
    one, two = await joined(lab), await joined(lab)
    first, second = (one, two) if one.worker.identity.public < two.worker.identity.public else (two, one)
    await lab.submit(1)
    has = first if first.worker.started else second
    # It comes again, as after a lost answer; by now, its signer may not run jobs here.
    broker = lab.broker.identity.public
    has.worker.members[broker] = Member("broker", broker, "relay")
    carried = lab.broker.engine.workers.get(has.worker.identity.public)
    (job,) = carried.carried.values()
    job.accepted = False
    has.cut()
    has.up()
    await lab.broker.durable()
    assert job.accepted
    assert one.worker.started + two.worker.started == [lab.name(1)]


async def test_a_job_that_was_stopped_while_its_worker_refused_it_is_cancelled(lab: BrokerLab) -> None:
    wire = await without_vouching(lab)
    await lab.submit(1)
    key = JobKey(lab.client.public, bytes([1]) * 16)
    lab.broker.house.desk.take(Stop([(key, StopOrder(15, 0, "ada"))], b"", lambda: None))
    await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.CANCELLED
    assert wire.worker.started == []


async def test_files_for_a_job_that_is_on_no_worker_are_refused_with_what_to_do(lab: BrokerLab) -> None:
    await lab.submit(1)
    answers: list[Refused | None] = []
    placement = Placement(lab.name(1), lab.client.public, (), is_queued=True, only_check=True)
    lab.broker.engine.depot.place(placement, answers.append)
    await lab.broker.durable()
    (refused,) = answers
    assert refused is not None
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, Reason.NOT_STARTED)
    assert "it has no folder on a worker yet" in refused.message
    assert refused.next_step == "try again when it runs"
    with pytest.raises(Refused, match="it has no folder on a worker yet"):
        lab.broker.engine.depot.fetch(lab.name(1), b"result", 0, b"")
    # One that has ended so never had one.
    key = JobKey(lab.client.public, bytes([1]) * 16)
    lab.broker.house.desk.take(Stop([(key, StopOrder(15, 0, "ada"))], b"", lambda: None))
    await lab.broker.durable()
    with pytest.raises(Refused, match="it ended before it was sent to a worker") as ended_early:
        lab.broker.engine.depot.fetch(lab.name(1), b"result", 0, b"")
    assert ended_early.value.reason is Reason.NO_SUCH_FILE


async def test_a_job_that_was_returned_is_on_no_worker_also_after_a_restart_of_the_broker(lab: BrokerLab) -> None:
    wire = await without_vouching(lab)
    await lab.submit(1)
    await lab.broker.restart()
    for at in lab.wires:
        at.at_broker = at.at_worker = None
    job = lab.broker.house.lookup.job(JobKey(lab.client.public, bytes([1]) * 16))
    assert job is not None
    assert (job.machine, lab.state(1)) == (b"", "QUEUED")
    other = await joined(lab)
    assert other.worker.started == [lab.name(1)]
    assert wire.worker.started == []


async def test_what_is_wrong_with_a_job_itself_fails_it(lab: BrokerLab) -> None:
    wire = await joined(lab)
    local = JobSpec(argv=(b"local",))
    await wire.worker.house.accept(
        Asked(bytes([1]) * 16, local, specs.digest(local), specs.to_wire(local).SerializeToString()), owner=lab.client.public
    )
    await lab.submit(1)
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.FAILED_TO_START

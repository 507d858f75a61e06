"""A broker over workers, without sockets: nothing twice and nothing lost, wherever the link is cut and whoever is restarted."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_house import BrokerSide, ContentsDouble, Wire, WorkerSide, ended, signed, signed_start, started
from desk_house import OWNER

from jobwire.broker.depot import Placement
from jobwire.broker.desk.inputs import Alter, Asked, SetCapacity, SetMachine, Stop
from jobwire.broker.engine import Delayed, Expected, Started
from jobwire.broker.fleet import deliveries
from jobwire.broker.fleet.engine import FleetEngine
from jobwire.broker.jobs.job import Job, StopOrder
from jobwire.broker.store.rows.fleet import placements, relays
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs import attestation, signature
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.capacity import PLAIN, Settings
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.jobs.worker_labels import Labels
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Reason, Refused


class Lab:
    """A broker, a client, and workers with their links."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: Identity = generate()
        self.broker = BrokerSide(folder / "broker")
        self.wires: list[Wire] = []

    def worker(self, *, slots: int = 2, labels: Labels = ()) -> Wire:
        worker = WorkerSide(self.folder / f"worker{len(self.wires)}", self.broker.identity.public, slots=slots, labels=labels)
        self.wires.append(Wire(self.broker, worker))
        return self.wires[-1]

    async def submit(self, *numbers: int, **fields: Any) -> None:
        await self.broker.accept(self.client, signed_start(self.client, self.broker.identity.public, *numbers, **fields))

    def name(self, number: int, attempt: int = 1) -> AttemptKey:
        return AttemptKey(self.client.public, bytes([number]) * 16, attempt)

    def state(self, number: int) -> str:
        return self.broker.state(self.client, number)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for wire in made.wires:
        wire.worker.house.close()
    made.broker.house.close()


async def joined(lab: Lab, *, slots: int = 2, labels: Labels = ()) -> Wire:
    wire = lab.worker(slots=slots, labels=labels)
    wire.up()
    await lab.broker.durable()
    return wire


async def test_a_job_runs_at_the_worker_and_its_end_is_told_at_the_broker(lab: Lab) -> None:
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


async def test_of_how_many_starts_it_is_remembered_that_a_worker_has_them_is_limited(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "_MOST_STARTS", 2)
    wire = await joined(lab, slots=5)
    for number in range(1, 6):
        await lab.submit(number)
    assert wire.worker.started == [lab.name(number) for number in range(1, 6)]
    assert len(lab.broker.engine.workers.get(wire.worker.identity.public).starts) == 1


async def test_without_a_worker_a_job_waits_and_says_why(lab: Lab) -> None:
    await lab.submit(1)
    assert lab.broker.waits_for(lab.client, 1) == "there is no worker"
    wire = await joined(lab)
    assert wire.worker.started == [lab.name(1)]


async def test_jobs_go_where_there_is_room_and_the_others_wait(lab: Lab) -> None:
    one, two = await joined(lab, slots=1), await joined(lab, slots=2)
    await lab.submit(1, 2, 3, 4)
    assert (len(one.worker.started), len(two.worker.started)) == (1, 2)
    assert lab.broker.waits_for(lab.client, 4) == "all 3 slots are in use"


async def test_a_job_runs_where_its_labels_are_and_waits_until_somebody_has_them(lab: Lab) -> None:
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


async def test_jobs_of_the_workers_own_users_count(lab: Lab) -> None:
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


async def without_vouching(lab: Lab) -> Wire:
    wire = await joined(lab)
    broker = lab.broker.identity.public
    wire.worker.members[broker] = Member("broker", broker, "relay")
    return wire


async def test_a_job_that_a_worker_refuses_runs_on_another_one(lab: Lab) -> None:
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


async def test_a_worker_whose_roster_has_changed_gets_what_it_had_refused(lab: Lab) -> None:
    wire = await without_vouching(lab)
    await lab.submit(1)
    wire.worker.relayed.capacity_changed()
    await lab.broker.durable()
    assert wire.worker.started == []
    wire.worker.members[lab.client.public] = Member("ada", lab.client.public, "submitter")
    wire.worker.relayed.roster_changed()
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1)]


async def test_a_worker_with_a_full_disk_gets_nothing_for_a_while(lab: Lab) -> None:
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


async def test_a_job_that_was_accepted_is_not_refused_later_when_the_answer_was_lost(lab: Lab) -> None:
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


async def test_a_job_that_was_stopped_while_its_worker_refused_it_is_cancelled(lab: Lab) -> None:
    wire = await without_vouching(lab)
    await lab.submit(1)
    key = JobKey(lab.client.public, bytes([1]) * 16)
    lab.broker.house.desk.take(Stop([(key, StopOrder(15, 0, "ada"))], b"", lambda: None))
    await lab.broker.durable()
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.CANCELLED
    assert wire.worker.started == []


async def test_files_for_a_job_that_is_on_no_worker_are_refused_with_what_to_do(lab: Lab) -> None:
    await lab.submit(1)
    answers: list[Refused | None] = []
    placement = Placement(lab.name(1), lab.client.public, (), is_queued=True, only_check=True)
    lab.broker.engine.depot.place(placement, answers.append)
    await lab.broker.durable()
    (refused,) = answers
    assert refused is not None
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, Reason.NOT_STARTED)
    assert "is on no worker yet" in refused.message
    assert refused.next_step == "try again when it runs"
    with pytest.raises(Refused, match="is on no worker yet"):
        lab.broker.engine.depot.fetch(lab.name(1), b"result", 0, b"")
    # One that has ended so never had one.
    key = JobKey(lab.client.public, bytes([1]) * 16)
    lab.broker.house.desk.take(Stop([(key, StopOrder(15, 0, "ada"))], b"", lambda: None))
    await lab.broker.durable()
    with pytest.raises(Refused, match="it ended before it was on any worker") as ended_early:
        lab.broker.engine.depot.fetch(lab.name(1), b"result", 0, b"")
    assert ended_early.value.reason is Reason.NO_SUCH_FILE


async def test_a_job_that_was_returned_is_on_no_worker_also_after_a_restart_of_the_broker(lab: Lab) -> None:
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


async def test_what_is_wrong_with_a_job_itself_fails_it(lab: Lab) -> None:
    wire = await joined(lab)
    local = JobSpec(argv=(b"local",))
    await wire.worker.house.accept(
        Asked(bytes([1]) * 16, local, specs.digest(local), specs.to_wire(local).SerializeToString()), owner=lab.client.public
    )
    await lab.submit(1)
    outcome = lab.broker.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.FAILED_TO_START


async def test_what_did_not_arrive_is_sent_again_to_the_same_worker_only(lab: Lab) -> None:
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


async def test_a_job_that_was_accepted_before_the_link_was_cut_is_not_started_twice(lab: Lab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    wire.cut()
    wire.up()
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1)]


async def test_a_worker_that_was_stopped_is_told_apart_from_one_that_is_cut_off_until_it_is_back(lab: Lab) -> None:
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


async def test_an_end_while_the_link_is_cut_is_told_when_it_is_back(lab: Lab) -> None:
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
async def test_a_broker_that_is_killed_at_any_message_starts_nothing_twice(lab: Lab, arrive: int) -> None:
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


async def test_an_end_that_the_broker_did_not_record_is_told_again_after_its_restart(lab: Lab) -> None:
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


async def test_a_worker_that_lost_its_store_has_lost_its_jobs_and_runs_none_of_them_again(lab: Lab, tmp_path: Path) -> None:
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


async def test_a_job_that_a_worker_accepted_and_does_not_know_is_lost(lab: Lab) -> None:
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
async def test_the_delay_of_a_retry_counts_from_the_end_and_not_from_when_that_was_told(lab: Lab, set_by: int) -> None:
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


@pytest.mark.parametrize("is_cut", [False, True], ids=["connected", "told when it is connected again"])
@pytest.mark.parametrize("why", ["its output waits for the worker's disk", "some of its processes cannot be ended"])
async def test_why_the_end_of_a_job_waits_at_its_worker_is_told_while_it_does(lab: Lab, why: str, is_cut: bool) -> None:  # noqa: FBT001 -- both
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


async def test_jobs_that_were_declared_lost_stay_so_when_their_worker_comes_back(lab: Lab) -> None:
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


async def test_a_broker_that_is_killed_amid_a_removal_can_be_asked_again(lab: Lab) -> None:
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


async def test_a_stop_is_what_its_client_has_signed(lab: Lab) -> None:
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


def change(lab: Lab, number: int, *, priority: int | None = None, limit_ms: int | None = None) -> None:
    key = job_pb2.JobKey(owner=lab.client.public, id=lab.name(number).id)
    asked = request_pb2.Change(keys=[key], priority=priority, time_limit_ms=limit_ms)
    proof = signed(lab.client, lab.broker.identity.public, request_pb2.Request(change=asked))
    lab.broker.house.desk.take(Alter([lab.name(number).job], None, priority, limit_ms, "client", proof, lambda _: None))


async def test_a_time_limit_that_was_set_while_a_job_waits_counts_from_its_beginning(lab: Lab) -> None:
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


async def test_a_time_limit_that_was_set_before_comes_with_the_job_and_not_after_it(lab: Lab) -> None:
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


@pytest.mark.parametrize("restart", [False, True])
async def test_a_time_limit_that_was_set_while_the_link_is_cut_counts_when_it_is_back(lab: Lab, restart: bool) -> None:  # noqa: FBT001 -- a parameter
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


async def test_a_stop_that_nobody_has_signed_is_not_carried_out_and_that_is_told(lab: Lab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    await wire.worker.happen(started(lab.name(1)))
    await lab.broker.durable()
    lab.broker.house.desk.take(Stop([(JobKey(*lab.name(1)[:2]), StopOrder(9, 0, "somebody"))], b"", lambda: None))
    await lab.broker.durable()
    assert not any(effect[0] == "end" for effect in wire.worker.engine.effects)
    assert "does not stop it" in lab.broker.waits_for(lab.client, 1)


async def test_a_job_that_was_placed_and_not_sent_is_withdrawn(lab: Lab) -> None:
    wire = await joined(lab)
    worker = lab.broker.engine.workers.get(wire.worker.identity.public)
    from jobwire.broker.fleet.workers.worker import Carried  # noqa: PLC0415 -- only here

    lab.broker.engine.workers.carry(worker, Carried(lab.name(9), worker.machine))
    lab.broker.engine.end(lab.name(9), 15, 0)
    await lab.broker.durable()
    assert lab.name(9) not in worker.carried
    assert wire.worker.started == []


async def test_a_drained_worker_gets_nothing_and_keeps_what_it_has(lab: Lab) -> None:
    wire = await joined(lab)
    await lab.submit(1)
    lab.broker.engine.drain(wire.worker.identity.public, drained=True)
    await lab.submit(2)
    assert wire.worker.started == [lab.name(1)]
    lab.broker.engine.drain(wire.worker.identity.public, drained=False)
    await lab.broker.durable()
    assert wire.worker.started == [lab.name(1), lab.name(2)]


async def test_a_worker_can_tell_nothing_about_the_jobs_of_another(lab: Lab) -> None:
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


async def test_nothing_is_kept_of_jobs_of_a_worker_that_the_broker_has_not_placed_there(lab: Lab) -> None:
    worker = lab.broker.engine.workers.get((await joined(lab)).worker.identity.public)
    for state, settled in ((job_pb2.STATE_RUNNING, 0), (job_pb2.STATE_FINISHED, 3)):
        facts = request_pb2.Facts()
        for number in range(3):
            report = facts.facts.add().report
            (report.key.owner, report.key.id, report.attempt), report.state = lab.name(number), state
        lab.broker.engine.listener.take(worker, facts)
        assert (len(worker.reported), len(worker.to_settle)) == (0, settled)


async def test_logs_of_a_forgotten_job_are_removed_where_they_are_even_later(lab: Lab) -> None:
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


async def test_the_end_of_a_job_is_what_its_worker_has_signed_also_after_a_restart_of_the_broker(lab: Lab) -> None:
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


async def test_what_a_worker_has_is_told_once_however_many_jobs_it_has() -> None:
    told: list[SetMachine] = []
    engine = FleetEngine(generate(), ContentsDouble())
    engine.open(lambda _: None, told.append, lambda *_: [], lambda _: None)
    machine = b"w" * 32 + b"s" * 16
    facts = await engine.recover(
        [Expected(AttemptKey(b"o" * 32, bytes([n]) * 16, 1), 7, 1, 1, launched=True, machine=machine) for n in range(9)]
    )
    assert [order.machine for order in told] == [machine]
    assert sum(isinstance(fact, Started) for fact in facts) == sum(isinstance(fact, Delayed) for fact in facts) == 9

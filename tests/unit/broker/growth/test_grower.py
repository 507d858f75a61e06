"""A broker that grows, with a real desk and store, a cluster that does what a test wants, and workers that join over links in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from broker_house import BrokerSide, Wire, WorkerSide, ended, signed_start, started

from jobwire.broker.growth.book import Book, Queue
from jobwire.broker.growth.cluster import NoAnswer, Phase, Seen
from jobwire.broker.growth.folders import OUTPUT, Folders, folders_of
from jobwire.broker.growth.grower import Grower
from jobwire.broker.growth.life import State
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.capacity import Capacity, Wants
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused


class ClusterDouble:
    """A cluster. What was asked for waits until a test says more."""

    poll_seconds = 10.0

    def __init__(self) -> None:
        self.jobs: dict[str, Seen] = {}
        self.cancelled: list[str] = []
        self.answers = True
        # The request arrives, and the answer does not.
        self.loses_answers = False
        self.refuses = ""

    async def check(self, queue: request_pb2.GrowthQueue) -> None: ...

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        if not self.answers:
            raise NoAnswer("it is down")
        if self.refuses:
            raise Refused(Code.FAILED_PRECONDITION, self.refuses)
        for own in folders_of(folder, max(1, queue.per_node)):
            assert (own / "token").stat().st_mode & 0o077 == 0
        assert name not in self.jobs, "asked for twice"
        self.jobs[name] = Seen(str(100 + len(self.jobs)), name, Phase.WAITING, "PENDING")
        if self.loses_answers:
            raise NoAnswer("the answer is lost")
        return self.jobs[name].cluster_id

    async def list(self, prefix: str) -> Sequence[Seen]:
        if not self.answers:
            raise NoAnswer("it is down")
        return [one for one in self.jobs.values() if one.name.startswith(prefix)]

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        self.cancelled += cluster_ids

    def become(self, name: str, phase: Phase, said: str = "", *, proves_end: bool = False) -> None:
        self.jobs[name] = self.jobs[name]._replace(phase=phase, said=said, proves_end=proves_end)


class DoorsDouble:
    def __init__(self) -> None:
        self.open: set[str] = set()

    async def invite(self, name: str, endpoint: str) -> tuple[bytes, str]:
        self.open.add(name)
        return b"t" * 32, "a token"

    async def close(self, name: str, token: bytes) -> None:
        self.open.discard(name)


class Lab:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: Identity = generate()
        self.side = BrokerSide(folder / "broker")
        self.cluster = ClusterDouble()
        self.doors = DoorsDouble()
        self.members: dict[bytes, Member] = {}
        self.wires: list[Wire] = []
        self.now = 1000.0
        self.submitted = 0
        self._grow()

    def _grow(self) -> None:
        house, engine = self.side.house, self.side.engine
        engine.open(house.desk.hear, house.desk.take, house.store.read, self.members.get)
        book = Book.read(house.store, self.now)
        self.grower = Grower(
            book, house.desk, engine, {"double": self.cluster}, self.doors, Folders(self.folder / "growth"), lambda: self.now
        )
        workers = engine.workers
        workers.assumed_seconds = self.grower._assumed_seconds
        engine.hold_back(one.name for one in book.allocations.values() if one.state in (State.LEAVING, State.ENDED))

    async def restart(self) -> None:
        """Kill the broker and start the next one; links are lost."""
        for wire in self.wires:
            wire.cut()
        await self.side.restart()
        self._grow()

    async def queue(
        self, name: str = "q", *, most: int = 10, cpus: int = 2, time_ms: int = 3_600_000, labels: Sequence[str] = (), per_node: int = 0
    ) -> Queue:
        assumed_ms = time_ms // 2
        settings = request_pb2.GrowthQueue(
            name=name, cluster="double", max_workers=most, time_ms=time_ms, idle_ms=60_000, assumed_ms=assumed_ms, cpus=cpus, labels=labels
        )
        settings.per_node = per_node
        made = Queue(name, settings, b"")
        await self.grower.add(made)
        return made

    async def submit(self, jobs: int, **fields: object) -> list[AttemptKey]:
        numbers = range(self.submitted + 1, self.submitted + jobs + 1)
        self.submitted += jobs
        await self.side.accept(self.client, signed_start(self.client, self.side.identity.public, *numbers, **fields))
        return [AttemptKey(self.client.public, bytes([number]) * 16, 1) for number in numbers]

    async def look(self, seconds: float = 0.0) -> None:
        self.now += seconds
        await self.grower.look()
        await self.side.durable()

    async def join(self, name: str, *, slots: int = 2, left_ms: int = 3_000_000) -> Wire:
        """Let the worker of an allocation join, as if its allocation had just started."""
        self.cluster.become(self.grower.book.allocations[name].asked_as, Phase.RUNNING, "RUNNING")
        worker = WorkerSide(self.folder / name, self.side.identity.public, slots=slots)
        self.members[worker.identity.public] = Member(name, worker.identity.public, "worker")
        wire = Wire(self.side, worker)
        self.wires.append(wire)
        self.up(wire, left_ms)
        await self.side.durable()
        return wire

    def up(self, wire: Wire, left_ms: int = 3_000_000) -> None:
        engine, enlist = self.side.engine, self.side.engine.enlist
        engine.enlist = lambda peer: enlist(peer, left_ms)  # type: ignore[assignment, misc]
        wire.up()
        engine.enlist = enlist  # type: ignore[method-assign]

    @property
    def states(self) -> list[State]:
        return [one.state for one in self.grower.book.allocations.values()]

    @property
    def names(self) -> list[str]:
        return list(self.grower.book.allocations)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for house in (*(wire.worker.house for wire in made.wires), made.side.house):
        house.close()


async def test_it_grows_for_what_waits_and_shrinks_when_that_is_done(lab: Lab) -> None:
    await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    assert lab.states == [State.PENDING]
    await lab.look(1)
    assert len(lab.names) == 1, "asked for twice for the same job"
    wire = await lab.join(name)
    assert wire.worker.started == [job]
    await lab.look(10)
    assert lab.states == [State.JOINED]
    await lab.look(300)
    assert lab.states == [State.JOINED], "a worker with a job is not idle"
    await wire.worker.happen(started(job))
    await wire.worker.happen(ended(job))
    await lab.side.durable()
    assert lab.side.state(lab.client, 1) == "FINISHED"
    worker = lab.grower._census._worker_of(lab.grower.book.allocations[name])
    assert worker is not None
    worker.used_at = lab.now - 59
    await lab.look()
    assert lab.states == [State.JOINED]
    worker.used_at = lab.now - 61
    await lab.look()
    # Durable before the worker hears of it.
    assert lab.states == [State.LEAVING]
    wire.cut()
    lab.cluster.become(name, Phase.ENDED, "COMPLETED", proves_end=True)
    await lab.look(10)
    assert (lab.names, lab.doors.open, list((lab.folder / "growth").iterdir())) == ([], set(), [])
    # The next job gets a new one: an idle worker that left is no failure.
    await lab.submit(1)
    await lab.look()
    assert lab.states == [State.PENDING]
    assert lab.names != [name]


async def test_a_lost_answer_asks_for_nothing_twice(lab: Lab) -> None:
    await lab.queue()
    await lab.submit(1)
    lab.cluster.loses_answers = True
    await lab.look()
    (name,) = lab.names
    assert lab.states == [State.INTENDED]
    lab.cluster.loses_answers = False
    await lab.restart()
    assert lab.names == [name]
    await lab.look()
    assert (lab.names, lab.states) == ([name], [State.PENDING])
    assert lab.grower.book.allocations[name].cluster_id == "100"


async def test_what_never_arrived_is_given_up_and_what_arrives_later_is_given_back(lab: Lab) -> None:
    queue = await lab.queue()
    await lab.submit(1)
    lab.cluster.answers = False
    await lab.look()
    (name,) = lab.names
    lab.cluster.answers = True
    await lab.look(100)
    assert lab.names == [name], "it may still be on its way"
    await lab.look(30)
    await lab.look(1)
    assert name not in lab.names
    assert (queue.failures, len(lab.names)) == (0, 1)
    lab.cluster.jobs[name] = Seen("999", name, Phase.WAITING, "PENDING")
    await lab.look(10)
    assert lab.cluster.cancelled == ["999"]


async def test_what_a_killed_broker_may_not_have_asked_for_is_found_or_given_up_at_once(lab: Lab) -> None:
    await lab.queue()
    await lab.submit(1)
    lab.cluster.answers = False
    await lab.look()
    (name,) = lab.names
    # Killed between the row and the request, or with a request that is still under way.
    lab.cluster.answers = True
    await lab.restart()
    await lab.look(1)
    assert name not in lab.doors.open, "its token is worth nothing any more"
    (other,) = (one for one in lab.names if one != name)
    lab.cluster.jobs[name] = Seen("999", name, Phase.WAITING, "PENDING")
    await lab.look(10)
    assert lab.cluster.cancelled == ["999"]
    lab.cluster.become(name, Phase.ENDED)
    await lab.look(120)
    assert lab.names == [other]


async def test_what_a_small_node_has_does_not_keep_a_queue_from_larger_ones(lab: Lab) -> None:
    # A worker of HyperQueue with less than its queue could give once ended all growth for what needs more.
    queue = await lab.queue(cpus=4)
    for found in (Capacity(4, 8 << 30, ("0",), (("license", 1),)), Capacity(2, 2 << 30, (), (("tape", 3),), (("host", "n1"),))):
        queue.learn(found)
    assert queue.learned == Capacity(4, 8 << 30, ("0",), (("license", 1), ("tape", 3)))
    assert not queue.learn(Capacity(4, 8 << 30))
    assert queue.shape.room().most(Wants(1, (("memory", 8 << 30),)))


async def test_failures_are_in_a_row_only_if_no_worker_has_joined_in_between(lab: Lab) -> None:
    queue = await lab.queue(cpus=1)
    await lab.submit(1)
    for _ in range(4):
        await lab.look(20)
        name = next(name for name in lab.names if lab.cluster.jobs[name].phase is Phase.WAITING)
        lab.cluster.become(name, Phase.ENDED, "NODE_FAIL")
        await lab.look(20)
        if queue.failures == 2:
            name = next(name for name in lab.names if lab.cluster.jobs[name].phase is Phase.WAITING)
            await lab.join(name, slots=1)
            await lab.look()
            assert queue.failures == 0
            break
    assert not queue.paused


async def test_a_queue_whose_workers_do_not_get_its_labels_is_paused(lab: Lab) -> None:
    queue = await lab.queue(labels=["gpu=a100"])
    await lab.submit(1, on=("gpu",))
    await lab.look()
    (name,) = lab.names
    await lab.join(name)
    await lab.look()
    assert queue.paused
    assert queue.why == f"the worker {name} does not have the label gpu=a100 that was given to it: upgrade jobwire on the nodes"


async def test_no_answer_is_no_end(lab: Lab) -> None:
    queue = await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    wire = await lab.join(name)
    await wire.worker.happen(started(job))
    await lab.look(10)
    lab.cluster.answers = False
    wire.cut()
    for _ in range(5):
        await lab.look(10)
    assert lab.states == [State.JOINED]
    assert lab.side.state(lab.client, 1) == "RUNNING"
    assert "does not answer" in queue.trouble
    await lab.submit(5)
    await lab.look(1)
    assert len(lab.names) == 1, "nothing is asked for meanwhile"
    lab.cluster.answers = True
    await lab.look(10)
    assert not queue.trouble


async def test_an_end_that_proves_nothing_loses_no_job(lab: Lab) -> None:
    await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    wire = await lab.join(name)
    await wire.worker.happen(started(job))
    await lab.look(10)
    wire.cut()
    lab.cluster.become(name, Phase.ENDED, "NODE_FAIL")
    await lab.look(10)
    assert (lab.states, lab.side.state(lab.client, 1)) == ([State.ENDED], "RUNNING")
    # The node comes back, and with it what ended there meanwhile.
    await wire.worker.happen(ended(job, 3))
    lab.up(wire)
    await lab.side.durable()
    assert lab.side.state(lab.client, 1) == "FINISHED"
    wire.cut()
    await lab.look(10)
    assert lab.names == []


async def test_an_end_that_is_proven_tells_that_its_jobs_are_lost(lab: Lab) -> None:
    await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    wire = await lab.join(name)
    await wire.worker.happen(started(job))
    await lab.look(10)
    # As long as it is connected, it may tell how its jobs ended.
    lab.cluster.become(name, Phase.ENDED, "TIMEOUT", proves_end=True)
    await lab.look(10)
    assert lab.side.state(lab.client, 1) == "RUNNING"
    wire.cut()
    await lab.look(10)
    await lab.side.durable()
    outcome = lab.side.outcome(lab.client, 1)
    assert outcome is not None
    assert outcome.sentence == f"its worker was {name}, whose allocation is 100 TIMEOUT: what ran there was ended with it"


async def test_three_that_never_join_pause_the_queue_with_the_reason(lab: Lab) -> None:
    queue = await lab.queue()
    await lab.submit(1)
    for number in range(3):
        assert not queue.paused
        await lab.look(10)
        (name,) = lab.names
        (lab.folder / "growth" / name / OUTPUT).write_text("a module is loaded\nsh: python9: not found\n")
        lab.cluster.become(name, Phase.ENDED, "FAILED", proves_end=True)
        await lab.look(10)
        assert queue.failures == number + 1
    assert queue.paused
    assert queue.why == "3 allocations in a row ended before a worker joined; the last one: 102 FAILED: sh: python9: not found"
    await lab.look(10)
    assert lab.names == []
    await lab.restart()
    (kept,) = lab.grower.book.queues.values()
    assert (kept.paused, kept.why) == (True, queue.why)
    await lab.grower.set_paused(kept, paused=False)
    await lab.look(10)
    assert lab.states == [State.PENDING]


async def test_a_cluster_that_refuses_pauses_the_queue_too(lab: Lab) -> None:
    queue = await lab.queue()
    await lab.submit(9)
    lab.cluster.refuses = "Invalid account"
    for _ in range(3):
        await lab.look(10)
    assert queue.paused
    assert queue.why.endswith("the last one: Invalid account")
    assert lab.doors.open == set()


async def test_what_nobody_needs_any_more_is_given_back_after_a_while(lab: Lab) -> None:
    await lab.queue()
    await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    lab.side.house.desk._state.queue.withdraw(next(iter(lab.side.house.desk.live)))
    await lab.look(10)
    assert lab.states == [State.PENDING]
    await lab.look(61)
    assert (lab.states, lab.cluster.cancelled) == ([State.LEAVING], ["100"])
    # It starts all the same, and its worker joins: it gets nothing.
    wire = await lab.join(name)
    await lab.submit(1)
    await lab.side.durable()
    assert wire.worker.started == []


async def test_a_restart_asks_for_nothing_as_its_workers_come_back(lab: Lab) -> None:
    await lab.queue(cpus=1)
    (job, _) = await lab.submit(2)
    await lab.look()
    one, _other = lab.names
    wire = await lab.join(one, slots=1)
    await wire.worker.happen(started(job))
    await lab.look(10)
    assert lab.states == [State.JOINED, State.PENDING]
    await lab.restart()
    await lab.look()
    assert len(lab.names) == 2
    lab.up(wire)
    await lab.side.durable()
    await lab.look(10)
    assert lab.states == [State.JOINED, State.PENDING]


async def test_a_removed_queue_gives_back_what_waits_and_lets_jobs_end(lab: Lab) -> None:
    queue = await lab.queue(cpus=1)
    (job, _) = await lab.submit(2)
    await lab.look()
    one, other = lab.names
    wire = await lab.join(one, slots=1)
    await wire.worker.happen(started(job))
    await lab.look(10)
    await lab.grower.remove(queue)
    await lab.look()
    assert set(lab.states) == {State.LEAVING}
    assert lab.cluster.cancelled == [lab.cluster.jobs[other].cluster_id]
    await wire.worker.happen(ended(job))
    await lab.side.durable()
    await lab.look(11)
    wire.cut()
    for name in (one, other):
        lab.cluster.become(name, Phase.ENDED, "COMPLETED", proves_end=True)
    await lab.look(10)
    assert (lab.names, lab.grower.book.queues) == ([], {})


async def test_jobs_may_wait_for_what_only_a_queue_can_give(lab: Lab) -> None:
    stock = lab.side.engine.stock
    await lab.queue(cpus=4)
    wide, wider = (stock.never_fits(Wants(number)) for number in (4, 5))
    assert not wide
    assert wider
    long = stock.timed(Wants(1), 3_600_000)
    assert "ends in 59m" in stock.never_fits(long)
    await lab.submit(1)
    assert lab.side.waits_for(lab.client, 1) == "there is no worker; more are asked for through q"


async def test_a_drained_worker_leaves_when_its_jobs_have_ended(lab: Lab) -> None:
    await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    wire = await lab.join(name)
    await wire.worker.happen(started(job))
    await lab.look(10)
    lab.side.engine.drain(wire.worker.identity.public, drained=True)
    await lab.look(300)
    assert lab.states == [State.JOINED]
    await wire.worker.happen(ended(job))
    await lab.side.durable()
    worker = lab.side.engine.workers.get(wire.worker.identity.public)
    worker.used_at = lab.now - 61
    await lab.look()
    assert lab.states == [State.LEAVING]


async def test_several_workers_of_an_allocation_are_asked_for_once_and_leave_together(lab: Lab) -> None:
    await lab.queue(per_node=2, cpus=1)
    jobs = await lab.submit(3)
    await lab.look()
    assert (len(lab.cluster.jobs), len(lab.names)) == (2, 4), "two allocations of two workers for three jobs"
    first = [one for one in lab.names if lab.grower.book.allocations[one].group == next(iter(lab.cluster.jobs))]
    assert [one[-2:] for one in first] == ["-1", "-2"]
    wires = [await lab.join(name, slots=1) for name in first]
    ran = [wire.worker.started[0] for wire in wires]
    assert set(ran) < set(jobs)
    await lab.look(10)
    assert lab.states.count(State.JOINED) == 2
    # One is idle for long, and the other one works: nothing of the allocation is given back.
    await wires[0].worker.happen(started(ran[0]), ended(ran[0]))
    await lab.side.durable()
    await lab.look(10)
    workers = lab.side.engine.workers
    for wire in wires:
        workers.get(wire.worker.identity.public).used_at = lab.now - 300
    assert len(wires[0].worker.started) == 1, "the third job is there now"
    await wires[0].worker.happen(started(wires[0].worker.started[0]), ended(wires[0].worker.started[0]))
    await lab.side.durable()
    workers.get(wires[0].worker.identity.public).used_at = lab.now - 300
    await lab.look(1)
    assert [lab.grower.book.allocations[name].state for name in first] == [State.JOINED] * 2
    await wires[1].worker.happen(started(ran[1]), ended(ran[1]))
    await lab.side.durable()
    for wire in wires:
        workers.get(wire.worker.identity.public).used_at = lab.now - 300
    await lab.look(1)
    assert [lab.grower.book.allocations[name].state for name in first] == [State.LEAVING] * 2
    lab.cluster.become(next(iter(lab.cluster.jobs)), Phase.ENDED, "COMPLETED", proves_end=True)
    for wire in wires:
        wire.cut()
    await lab.look(10)
    assert not set(first) & set(lab.names)
    assert not (lab.folder / "growth" / next(iter(lab.cluster.jobs))).exists()


async def test_a_worker_of_several_that_never_joins_is_not_waited_for_and_keeps_nothing(lab: Lab) -> None:
    await lab.queue(per_node=2, cpus=1, most=4)
    first, second = await lab.submit(2)
    await lab.look()
    names = lab.names
    wire = await lab.join(names[0], slots=1)
    await lab.look(10)
    assert len(lab.cluster.jobs) == 1, "the other one may still come"
    await lab.look(200)
    assert len(lab.cluster.jobs) == 2, "another allocation is asked for what waits"
    for job in (first, second):
        assert wire.worker.started == [job]
        await wire.worker.happen(started(job), ended(job))
        await lab.side.durable()
    lab.side.engine.workers.get(wire.worker.identity.public).used_at = lab.now
    await lab.look(200)
    assert {lab.grower.book.allocations[name].state for name in names} == {State.LEAVING}
    # The one that has joined is told to leave: its allocation is not cancelled under it.
    assert lab.grower.book.allocations[names[1]].cluster_id not in lab.cluster.cancelled


async def test_several_that_fail_together_are_one_failure(lab: Lab) -> None:
    queue = await lab.queue(per_node=3, cpus=1)
    await lab.submit(1)
    await lab.look()
    (asked,) = lab.cluster.jobs
    lab.cluster.become(asked, Phase.ENDED, "FAILED")
    await lab.look(10)
    assert queue.failures == 1

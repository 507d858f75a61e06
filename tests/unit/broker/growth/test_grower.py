"""A broker that grows, with a real desk and store, a cluster that does what a test wants, and workers that join over links in memory."""

from __future__ import annotations

from broker_house import ended, started
from growth_lab import Lab

from jobwire.broker.growth.cluster import Phase, Seen
from jobwire.broker.growth.life import State
from jobwire.schemas.workers.capacity import Capacity, Wants


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
    assert lab.side.waits_for(lab.client, 1) == "there is no worker; more are requested through q"


async def test_a_drained_worker_leaves_when_its_jobs_have_ended(lab: Lab) -> None:
    await lab.queue()
    (job,) = await lab.submit(1)
    await lab.look()
    (name,) = lab.names
    wire = await lab.join(name)
    await wire.worker.happen(started(job))
    await lab.look(10)
    lab.side.engine.drains.drain(wire.worker.identity.public, drained=True)
    await lab.look(300)
    assert lab.states == [State.JOINED]
    await wire.worker.happen(ended(job))
    await lab.side.durable()
    worker = lab.side.engine.workers.get(wire.worker.identity.public)
    worker.used_at = lab.now - 61
    await lab.look()
    assert lab.states == [State.LEAVING]

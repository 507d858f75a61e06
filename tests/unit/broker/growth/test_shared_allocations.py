"""Allocations of several workers: asked for once, given back together, and one failure if they fail."""

from __future__ import annotations

from broker_house import ended, started
from growth_lab import Lab

from jobwire.broker.growth.cluster import Phase
from jobwire.broker.growth.life import State


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

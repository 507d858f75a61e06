"""Queues of clusters that fail: counted, paused with the reason, and what follows from an end or from no answer."""

from __future__ import annotations

import asyncio

import pytest
from broker_house import ended, started
from growth_lab import Lab

from jobwire.broker.growth import grower
from jobwire.broker.growth.census import Census
from jobwire.broker.growth.cluster import Phase
from jobwire.broker.growth.folders import OUTPUT
from jobwire.broker.growth.life import State
from jobwire.schemas.refusal import Code, Refused


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
    assert "does not respond" in queue.trouble
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
    assert outcome.sentence == f"its worker was {name}, whose allocation is 100 TIMEOUT: its jobs ended with it"


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


@pytest.mark.parametrize(
    ("error", "level"), [(Refused(Code.FAILED_PRECONDITION, "the roster cannot be written"), "WARNING"), (KeyError("a bug"), "ERROR")]
)
async def test_what_fails_is_tried_again_without_news_and_only_a_bug_has_a_traceback(
    lab: Lab, error: Exception, level: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.queue()
    failures = [error]
    again = asyncio.Event()

    async def look() -> None:
        if failures:
            raise failures.pop()
        again.set()

    monkeypatch.setattr(grower, "_AFTER_A_FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(lab.grower, "look", look)
    # Nothing else is due.
    monkeypatch.setattr(Census, "seconds_to_wait", lambda _: None)
    with caplog.at_level("WARNING", logger=grower.__name__):
        lab.grower.open()
        try:
            await asyncio.wait_for(again.wait(), 60)
        finally:
            lab.grower.close()
    (record,) = [one for one in caplog.records if one.name == grower.__name__]
    assert record.levelname == level
    assert bool(record.exc_info) == isinstance(error, KeyError)


async def test_a_worker_that_cannot_be_removed_from_the_roster_keeps_no_other_from_being_noted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.queue()
    await lab.submit(2)
    await lab.look()
    (first,) = lab.names
    lab.cluster.become(first, Phase.ENDED, "FAILED", proves_end=True)

    async def close(name: str, token: bytes) -> None:
        raise Refused(Code.UNAVAILABLE, f"the roster is locked, so {name} stays, with {len(token)} bytes")

    with monkeypatch.context() as patch:
        patch.setattr(lab.doors, "close", close)
        for _ in range(2):
            with pytest.raises(Refused, match="the roster is locked"):
                await lab.look(10)
        second = next(name for name in lab.names if name != first)
        await lab.join(second)
        with pytest.raises(Refused, match="the roster is locked"):
            await lab.look(10)
        assert lab.grower.book.allocations[second].state is State.JOINED
    await lab.look(10)
    assert lab.names == [second]

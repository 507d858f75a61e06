"""What requests in between see: of a start that is on disk before the desk knows, and of an end before it is on disk."""

from __future__ import annotations

import sqlite3

import pytest
from daemons import wait_until
from desk_house import OWNER, House, asked, asked_with, attempt, ended, key, started

from jobwire.broker.engine import Started
from jobwire.broker.requests.reads.jobs import describe
from jobwire.broker.store.selection import Selection
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.naming import parse_typed
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity


def commit_unheard(house: House, number: int) -> None:
    """Have a job committed while the loop does not turn, and so does not hear of it."""
    house.desk.accept(OWNER, [asked(number)], None, b"proof", lambda _: None)
    store = sqlite3.connect(f"file:{house.path}?mode=ro", uri=True)
    try:
        wait_until(lambda: store.execute("SELECT 1 FROM jobs").fetchone(), "it is committed")
    finally:
        store.close()


async def test_a_job_is_there_once_the_desk_has_heard_of_it(house: House) -> None:
    me = Member("me", OWNER, "submitter")
    commit_unheard(house, 1)
    for look in (lambda: house.lookup.visible_job(key(1), me), lambda: house.lookup.named("01010101", parse_typed("01010101"), me)):
        with pytest.raises(Refused) as refused:
            look()
        assert refused.value.code is Code.NOT_FOUND
    page = house.lookup.page(Selection(), None, 10)
    assert not [job for _, job in page.jobs if job]
    assert page.onward is None
    await house.durable()
    # What is found now is the desk's own: who watches or stops it hears of its end, and it does not run on beside that.
    assert house.lookup.visible_job(key(1), me) is house.live[key(1)]
    house.engine.expect(("start", attempt(1)))


def shown(house: House, number: int) -> job_pb2.Job:
    member = Member("me", OWNER, "submitter")
    return describe(house.lookup.visible_job(key(number), member), house.desk, lambda _: member, house.ages)


async def test_a_job_is_shown_as_ended_once_that_is_on_disk(house: House) -> None:
    await house.accept(asked(1), asked(2))
    house.desk.hear([started(1), started(2)])
    await house.durable()
    house.stop(house.live[key(2)])
    house.desk.hear([ended(1), ended(2)])
    for number, state in ((1, job_pb2.STATE_RUNNING), (2, job_pb2.STATE_STOPPING)):
        before = shown(house, number)
        assert (before.state, before.ended_at_us, before.HasField("outcome")) == (state, 0, False)
    await house.durable()
    for number in (1, 2):
        after = shown(house, number)
        assert (after.state, after.HasField("outcome")) == (job_pb2.STATE_FINISHED, True)
        assert after.ended_at_us
    house.engine.effects.clear()


async def test_a_job_that_is_cancelled_is_shown_as_queued_until_that_is_on_disk(house: House) -> None:
    await house.accept(asked(1), asked(2), asked(3))
    house.stop(house.live[key(3)])
    assert (shown(house, 3).state, shown(house, 3).HasField("outcome")) == (job_pb2.STATE_QUEUED, False)
    await house.durable()
    assert shown(house, 3).state == job_pb2.STATE_FINISHED
    house.engine.effects.clear()


async def test_a_job_is_shown_with_the_gpus_of_the_attempt_that_is_shown(house: House) -> None:
    house.state.queue.set_capacity(Capacity(2, gpus=("gpu-a", "gpu-b")))
    await house.accept(asked_with(1, gpus=1, retry=RetryRule(1)), asked_with(2, gpus=1), asked_with(3, gpus=1, priority=1))
    await house.durable()
    # The one of the higher priority has the first, and the two others wait for the second.
    assert [tuple(house.live[key(number)].gpus) for number in (1, 2, 3)] == [("gpu-b",), (), ("gpu-a",)]
    house.desk.hear([started(1), started(3)])
    await house.durable()
    house.desk.hear([ended(3), ended(1, status=1)])
    assert (shown(house, 1).state, list(shown(house, 1).gpus)) == (job_pb2.STATE_RUNNING, ["gpu-b"])
    await house.durable()
    house.desk.hear([Started(attempt(1, 2), 201, 4_000_000)])
    await house.durable()
    assert (shown(house, 1).state, list(shown(house, 1).gpus)) == (job_pb2.STATE_RUNNING, ["gpu-a"])
    await house.restart()
    assert house.live[key(1)].gpus == ("gpu-a",)
    house.engine.effects.clear()

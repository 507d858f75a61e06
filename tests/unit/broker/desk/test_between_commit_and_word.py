"""What requests in between see: of a start that is on disk before the desk knows, and of an end before it is on disk."""

from __future__ import annotations

import sqlite3

import pytest
from daemons import wait_until
from desk_house import OWNER, House, asked, attempt, ended, key, started

from jobwire.broker.requests.reads.jobs import describe
from jobwire.broker.store.selection import Selection
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.naming import parse_typed
from jobwire.schemas.refusal import Code, Refused


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

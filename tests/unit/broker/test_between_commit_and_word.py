"""Between the moment a start is on disk and the one in which the desk hears of it, others ask: for them there is no such job yet."""

from __future__ import annotations

import sqlite3

import pytest
from daemons import wait_until
from desk_house import OWNER, House, asked, key

from jobwire.keys.rights import Member
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
    for look in (lambda: house.desk.lookup.visible_job(key(1), me), lambda: house.desk.lookup.named("01010101", me)):
        with pytest.raises(Refused) as refused:
            look()
        assert refused.value.code is Code.NOT_FOUND
    assert house.desk.lookup.page(me, everything=False, owner=b"", batch=b"", batch_name="", after=0, limit=10) == []
    await house.durable()
    # What is found now is the desk's own: who watches or stops it hears of its end, and it does not run on beside that.
    assert house.desk.lookup.visible_job(key(1), me) is house.desk.live[key(1)]
    house.engine.expect(("start", key(1)))

"""Which job a person means."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3

import pytest
from desk_house import OWNER, House, asked, ended, key, started

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.store.names import Candidate, choose
from jobwire.keys.members.rights import Member
from jobwire.schemas.jobs.spec import digest, to_wire
from jobwire.schemas.jobs.states import Pick, State
from jobwire.schemas.naming import JobKey, format_id, parse_typed
from jobwire.schemas.refusal import Code, Reason, Refused

ME = Member("me", OWNER, "submitter")
OTHER = b"x" * 32
ADMIN = Member("admin", b"a" * 32, "admin")
DAY_US = 1_764_374_400_000_000


def candidate(number: int, state: State) -> Candidate:
    return Candidate(key(number), state, DAY_US, DAY_US if state is not State.QUEUED else 0, DAY_US + 60_000_000)


RUNS, WAITS, ENDS, ENDED = (candidate(number, state) for number, state in enumerate((State.RUNNING, State.QUEUED, *2 * [State.FINISHED])))


@pytest.mark.parametrize(
    ("pick", "candidates", "meant"),
    [
        (Pick.ONLY, [ENDS], ENDS),
        (Pick.NEWEST, [ENDS, RUNS], ENDS),
        (Pick.ALIVE, [ENDS, RUNS, ENDED], RUNS),
        (Pick.ALIVE, [ENDS, ENDED], ENDS),
    ],
)
def test_of_several_jobs_that_one_is_meant_that_the_verb_needs(pick: Pick, candidates: list[Candidate], meant: Candidate) -> None:
    assert choose("nightly", candidates, pick) == meant.key


@pytest.mark.parametrize(("pick", "candidates"), [(Pick.ONLY, [ENDS, RUNS]), (Pick.ALIVE, [WAITS, RUNS, ENDED])])
def test_an_ambiguity_lists_ids_with_state_and_time(pick: Pick, candidates: list[Candidate]) -> None:
    with pytest.raises(Refused) as refused:
        choose("nightly", candidates, pick)
    assert refused.value.reason is Reason.AMBIGUOUS
    assert f"{format_id(RUNS.key.id)} running since 2025-11-29 00:00:00 UTC" in refused.value.message
    assert ("ended 2025-11-29 00:01:00 UTC" in refused.value.message) == (pick is Pick.ONLY)
    assert ("queued since" in refused.value.message) == (pick is Pick.ALIVE)


def test_a_long_ambiguity_is_cut_off() -> None:
    with pytest.raises(Refused, match=r", \.\.\.;") as refused:
        choose("x", [candidate(number, State.FINISHED) for number in range(9)], Pick.ONLY)
    assert refused.value.message.count("ended 2025") == 5


def named(number: int, name: str) -> Asked:
    spec = dataclasses.replace(asked(number).spec, name=name)
    return Asked(bytes([number]) * 16, spec, digest(spec), to_wire(spec).SerializeToString())


def find(house: House, text: str, member: Member, pick: Pick = Pick.ONLY, owner: bytes = b"") -> JobKey:
    return house.lookup.named(text, parse_typed(text), member, pick, owner).key


async def test_a_bare_name_is_ones_own_and_only_else_that_of_another(house: House) -> None:
    await house.accept(named(1, "build"))
    await house.accept(named(2, "build"), owner=OTHER)
    await house.accept(named(3, "theirs"), named(4, "theirs"), owner=OTHER)
    me = dataclasses.replace(ME, role="operator")
    assert find(house, "build", me) == key(1)
    assert find(house, "me/build", me, owner=OWNER) == key(1)
    assert find(house, "x/build", me, owner=OTHER) == JobKey(OTHER, b"\2" * 16)
    with pytest.raises(Refused) as refused:
        find(house, "build", ADMIN, Pick.NEWEST)
    assert refused.value.reason is Reason.AMBIGUOUS
    assert find(house, "x/theirs", ADMIN, Pick.NEWEST, OTHER) == JobKey(OTHER, b"\4" * 16)
    assert find(house, "x/last", ADMIN, owner=OTHER) == JobKey(OTHER, b"\4" * 16)
    with pytest.raises(Refused) as refused:
        find(house, "theirs", ME, Pick.NEWEST)
    assert refused.value.code is Code.NOT_FOUND
    house.engine.effects.clear()


async def test_a_prefix_of_several_ids_means_none_of_them(house: House) -> None:
    prefix = b"\xab" * 8
    jobs = [dataclasses.replace(named(number, ""), id=prefix + bytes([number]) * 8) for number in (1, 2)]
    await house.accept(*jobs)
    for pick in Pick:
        with pytest.raises(Refused) as refused:
            find(house, "abababab", ME, pick)
        assert refused.value.reason is Reason.AMBIGUOUS
    assert find(house, "abab" * 4 + "01", ME) == JobKey(OWNER, jobs[0].id)
    house.engine.effects.clear()


async def test_the_newest_is_found_among_many_and_the_one_that_is_alive_too(house: House) -> None:
    house.limits = dataclasses.replace(house.limits, queued_jobs=1000)
    await house.accept(named(1, "build"))
    house.now += 1_000_000
    await house.accept(*(named(number, "build") for number in range(2, 100)))
    house.now += 1_000_000
    assert find(house, "build", ME, Pick.NEWEST) == key(99)
    house.desk.hear([started(1), ended(1)])
    for number in range(2, 99):
        house.stop(house.live[key(number)])
        if house.live[key(number)].attempt.phase.name != "ENDED_QUEUED":
            house.desk.hear([ended(number)])
    await house.durable()
    assert find(house, "build", ME, Pick.ALIVE) == key(99)
    assert find(house, "build", ME, Pick.NEWEST) == key(99)
    house.engine.effects.clear()


@pytest.mark.parametrize(
    "index",
    [
        "jobs_alive_by_name WHERE jobs.ok IS NULL AND owner = x'00' AND",
        "jobs_by_name_of_owner WHERE owner = x'00' AND",
        "jobs_by_name WHERE",
    ],
)
async def test_a_name_is_found_by_an_index_in_its_order(house: House, index: str) -> None:
    with sqlite3.connect(house.path) as store:
        sql = f"SELECT id FROM jobs INDEXED BY {index} name <> '' AND name = 'x' ORDER BY queued_at DESC, row DESC"
        plan = [row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}")]
    store.close()
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH jobs USING")
    assert "(owner=? AND name=?)" in plan[0] or "owner" not in index


async def test_the_one_alive_of_several_members_is_found_and_two_are_listed_newest_first(house: House) -> None:
    await house.accept(named(1, "build"), owner=OTHER)
    assert find(house, "build", ADMIN, Pick.ALIVE) == JobKey(OTHER, b"\1" * 16)
    house.now += 1_000_000
    await house.accept(named(2, "build"))
    third = dataclasses.replace(ADMIN, key=b"\7" * 32)
    with pytest.raises(Refused, match=r"more than one job that has not ended: 0202.*, 0101") as refused:
        find(house, "build", third, Pick.ALIVE)
    assert refused.value.reason is Reason.AMBIGUOUS
    house.engine.effects.clear()


@pytest.mark.parametrize("text", ["abababab", "abab" * 7, "abab" * 8, "build", "last"])
@pytest.mark.parametrize("member", [ME, ADMIN], ids=["a member", "an admin"])
@pytest.mark.parametrize("pick", list(Pick))
async def test_nothing_is_sorted_to_find_what_a_text_means(house: House, text: str, member: Member, pick: Pick) -> None:
    jobs = [dataclasses.replace(named(number, "build"), id=b"\xab" * 14 + number.to_bytes(2)) for number in range(3)]
    await house.accept(*jobs)
    asked_for: list[str] = []
    house.store._reads.set_trace_callback(asked_for.append)
    with contextlib.suppress(Refused):
        find(house, text, member, pick)
    house.store._reads.set_trace_callback(None)
    assert asked_for
    for sql in asked_for:
        plan = [row[3] for row in house.store._reads.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN")], (sql, plan)
    house.engine.effects.clear()

"""A write about many jobs is executed in several turns of the loop, and is there as a whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest
from desk_house import OWNER, House, asked, asked_with, ended, started

from jobwire.broker.desk.inputs import Accepted, Alter, Asked
from jobwire.broker.jobs.job import RunKey
from jobwire.broker.store import store
from jobwire.broker.store.rows import new_rows
from jobwire.broker.writes.jobs import DropJobs
from jobwire.broker.writes.staged import Staged, StagedJob, StagePart
from jobwire.schemas.batches.parts import KeptJob, join
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused

_JOBS = 1000
# Fewer than its parts.
_TURNS = 5


def _held(number: int) -> Asked:
    spec = JobSpec(argv=(b"true",), held=True)
    return Asked(number.to_bytes(16), spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def _many() -> list[Asked]:
    return [_held(number) for number in range(1000, 1000 + _JOBS)]


def _start(house: House, *jobs: Asked) -> asyncio.Future[Accepted | Refused]:
    done: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
    house.desk.accept(OWNER, jobs, None, b"proof", done.set_result)
    return done


def _count(house: House, what: str = "jobs") -> int:
    """Return how many rows another process would find."""
    with closing(sqlite3.connect(house.path)) as other:
        return int(other.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


async def _turns(until: asyncio.Future[Accepted | Refused], each: Callable[[], object]) -> int:
    """Return how many turns the loop has had before the future was done."""
    turns = 0
    while not until.done():
        each()
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_others_have_their_turns_while_many_jobs_are_added(house: House) -> None:
    found: set[int] = set()
    large = _start(house, *_many())
    small = _start(house, _held(1))
    assert await _turns(large, lambda: found.add(_count(house))) > _TURNS
    assert found <= {0, _JOBS + 1}, "nothing of it is there before all of it is, and what came meanwhile shares its commit"
    accepted, other = await large, await small
    assert isinstance(accepted, Accepted)
    assert isinstance(other, Accepted)
    assert (accepted.seq, other.seq) == (0, _JOBS)
    assert _count(house) == _count(house, "events") == _JOBS + 1


async def test_a_step_is_shorter_the_more_labels_jobs_have(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tuple((f"label-{number}", "x") for number in range(64))
    spec = JobSpec(argv=(b"true",), held=True, labels=labels)
    jobs = [Asked(number.to_bytes(16), spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()) for number in range(150)]
    insert, steps = new_rows.insert, []

    def note(connection: sqlite3.Connection, rows: list[object], *others: object, **more: object) -> None:
        steps.append(len(rows))
        insert(connection, rows, *others, **more)  # type: ignore[arg-type] # reason: passed on

    monkeypatch.setattr(new_rows, "insert", note)
    assert isinstance(await _start(house, *jobs), Accepted)
    assert steps == [5] * 30
    assert (_count(house), _count(house, "labels")) == (150, 150 * 64)


def _large(number: int) -> Asked:
    spec = JobSpec(argv=(b"true", *(bytes([65 + place]) * 131_000 for place in range(14))), held=True, stdin=b"i" * 1024 * 1024)
    return Asked(number.to_bytes(16), spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


async def test_others_have_their_turns_while_one_large_job_is_added(house: House) -> None:
    job, proof = _large(1), bytes(range(256)) * 20_000
    done: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
    house.desk.accept(OWNER, [job, _held(2)], None, proof, done.set_result)
    # Each step has half a megabyte.
    assert await _turns(done, lambda: None) > (len(job.raw) + len(proof)) // (512 * 1024)
    assert isinstance(await done, Accepted)
    assert house.store.read("SELECT spec FROM jobs ORDER BY row") == [(job.raw,), (_held(2).raw,)]
    assert house.store.read("SELECT envelope FROM proofs") == [(proof,)]


@pytest.mark.parametrize("turns", [0, 3, 8])
async def test_of_a_large_job_a_store_that_is_closed_meanwhile_has_all_of_it(house: House, turns: int) -> None:
    job = _large(1)
    _start(house, job)
    for _ in range(turns):
        await asyncio.sleep(0)
    await house.restart()
    house.engine.effects.clear()
    assert house.store.read("SELECT spec FROM jobs") == [(job.raw,)]


async def test_others_have_their_turns_while_a_large_part_is_staged(house: House) -> None:
    job, run = _large(1), RunKey(OWNER, b"r" * 16)
    content = join([KeptJob(job.id, job.digest, job.raw)])
    part = StagePart(run, 0, [StagedJob(job.id, job.digest, (), "")], content, b"h" * 32, len(job.raw), 0, [], 0, 0, [0], None)
    done: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
    house.store.submit(part, lambda: done.set_result(Accepted([], 0, 0)))
    assert await _turns(done, lambda: None) > len(content) // (512 * 1024)
    assert isinstance(part.result, Staged)
    assert house.store.read("SELECT content FROM staged_parts") == [(content,)]


async def test_others_have_their_turns_while_large_jobs_are_forgotten(house: House) -> None:
    keys = []
    for number in range(1, 9):
        job = asked_with(number, stdin=bytes([number]) * 1024 * 1024)
        accepted: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
        house.desk.accept(OWNER, [job], None, bytes([number]) * 1024 * 1024, accepted.set_result)
        assert isinstance(await accepted, Accepted)
        house.desk.hear([started(number), ended(number)])
        await house.durable()
        keys.append(JobKey(OWNER, job.id))
    write = DropJobs(keys, 0)
    done: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
    house.store.submit(write, lambda: done.set_result(Accepted([], 0, 0)))
    # One for each job and one for each proof.
    assert await _turns(done, lambda: None) > 2 * len(keys) - 1
    assert isinstance(write.result, list)
    assert [one.key.job for one in write.result] == keys
    assert (_count(house), _count(house, "proofs"), _count(house, "tombstones")) == (0, 0, len(keys))
    house.engine.effects.clear()


async def test_of_very_many_writes_the_rest_is_reported_in_later_turns_in_their_order(house: House) -> None:
    told: list[int] = []
    turns: list[int] = []

    def tell(number: int, result: Accepted | Refused) -> None:
        assert isinstance(result, Accepted)
        told.append(number)

    for number in range(1, 151):
        house.desk.accept(OWNER, [_held(number)], None, b"proof", partial(tell, number))
    while len(told) < 150:
        before = len(told)
        await asyncio.sleep(0)
        turns.append(len(told) - before)
    assert told == [*range(1, 151)]
    assert max(turns) == store._REPORTS_A_TURN
    assert len(house.live) == 150


async def test_others_have_their_turns_while_many_jobs_are_changed(house: House) -> None:
    jobs = _many()
    await house.accept(*jobs)
    done: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()
    house.desk.take(Alter([JobKey(OWNER, one.id) for one in jobs], None, 7, None, "ada", b"change", done.set_result))
    turns = 0
    while not done.done():
        assert _count(house, "jobs WHERE priority = 7") in {0, _JOBS}
        await asyncio.sleep(0)
        turns += 1
    assert turns > 1
    assert _count(house, "jobs WHERE priority = 7") == _JOBS
    told = [event_pb2.Event.FromString(row) for (row,) in house.store.read("SELECT event FROM events ORDER BY seq")]
    assert [event.key.id for event in told] == [one.id for one in jobs] * 2


@pytest.mark.parametrize("turns", [0, 1, 3, _TURNS])
async def test_a_store_that_is_closed_meanwhile_has_all_of_it(house: House, turns: int) -> None:
    _start(house, *_many())
    _start(house, _held(1))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert _count(house) == 0
    await house.restart()
    house.engine.effects.clear()
    assert _count(house) == _count(house, "events") == len(house.live) == _JOBS + 1


@pytest.mark.parametrize("turns", [0, 1, 3, _TURNS])
async def test_of_a_worker_that_dies_meanwhile_nothing_of_it_is_there(house: House, turns: int) -> None:
    await house.accept(_held(1))
    _start(house, *_many())
    for _ in range(turns):
        await asyncio.sleep(0)
    house.store._writes.execute("ROLLBACK")
    house.store._left = None
    house.store._committing = []
    await house.restart()
    house.engine.effects.clear()
    assert [*house.live] == [JobKey(OWNER, (1).to_bytes(16))]
    accepted = await house.accept(*_many())
    assert (accepted.known, _count(house)) == (0, _JOBS + 1)


async def test_one_that_does_not_fit_is_refused_as_a_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, parts = new_rows.insert, [0]

    def fail(connection: sqlite3.Connection, jobs: list[object], *others: object, **more: object) -> None:
        parts[0] += len(jobs) > 1
        if len(jobs) > 1 and parts[0] == 3:
            raise sqlite3.OperationalError("database or disk is full")
        insert(connection, jobs, *others, **more)  # type: ignore[arg-type] # reason: passed on

    monkeypatch.setattr(new_rows, "insert", fail)
    large, small = _start(house, *_many()), _start(house, _held(1))
    refused, accepted = await large, await small
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    assert isinstance(accepted, Accepted)
    assert (_count(house), len(house.live)) == (1, 1)
    assert (await house.accept(*_many())).known == 0


async def test_an_id_that_is_taken_is_found_in_every_part(house: House) -> None:
    taken = _many()[700]
    await house.accept(taken)
    again = asked(1, b"false")
    others = [*_many()[:700], Asked(taken.id, again.spec, again.digest, again.raw), *_many()[701:]]
    with pytest.raises(Refused) as refused:
        await house.accept(*others)
    assert refused.value.code is Code.ALREADY_EXISTS
    accepted = await house.accept(*_many())
    assert (accepted.known, _count(house)) == (1, _JOBS)

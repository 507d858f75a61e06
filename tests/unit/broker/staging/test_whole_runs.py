"""What is decided from all jobs of a run that arrives in parts: what it ends with, and what a failure cancels. Also across a crash."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from desk_house import OWNER, House
from staged_batches import RUN, hash_of, job_id, new_job, stage

from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.store.rows.batches import runs, staged_queries
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id

ON_FINISH = specs.to_wire(JobSpec((b"notify",))).SerializeToString()
FINISH = finish_job_id(RUN)
MANY = [new_job(number) for number in range(230)]


def after(number: int, condition: job_pb2.Condition.ValueType) -> list[job_pb2.After]:
    return [job_pb2.After(condition=condition, job=job_id(number))]


# Those of the second part: 300 cleans up after one of the first part, and 301 after that; 302 waits for what cleans up only by its group.
SECOND = [
    new_job(300, name="tidy[0]", after=after(3, job_pb2.CONDITION_ANY)),
    new_job(301, after=after(300, job_pb2.CONDITION_OK)),
    new_job(303),
]
THIRD = [
    new_job(302, after=[job_pb2.After(condition=job_pb2.CONDITION_OK, run=RUN, name="tidy")]),
    new_job(304, after=after(301, job_pb2.CONDITION_OK)),
    new_job(305, after=after(303, job_pb2.CONDITION_OK)),
]
PARTS = [MANY, SECOND, THIRD]
CLEAN_UP = {job_id(number) for number in (300, 301, 302, 304)}


class Ran:
    """Which jobs were started, and how they are to end."""

    def __init__(self, *fails: bytes) -> None:
        self.started: list[bytes] = []
        self.fails = fails

    async def turn(self, house: House) -> None:
        """Let what was started end, and write what follows."""
        attempts = [effect[1] for effect in house.engine.effects if effect[0] == "start"]
        house.engine.effects.clear()
        for attempt in attempts:
            assert isinstance(attempt, AttemptKey)
            self.started.append(attempt.id)
            outcome = Outcome(OutcomeKind.EXITED, exit_status=int(attempt.id in self.fails))
            pid = len(self.started)
            house.desk.hear([Started(attempt, pid, house.now), Ended(attempt, pid, house.now, house.now, outcome)])
        await house.durable()

    async def to_the_end(self, house: House) -> None:
        for _ in range(5000):
            await self.turn(house)
            if not (house.live or staged_queries.pending(house.store.read) or house.state.under_way or house.engine.effects):
                return
        raise AssertionError("it does not end")


async def begin(house: House, **batch: object) -> None:
    for number, part in enumerate(PARTS):
        await stage(house, number, part)
    run = BatchRun(RUN, "nightly", 0, **batch)  # type: ignore[arg-type] # reason: its fields
    house.staging.commit(OWNER, run, [hash_of(part) for part in PARTS], b"proof", lambda _: None)


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_run_ends_with_its_on_finish_after_the_last_job_of_the_last_part(house: House, crashes: bool) -> None:  # noqa: FBT001 -- both
    await begin(house, on_finish=ON_FINISH)
    ran = Ran()
    while not ran.started:
        await ran.turn(house)
    # What has started ends before the others come.
    assert staged_queries.pending(house.store.read)
    if crashes:
        house.engine.effects.clear()
        house.engine.known = []
        await house.restart()
    await ran.to_the_end(house)
    assert ran.started.count(FINISH) == 1
    assert ran.started[-1] == FINISH
    told = dict(house.lookup.visible_job(JobKey(OWNER, FINISH), house.members[OWNER]).spec.environment)
    assert told[b"JOBWIRE_RUN_JOBS"] == b"%d" % sum(map(len, PARTS))
    await house.restart()
    assert not house.live
    assert house.engine.effects == [("recover",)]
    house.engine.effects.clear()


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_failure_cancels_what_has_not_come_yet_and_spares_what_cleans_up(house: House, crashes: bool) -> None:  # noqa: FBT001 -- both
    await begin(house, on_failure=OnFailure.CANCEL_REST, on_finish=ON_FINISH)
    ran = Ran(job_id(3))
    while job_id(3) not in ran.started:
        await ran.turn(house)
    if crashes:
        await ran.turn(house)
        house.engine.known = []
        house.engine.effects.clear()
        await house.restart()
    await ran.to_the_end(house)
    late = set(ran.started) & {job.id for job in (*MANY[150:], *SECOND, *THIRD)}
    assert late == CLEAN_UP
    assert ran.started[-1] == FINISH
    run = house.lookup.run(OWNER, RUN, "")
    assert run is not None
    assert (run.jobs, run.queued, run.running) == (sum(map(len, PARTS)), 0, 0)
    assert house.store.read("SELECT count(*) FROM staged_clean_up") == [(0,)]


async def test_the_row_of_a_run_stays_until_its_last_part_came(house: House) -> None:
    await begin(house, on_finish=ON_FINISH)
    ran = Ran()
    while len(ran.started) < 10:
        await ran.turn(house)
    ended = [one for one in ran.started if house.lookup.has_ended(JobKey(OWNER, one))]
    (row,) = house.store.read("SELECT row FROM batches")[0]
    connection = sqlite3.connect(house.path)
    with closing(connection), connection:
        connection.execute("UPDATE staged_runs SET is_whole = 0")
        connection.execute("UPDATE batches SET jobs = 0")
        connection.execute("UPDATE jobs SET batch = NULL")
        assert ended
        assert runs.drop_jobs(connection.execute, row, [0]) == set()
        connection.execute("UPDATE staged_runs SET is_whole = 1")
        assert runs.drop_jobs(connection.execute, row, [0]) != set()
        connection.rollback()
    await ran.to_the_end(house)

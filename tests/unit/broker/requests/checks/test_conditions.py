"""What a start refuses about the order of its jobs, and what a rerun waits for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from desk_house import OWNER, EngineDouble, House, asked, ended, started

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.requests.checks.conditions import adapt_reruns, demand_order
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import MOST_CONDITIONS, MOST_CONDITIONS_OF_A_START, After, Condition, check
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import Capacity

RUN = b"r" * 16


def job(number: int, *after: After, name: str = "", again: int = 0) -> Asked:
    spec = JobSpec((b"true",), name=name, after=after)
    before = JobKey(OWNER, asked(again).id) if again else None
    return Asked(asked(number).id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString(), before)


def on(number: int) -> After:
    return After(Condition.OK, job=asked(number).id)


def demand(*jobs: Asked) -> None:
    for _ in demand_order(jobs, RUN):
        pass


def test_jobs_that_wait_for_each_other_are_refused_with_their_names() -> None:
    with pytest.raises(Refused, match=r"a \(01010101\) waits for the job 02020202 waits for a \(01010101\)") as circle:
        demand(job(1, on(2), name="a"), job(2, on(1)), job(3))
    assert circle.value.job_index == 0
    with pytest.raises(Refused, match=r"a\[0\] \(01010101\) waits for its own end"):
        demand(job(1, After(Condition.ANY, run=RUN, name="a"), name="a[0]"))
    demand(job(1, on(2), on(9)), job(2, After(Condition.OK, run=RUN, name="b")), job(3, name="b"))


def test_a_start_has_a_limit_of_conditions() -> None:
    whole = [After(Condition.OK, job=b"%016d" % number) for number in range(MOST_CONDITIONS)]
    enough = [job(number, *whole) for number in range(1, MOST_CONDITIONS_OF_A_START // MOST_CONDITIONS + 1)]
    demand(*enough)
    with pytest.raises(Refused, match=f"under {MOST_CONDITIONS_OF_A_START + 1} conditions, the limit is {MOST_CONDITIONS_OF_A_START}"):
        demand(*enough, job(99, on(98)))


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ([on(1)] * 2, "two conditions of the job are about the job 01010101-"),
        ([After(Condition.OK)], "by an id of 16 bytes"),
        ([After(Condition.OK, job=b"x")], "by an id of 16 bytes"),
        ([After(Condition.OK, job=RUN, run=RUN)], "by an id of 16 bytes"),
        ([After(Condition.OK, job=RUN, name="a")], "by an id of 16 bytes"),
        ([After(Condition.OK, run=RUN, name="cafe")], "cafe"),
        ([After(Condition.OK, job=bytes([number // 256, number % 256]) * 8) for number in range(MOST_CONDITIONS + 1)], "the limit is 1000"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(after: list[After], message: str) -> None:
    with pytest.raises(Refused, match=message):
        check(after)


def test_a_rerun_waits_only_for_what_is_run_again_with_it(tmp_path: Path) -> None:
    async def play() -> None:
        house = House(tmp_path / "state.db", EngineDouble(Capacity(4)))
        house.open()
        group = After(Condition.OK, run=RUN, name="a")
        await house.accept(job(1, name="a[0]"), job(2, name="a[1]"), job(3, on(1), on(2), group), batch=BatchRun(RUN, "", 0))
        house.desk.hear([started(1), ended(1), started(2), ended(2, 1)])
        await house.durable()
        new_run = b"n" * 16
        again = [job(12, name="a[1]", again=2), job(13, on(1), on(2), group, again=3)]
        for _ in adapt_reruns(again, OWNER, new_run, house.lookup):
            pass
        assert again[1].spec.after == (on(12), group._replace(run=new_run))
        assert again[1].digest == specs.digest(again[1].spec)
        alone = [job(23, on(1), on(2), group, again=3)]
        for _ in adapt_reruns(alone, OWNER, b"", house.lookup):
            pass
        assert alone[0].spec.after == ()
        house.engine.effects.clear()
        await house.durable()
        house.desk.close()
        house.store.close()

    asyncio.run(play())

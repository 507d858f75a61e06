"""Parts, commits, removals, starts and crashes in any order, against a model: a batch is whole or not there, and each event comes once."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from desk_house import OWNER, EngineDouble, House
from hypothesis import given, settings
from hypothesis import strategies as st
from staged_batches import RUN, ask, hash_of, job_id, new_job, stage

from jobwire.broker.jobs.job import BatchRun
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.refusal import Refused

# The first part has several slices; a job of the second waits for one of the first, and one of the last for a name.
_WAITS = [job_pb2.After(condition=job_pb2.CONDITION_OK, job=job_id(3))]
_NAMED = [job_pb2.After(condition=job_pb2.CONDITION_OK, run=RUN, name="load")]
_PARTS = [
    [new_job(number, name="load[0]" if number == 3 else "") for number in range(230)],
    [new_job(300, after=_WAITS), new_job(301, name="load[1]")],
    [new_job(400, after=_NAMED)],
]
_ALL = [job.id for part in _PARTS for job in part]
_STEPS = st.sampled_from(["part 0", "part 1", "part 2", "other 0", "commit", "commit in the middle", "unstage", "crash", "start"])


class Model:
    """What is to be seen of the batch."""

    def __init__(self) -> None:
        self.staged = 0
        self.is_committed = False
        # Jobs that were started without the batch, in their order.
        self.alone: list[bytes] = []

    @property
    def jobs(self) -> list[bytes]:
        rest = [one for one in _ALL if one not in self.alone] if self.is_committed else []
        return [*self.alone, *rest]


async def _do(house: House, model: Model, step: str) -> None:
    """Take one step, in reality and in the model."""
    what, _, number = step.partition(" ")
    match what:
        case "part":
            at = int(number)
            with suppress(Refused):
                reply = await stage(house, at, _PARTS[at])
                assert model.is_committed or at <= model.staged
                model.staged = max(model.staged, at + 1)
                assert reply.parts == model.staged
                return
            assert not model.is_committed
            assert at > model.staged
        case "other":
            with suppress(Refused):
                await stage(house, 0, [new_job(999)])
                assert not model.staged
                await ask(house, unstage=request_pb2.Unstage(batch=RUN))
        case "commit":
            parts = [hash_of(part) for part in _PARTS]
            answers: list[int | Refused] = []
            house.staging.commit(OWNER, BatchRun(RUN, "nightly", 0), parts, b"proof", answers.append)
            if number:
                # The commit is durable, and perhaps some slices: then it dies.
                await house.durable()
                await house.durable()
                await _crash(house)
            else:
                while not answers:
                    await house.durable()
                assert isinstance(answers[0], int) is (model.staged == len(_PARTS))
            model.is_committed = model.is_committed or model.staged == len(_PARTS)
        case "unstage":
            await ask(house, unstage=request_pb2.Unstage(batch=RUN))
            if not model.is_committed:
                model.staged = 0
        case "crash":
            await _crash(house)
        case _:
            await ask(house, start=request_pb2.Start(jobs=[_PARTS[0][7]]))
            if _ALL[7] not in model.jobs:
                model.alone.append(_ALL[7])


async def _crash(house: House) -> None:
    house.engine.effects.clear()
    await house.restart()


async def _check(house: House, model: Model) -> None:
    await house.durable()
    house.engine.effects.clear()
    events, upto = house.lookup.replay(0, house.store.head, b"")
    assert upto == house.store.head
    assert [event.key.id for event in events if event.kind == event_pb2.EVENT_KIND_QUEUED] == model.jobs
    assert [job.key.id for job in house.live.values()] == model.jobs
    staged = 0 if model.is_committed else sum(len(part) for part in _PARTS[: model.staged])
    assert house.state.staged.get(OWNER, 0) == staged
    run = house.lookup.run(OWNER, RUN, "")
    assert (run.jobs if run else 0) == (len(model.jobs) - len(model.alone))
    assert {job.key.id for job in house.live.values() if job.awaits} == ({job_id(300), job_id(400)} if model.is_committed else set())


async def _walk(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "state.db", EngineDouble())
        house.open()
        model = Model()
        try:
            for step in steps:
                await _do(house, model, step)
                await _check(house, model)
        finally:
            house.staging.close()
            house.desk.close()
            house.store.close()


@settings(max_examples=8, deadline=None)
@given(st.lists(_STEPS, max_size=8))
def test_a_batch_is_whole_or_not_at_all_in_whatever_order_things_happen(steps: list[str]) -> None:
    # Most walks end in a batch that was committed.
    asyncio.run(_walk([*steps, "part 0", "part 1", "part 2", "commit in the middle", "commit"]))

"""A schedule at a broker: its jobs are run by workers, which check that the time is one of those that were signed."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import ended, signed, started
from joined_pair import JoinedPair

from jobwire.broker.schedules.schedule import Schedule
from jobwire.broker.writes.schedules import AddSchedule, ScheduleRow
from jobwire.keys.identity import generate
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Refused

MINUTE_US = 60_000_000
BEGIN_US = 30_000_000 * MINUTE_US
ID = b"s" * 16
CLIENT = generate()


class Lab(JoinedPair):
    """A broker with a schedule for each minute, and a worker."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CLIENT.public)
        self.broker.house.now = self.worker.house.now = BEGIN_US

    async def add(self, overlap: int = 1) -> Schedule:
        spec = job_pb2.JobSpec(argv=[b"true"], name="tick")
        asked = request_pb2.AddSchedule(id=ID, name="tick", spec=spec, cron="* * * * *", zone="UTC", from_us=BEGIN_US)
        asked.overlap = overlap  # type: ignore[assignment] # reason: an enum field takes its number
        raw = signed(CLIENT, self.broker.identity.public, request_pb2.Request(add_schedule=asked))
        row = ScheduleRow(
            *(0, CLIENT.public, ID, "tick", spec.SerializeToString(), "* * * * *", "UTC", overlap, 1),
            paused=False,
            fired_upto_us=BEGIN_US,
            waiting=(),
            proof=raw,
        )
        write = AddSchedule(row)
        self.broker.house.store.submit(write)
        await self.broker.durable()
        assert not isinstance(write.result, Refused)
        return self.broker.house.timetable.add(row._replace(row=write.result))

    async def pass_to(self, minute: int) -> AttemptKey:
        """Let a time come; return the job for it."""
        self.broker.house.now = self.worker.house.now = due_us = BEGIN_US + minute * MINUTE_US
        self.broker.house.alarms["schedules", time.CLOCK_REALTIME].rang()
        await self.broker.durable()
        return AttemptKey(CLIENT.public, uuid.uuid5(uuid.UUID(bytes=ID), str(due_us)).bytes, 1)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async for made in Lab(tmp_path).connected():
        yield made


async def test_each_time_is_run_by_a_worker_once_whoever_is_restarted(lab: Lab) -> None:
    await lab.add()
    first = await lab.pass_to(1)
    assert lab.worker.started == [first]
    await lab.worker.happen(started(first))
    lab.wire.cut()
    await lab.broker.restart()
    lab.broker.house.timetable.open()
    lab.wire.up()
    await lab.broker.durable()
    await lab.worker.happen(ended(first))
    await lab.broker.durable()
    second = await lab.pass_to(2)
    assert lab.worker.started == [second]


async def test_a_job_that_waits_for_a_worker_is_started_although_its_schedule_was_removed(lab: Lab) -> None:
    schedule = await lab.add()
    lab.wire.cut()
    first = await lab.pass_to(1)
    lab.broker.house.timetable.remove(schedule, b"proof", lambda: None)
    await lab.broker.durable()
    lab.wire.up()
    await lab.broker.durable()
    assert lab.worker.started == [first]


async def test_the_job_before_is_stopped_at_its_worker_if_the_schedule_says_so(lab: Lab) -> None:
    await lab.add(overlap=3)
    first = await lab.pass_to(1)
    await lab.worker.happen(started(first))
    await lab.pass_to(2)
    assert [effect[:2] for effect in lab.worker.engine.effects] == [("end", first)]


async def test_a_worker_that_is_too_old_for_it_is_named_and_gets_nothing(lab: Lab) -> None:
    await lab.add()
    worker = lab.broker.engine.workers.get(lab.worker.identity.public)
    worker.features -= {"relayed_schedules"}
    first = await lab.pass_to(1)
    assert lab.worker.started == []
    job = lab.broker.house.lookup.job(first.job)
    assert job is not None
    assert "is older than this kind of request" in lab.broker.house.desk.why_waiting(job)

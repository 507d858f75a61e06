"""Schedules on a desk with a store: what they start, what is recorded of that, and what a restart finds."""

from __future__ import annotations

import time

import pytest
from desk_house import OWNER, House

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.schedules.due import Missed, Overlap
from jobwire.broker.schedules.schedule import Schedule
from jobwire.broker.store.rows import schedule_rows
from jobwire.broker.writes.schedules import MOST_SCHEDULES, AddSchedule, ScheduleRow
from jobwire.keys.members.limits import Limits
from jobwire.keys.members.rights import Member
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, State
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Refused

MINUTE_US = 60_000_000
FAILED = Outcome(OutcomeKind.EXITED, exit_status=1)
ID = b"s" * 16


async def add(
    house: House,
    cron: str = "* * * * *",
    *,
    overlap: Overlap = Overlap.SKIP,
    missed: Missed = Missed.ONCE,
    retry: RetryRule | None = None,
    **wishes: int,
) -> Schedule:
    raw = specs.to_wire(
        JobSpec(argv=(b"true",), name="tick", retry=retry, **wishes)  # type: ignore[arg-type] # reason: only numbers are wished for
    ).SerializeToString()
    row = ScheduleRow(0, OWNER, ID, "tick", raw, cron, "UTC", overlap, missed, False, house.now, (), b"proof")  # noqa: FBT003 -- a row
    write = AddSchedule(row)
    house.store.submit(write)
    await house.durable()
    assert not isinstance(write.result, Refused)
    return house.timetable.add(row._replace(row=write.result))


async def pass_to(house: House, minute: float) -> None:
    """Let the time come, and the alarm ring."""
    house.now = round(minute * MINUTE_US)
    house.alarms["schedules", time.CLOCK_REALTIME].rang()
    await house.durable()
    await house.durable()


def job(schedule: Schedule, minute: int) -> AttemptKey:
    return AttemptKey(OWNER, schedule.job_id(minute * MINUTE_US), 1)


async def end(house: House, key: AttemptKey) -> None:
    pid = int.from_bytes(key.id[:2], "big") + 1
    house.desk.hear([Started(key, pid, house.now), Ended(key, pid, house.now, house.now + 1, Outcome(OutcomeKind.EXITED))])
    await house.durable()
    await house.durable()


def history(house: House, schedule: Schedule) -> list[tuple[int, bytes, str]]:
    return [(firing.due_us // MINUTE_US, firing.job, firing.note) for firing in schedule_rows.firings(house.store.read, schedule.row, 100)]


async def test_a_job_is_started_at_its_time_and_recorded_with_it(house: House) -> None:
    schedule = await add(house)
    assert house.alarms["schedules", time.CLOCK_REALTIME].at_us == MINUTE_US
    await pass_to(house, 0.999)
    house.engine.expect()
    await pass_to(house, 1)
    house.engine.expect(("start", job(schedule, 1)))
    assert history(house, schedule) == [(1, job(schedule, 1).id, "")]
    assert house.alarms["schedules", time.CLOCK_REALTIME].at_us == 2 * MINUTE_US
    assert house.store.read("SELECT fired_upto FROM schedules") == [(MINUTE_US,)]
    started = house.lookup.job(job(schedule, 1).job)
    assert started is not None
    assert started.spec.name == "tick"


async def test_a_restart_and_a_clock_that_is_set_back_start_nothing_twice(house: House) -> None:
    schedule = await add(house)
    await pass_to(house, 1)
    house.engine.expect(("start", job(schedule, 1)))
    await house.restart()
    house.engine.expect(("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    house.set_by = -10 * MINUTE_US
    await pass_to(house, 1.5)
    await house.restart()
    house.engine.expect(("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    assert [minute for minute, _, _ in history(house, schedule)] == [1]


@pytest.mark.parametrize(
    ("missed", "minutes", "note"),
    [
        (Missed.ONCE, [25], "missed 5 times while the worker did not run, its machine slept, or its clock was set forward; 1 made up for"),
        (Missed.SKIP, [], "missed 5 times while the worker did not run, its machine slept, or its clock was set forward; none made up for"),
        (Missed.ALL, [5], ""),
    ],
)
async def test_what_was_missed_is_made_up_for_and_said(house: House, missed: Missed, minutes: list[int], note: str) -> None:
    # Five times were missed, and none is due right now.
    schedule = await add(house, "*/5 * * * *", missed=missed)
    house.now = 27 * MINUTE_US
    await house.restart()
    await house.durable()
    house.engine.expect(("recover",), *(("start", job(schedule, minute)) for minute in minutes))
    found = history(house, schedule)
    assert [said for _, started, said in found if not started] == ([note] if note else [])


async def test_all_that_was_missed_starts_one_after_the_other(house: House) -> None:
    schedule = await add(house, missed=Missed.ALL)
    await pass_to(house, 3.5)
    house.engine.expect(("start", job(schedule, 1)))
    await house.restart()
    house.engine.expect(("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    for minute in (2, 3):
        await end(house, job(schedule, minute - 1))
        house.engine.expect(("settled", job(schedule, minute - 1)), ("start", job(schedule, minute)))
    await end(house, job(schedule, 3))
    house.engine.expect(("settled", job(schedule, 3)))
    late = [(minute, note) for minute, _, note in history(house, schedule)]
    assert late == [(3, ""), (2, "started late"), (1, "started late")]


async def test_a_time_at_which_the_earlier_job_runs_is_skipped(house: House) -> None:
    schedule = await add(house)
    await pass_to(house, 1)
    await pass_to(house, 2)
    house.engine.expect(("start", job(schedule, 1)))
    assert history(house, schedule)[0] == (2, b"", "skipped: the job of an earlier time had not ended")
    await end(house, job(schedule, 1))
    await pass_to(house, 3)
    house.engine.expect(("settled", job(schedule, 1)), ("start", job(schedule, 3)))


async def test_a_queued_time_starts_when_the_earlier_job_has_ended_also_after_a_restart(house: House) -> None:
    schedule = await add(house, overlap=Overlap.QUEUE)
    for minute in (1, 2, 3):
        await pass_to(house, minute)
    house.engine.expect(("start", job(schedule, 1)))
    await house.restart()
    house.engine.expect(("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    await end(house, job(schedule, 1))
    house.engine.expect(("settled", job(schedule, 1)), ("start", job(schedule, 2)))
    assert [(minute, note[:7]) for minute, _, note in history(house, schedule)] == [(2, ""), (3, "skipped"), (1, "")]


async def test_a_time_can_stop_the_earlier_job_and_then_starts_its_own(house: House) -> None:
    schedule = await add(house, overlap=Overlap.STOP)
    await pass_to(house, 1)
    house.desk.hear([Started(job(schedule, 1), 7, house.now)])
    await pass_to(house, 2)
    house.engine.expect(("start", job(schedule, 1)), ("end", job(schedule, 1), 15, 10_000))
    house.desk.hear([Ended(job(schedule, 1), 7, house.now, house.now, Outcome(OutcomeKind.SIGNALED, signal=15))])
    await house.durable()
    await house.durable()
    house.engine.expect(("settled", job(schedule, 1)), ("start", job(schedule, 2)))


async def test_a_run_with_the_id_of_its_job_is_not_taken_for_that(house: House) -> None:
    schedule = await add(house, overlap=Overlap.STOP)
    await pass_to(house, 1)
    first = job(schedule, 1)
    spec = JobSpec(argv=(b"true",), held=True)
    asked = Asked(b"o" * 16, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())
    house.desk.accept(OWNER, [asked], BatchRun(first.id, "", 0), b"proof", lambda _: None)
    await pass_to(house, 2)
    house.engine.expect(("start", first), ("end", first, 15, 10_000))
    await end(house, first)
    house.engine.expect(("settled", first), ("start", job(schedule, 2)))
    await house.restart()
    await pass_to(house, 3)
    house.engine.effects.clear()
    assert [minute for minute, _, _ in history(house, schedule)] == [2, 1]


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.STOP])
async def test_a_job_between_two_attempts_has_not_ended(house: House, overlap: Overlap) -> None:
    # nomad #11052 and #14505: what had failed and waited to be started again did not count, and two ran side by side.
    schedule = await add(house, overlap=overlap, retry=RetryRule(1, 10 * 60_000))
    await pass_to(house, 1)
    house.desk.hear([Started(job(schedule, 1), 7, house.now), Ended(job(schedule, 1), 7, house.now, house.now, FAILED)])
    await house.durable()
    await pass_to(house, 2)
    second = job(schedule, 1)._replace(attempt=2)
    again = [("settled", second), ("start", job(schedule, 2))] if overlap is Overlap.STOP else []
    house.engine.expect(("start", job(schedule, 1)), ("settled", job(schedule, 1)), *again)
    waiting = house.lookup.job(job(schedule, 1).job)
    assert waiting is not None
    assert waiting.state is (State.FINISHED if overlap is Overlap.STOP else State.QUEUED)


async def test_a_job_that_was_started_by_hand_counts_as_its_earlier_one(house: House) -> None:
    # nomad #5487: an instance that was forced did not keep the next one from starting.
    schedule = await add(house)
    house.timetable.run_now(schedule, b"n" * 16, "ada", b"proof", lambda _: None)
    await house.durable()
    await pass_to(house, 1)
    house.engine.expect(("start", AttemptKey(OWNER, b"n" * 16, 1)))
    assert history(house, schedule)[0] == (1, b"", "skipped: the job of an earlier time had not ended")


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (None, "its owner is no longer on the worker's roster"),
        (Member("ada", OWNER, "viewer"), "ada has the role viewer, which may not submit jobs"),
        (Member("ada", OWNER, "submitter", Limits(highest_priority=1)), "the priority is 2, but the roster allows this member at most 1"),
    ],
)
async def test_nothing_is_started_for_an_owner_who_may_not_any_more(house: House, member: Member | None, why: str) -> None:
    schedule = await add(house, priority=2)
    house.members = {OWNER: member} if member is not None else {}
    await pass_to(house, 1)
    ((minute, started, note),) = history(house, schedule)
    assert (minute, started) == (1, b"")
    assert note.startswith(f"not started: {why}")
    house.members = {OWNER: Member("ada", OWNER, "submitter")}
    await pass_to(house, 2)
    house.engine.expect(("start", job(schedule, 2)))


async def test_nothing_is_started_where_there_is_no_space_and_it_is_said(house: House) -> None:
    schedule = await add(house)
    house.shortage = lambda: Refused(Code.RESOURCE_EXHAUSTED, "the disk is full")
    await pass_to(house, 1)
    assert history(house, schedule) == [(1, b"", "not started: the disk is full")]
    assert house.store.read("SELECT fired_upto FROM schedules") == [(MINUTE_US,)]


def nothing() -> None: ...


async def test_a_paused_schedule_starts_nothing_and_misses_nothing(house: House) -> None:
    schedule = await add(house, overlap=Overlap.QUEUE)
    await pass_to(house, 1)
    await pass_to(house, 2)
    house.timetable.set_paused(schedule, b"", nothing, paused=True)
    await pass_to(house, 3)
    await house.restart()
    house.engine.expect(("start", job(schedule, 1)), ("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    await end(house, job(schedule, 1))
    house.engine.expect(("settled", job(schedule, 1)))
    schedule = found(house)
    house.now = 10 * MINUTE_US + 1
    house.timetable.set_paused(schedule, b"", nothing, paused=False)
    await house.durable()
    await house.restart()
    house.engine.expect(("recover",))
    await pass_to(house, 11)
    house.engine.expect(("start", job(schedule, 11)))


async def test_a_schedule_that_looked_at_a_clock_far_ahead_goes_on_when_it_is_paused_and_resumed(house: House) -> None:
    # systemd #13513 and celery #5892: a machine came up with a wrong date, and its timers wait for the year 2098.
    schedule = await add(house, missed=Missed.SKIP)
    await pass_to(house, 1)
    house.engine.expect(("start", job(schedule, 1)))
    await end(house, job(schedule, 1))
    house.engine.expect(("settled", job(schedule, 1)))
    house.set_by = 1_000_000 * MINUTE_US
    await pass_to(house, 2.9)
    house.engine.expect(("start", job(schedule, 1_000_002)))
    await end(house, job(schedule, 1_000_002))
    house.engine.expect(("settled", job(schedule, 1_000_002)))
    house.set_by = -2 * MINUTE_US
    await pass_to(house, 2.95)
    house.engine.expect()
    for paused in (True, False):
        house.timetable.set_paused(schedule, b"", nothing, paused=paused)
        await house.durable()
    await house.restart()
    house.engine.expect(("recover",))
    schedule = found(house)
    assert schedule.next_us == MINUTE_US
    # That time was there already, and its job is not started again.
    await pass_to(house, 3.1)
    house.engine.expect()
    await pass_to(house, 4.1)
    house.engine.expect(("start", job(schedule, 2)))


def found(house: House) -> Schedule:
    schedule = house.timetable.find(JobKey(OWNER, ID))
    assert schedule is not None
    return schedule


async def test_a_removed_schedule_is_gone_and_its_id_is_not_used_again(house: House) -> None:
    schedule = await add(house)
    await pass_to(house, 1)
    house.timetable.remove(schedule, b"", nothing)
    await pass_to(house, 2)
    await house.restart()
    house.engine.expect(("start", job(schedule, 1)), ("recover", job(schedule, 1)), ("start", job(schedule, 1)))
    assert house.timetable.find(schedule.key) is None
    assert house.store.read("SELECT count(*) FROM firings") == [(0,)]
    write = AddSchedule(ScheduleRow(0, OWNER, ID, "other", b"", "* * * * *", "UTC", 1, 1, False, 0, (), b""))  # noqa: FBT003 -- a row
    house.store.submit(write)
    await house.durable()
    assert "was removed" in str(write.result)


async def test_its_job_can_be_started_now(house: House) -> None:
    schedule = await add(house)
    answers: list[Refused | None] = []
    house.timetable.run_now(schedule, b"n" * 16, "ada", b"proof", answers.append)
    await house.durable()
    house.engine.expect(("start", AttemptKey(OWNER, b"n" * 16, 1)))
    assert answers == [None]
    assert history(house, schedule) == [(0, b"n" * 16, "started by ada")]


async def test_the_history_has_an_end(house: House) -> None:
    schedule = await add(house)
    await pass_to(house, 1)
    for minute in range(2, 120):
        await pass_to(house, minute)
    house.engine.expect(("start", job(schedule, 1)))
    assert house.store.read("SELECT count(*) FROM firings") == [(schedule_rows.MOST_FIRINGS,)]


@pytest.mark.parametrize(
    ("wishes", "why"),
    [({"nice": -5}, "may not use nice values below 0, such as -5"), ({"cpus": 99}, "the job can never start here")],
)
async def test_nothing_is_started_that_a_start_would_refuse(house: House, wishes: dict[str, int], why: str) -> None:
    schedule = await add(house, **wishes)
    await pass_to(house, 1)
    ((_, started, note),) = history(house, schedule)
    assert started == b""
    assert why in note


async def test_no_more_than_the_limit_are_added_however_many_requests_are_under_way(house: House) -> None:
    def row(number: int, owner: bytes = OWNER) -> ScheduleRow:
        name = f"tick{number}"
        return ScheduleRow(
            0, owner, b"%016d" % number, name, b"", "@daily", "UTC", 1, 1, paused=True, fired_upto_us=0, waiting=(), proof=b""
        )

    writes = [AddSchedule(row(number)) for number in range(MOST_SCHEDULES + 2)]
    for write in writes:
        house.store.submit(write)
    again, other = AddSchedule(row(0)), AddSchedule(row(0, b"o" * 32))
    house.store.submit(again)
    house.store.submit(other)
    await house.durable()
    refused = [write.result for write in writes if isinstance(write.result, Refused)]
    assert [one.code for one in refused] == [Code.RESOURCE_EXHAUSTED] * 2
    # One that exists is no further one, and the limit of one member is not that of others.
    assert (again.result, isinstance(other.result, int)) == (writes[0].result, True)

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from desk_house import OWNER, EngineDouble, House, asked, asked_with, attempt, ended, key, started

from jobwire.broker.desk import desk
from jobwire.broker.desk.decisions import records
from jobwire.broker.engine import Delayed, Paused
from jobwire.broker.jobs.job import BatchRun, Job, StopOrder
from jobwire.broker.jobs.life import Phase
from jobwire.broker.streams.news import NewsFilter
from jobwire.keys.members.limits import Limits
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity


class Watching:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, job: Job) -> None:
        self.seen.append(f"started {job.attempt.pid}")

    def stuck(self, job: Job) -> None:
        self.seen.append(f"stuck {job.attempt.delayed_by}")

    def finished(self, job: Job) -> None:
        assert job.attempt.outcome is not None
        self.seen.append(f"finished {job.attempt.outcome.exit_status}")

    def flush(self) -> None:
        self.seen.append("flush")


def kinds(house: House) -> list[str]:
    events, _ = house.lookup.replay(0, house.store.head, b"")
    return [event_pb2.EventKind.Name(event.kind).removeprefix("EVENT_KIND_") for event in events]


async def test_a_job_is_recorded_before_it_is_started(house: House) -> None:
    job = await house.accept_one()
    assert house.store.read("SELECT state FROM jobs") == [(1,)]
    house.engine.expect(("start", attempt(1)))
    assert job.attempt.phase is Phase.LAUNCHED


async def test_jobs_that_only_wait_need_no_engine(house: House) -> None:
    running, held = (await house.accept(asked(1), asked_with(2, held=True))).jobs
    assert not house.desk.needs_no_engine
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    assert (list(house.desk.live), house.desk.needs_no_engine) == ([held.key], True)
    assert running.attempt.outcome is not None
    house.engine.expect(("start", attempt(1)), ("settled", attempt(1)))


async def test_a_whole_life_is_published_when_it_is_durable(house: House) -> None:
    job = await house.accept_one()
    house.engine.expect(("start", attempt(1)))
    watching = Watching()
    house.watchers.watch(job, watching)
    house.desk.hear([started(1)])
    assert watching.seen == []
    await house.durable()
    house.desk.hear([ended(1, 7)])
    assert watching.seen == ["started 101", "flush"]
    await house.durable()
    assert watching.seen[2:] == ["finished 7", "flush"]
    house.engine.expect(("settled", attempt(1)))
    assert kinds(house) == ["QUEUED", "STARTED", "FINISHED"]


async def test_a_fact_that_fits_in_no_message_costs_no_other_job_its_end(house: House, caplog: pytest.LogCaptureFixture) -> None:
    _, second = (await house.accept(asked(1), asked(2))).jobs
    house.desk.hear([started(1), started(2)])
    impossible = ended(1)._replace(outcome=Outcome(OutcomeKind.EXITED, use=ResourceUse(cpu_us=-1)))
    house.desk.hear([impossible, ended(2, 5)])
    await house.durable()
    assert second.key not in house.desk.live
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)), ("settled", attempt(2)))
    assert [record.message.split()[0] for record in caplog.records if record.levelname == "ERROR"] == ["Ended"]


async def test_a_fact_that_no_life_allows_costs_no_other_job_its_start(house: House, caplog: pytest.LogCaptureFixture) -> None:
    first, second = (await house.accept(asked(1), asked(2))).jobs
    first.attempt.phase = Phase.QUEUED
    house.desk.hear([started(1), started(2)])
    await house.durable()
    assert second.attempt.pid
    assert any("could not be handled" in record.message for record in caplog.records)
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))


async def test_a_commit_that_nobody_waits_for_any_more_is_no_error(house: House, caplog: pytest.LogCaptureFixture) -> None:
    waiting = asyncio.create_task(house.desk.durable())
    await asyncio.sleep(0)
    waiting.cancel()
    await house.desk.durable()
    assert waiting.cancelled()
    assert not caplog.records


async def test_the_same_id_with_the_same_spec_is_the_same_job(house: House) -> None:
    first = await house.accept_one()
    again = await house.accept(asked(1), asked(2))
    assert again.known == 1
    assert again.jobs[0] is first
    await house.durable()
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))


async def test_two_at_once_with_one_id_start_one_job(house: House) -> None:
    one, two = await asyncio.gather(house.accept(asked(1)), house.accept(asked(1)))
    assert one.jobs[0] is two.jobs[0]
    assert (one.known, two.known) == (0, 1)
    house.engine.expect(("start", attempt(1)))


async def test_the_same_id_with_another_spec_refuses_the_whole_start(house: House) -> None:
    await house.accept_one()
    with pytest.raises(Refused) as refused:
        await house.accept(asked(2), asked(1, b"false"))
    assert (refused.value.code, refused.value.job_index) == (Code.ALREADY_EXISTS, 1)
    house.engine.expect(("start", attempt(1)))
    assert house.store.read("SELECT count(*) FROM jobs") == [(1,)]


async def test_an_id_of_a_job_that_ended_long_ago_is_known(house: House) -> None:
    await house.accept_one()
    house.desk.hear([started(1), ended(1, 3)])
    await house.durable()
    house.engine.effects.clear()
    await house.restart()
    house.engine.effects.clear()
    again = await house.accept(asked(1))
    outcome = again.jobs[0].attempt.outcome
    assert outcome is not None
    assert outcome.exit_status == 3


async def test_those_that_wait_and_those_that_arrive_are_counted_together(house: House) -> None:
    house.limits = Limits(queued_jobs=3)
    # Two of them get the slots.
    await house.accept(asked(1), asked(2), asked(3))
    for number in (4, 5):
        house.desk.accept(OWNER, [asked(number)], None, b"proof", lambda _: None)
    with pytest.raises(Refused, match="3 jobs of this owner are waiting, and 1 more"):
        house.desk.accept(OWNER, [asked(6)], None, b"proof", lambda _: None)
    await house.durable()
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))


async def test_the_specs_of_jobs_that_have_not_ended_are_counted_however_they_were_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_HELD_BYTES", 100)
    await house.accept(asked(1, b"x" * 40))
    # It runs, and its spec is still needed. The next one is being written.
    house.desk.accept(OWNER, [asked(2, b"y" * 40)], None, b"proof", lambda _: None)
    again = replace(asked(3, b"x" * 40), rerun_of=key(1))
    with pytest.raises(Refused, match="have 84 bytes, and 42 more would exceed the limit of 100"):
        house.desk.accept(OWNER, [again], None, b"proof", lambda _: None)
    await house.durable()
    # What is known is answered as before, and held once.
    await house.accept(asked(1, b"x" * 40))
    house.desk.hear([started(1), ended(1, 0)])
    await house.durable()
    await house.accept(again)
    assert house.desk._state.held_bytes == {OWNER: 84}
    await house.restart()
    assert house.desk._state.held_bytes == {OWNER: 84}
    house.engine.effects.clear()


async def test_a_stop_of_a_queued_job_cancels_it(house: House) -> None:
    jobs = (await house.accept(asked(1), asked(2), asked(3))).jobs
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))
    house.stop(jobs[2])
    await house.durable()
    assert jobs[2].attempt.outcome is not None
    assert jobs[2].attempt.outcome.kind is OutcomeKind.CANCELLED
    assert jobs[2].attempt.outcome.sentence == "cancelled by somebody before it started"
    house.engine.expect(("settled", attempt(3)))


async def test_a_stop_takes_effect_when_it_is_durable_and_says_who_asked(house: House) -> None:
    job = await house.accept_one()
    house.desk.hear([started(1)])
    house.stop(job, order=StopOrder(2, 500, "somebody"))
    house.engine.expect(("start", attempt(1)))
    await house.durable()
    house.engine.expect(("end", attempt(1), 2, 500))
    house.desk.hear([ended(1, 0)])
    await house.durable()
    assert job.attempt.outcome is not None
    assert job.attempt.outcome.sentence == "ended; stopped by somebody"
    house.engine.expect(("settled", attempt(1)))
    assert kinds(house) == ["QUEUED", "STARTED", "STOPPING", "FINISHED"]


async def test_a_stop_before_the_start_was_seen_still_reaches_the_job(house: House) -> None:
    job = await house.accept_one()
    house.stop(job, order=StopOrder(15, 0, "somebody"))
    await house.durable()
    house.engine.expect(("start", attempt(1)), ("end", attempt(1), 15, 0))
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    house.engine.expect(("settled", attempt(1)))


async def test_facts_that_are_repeated_change_nothing(house: House) -> None:
    await house.accept_one()
    house.engine.expect(("start", attempt(1)))
    house.desk.hear([started(1)])
    house.desk.hear([started(1)])
    house.desk.hear([ended(1)])
    await house.durable()
    house.engine.expect(("settled", attempt(1)))
    house.desk.hear([ended(1)])
    house.engine.expect(("settled", attempt(1)))
    assert kinds(house) == ["QUEUED", "STARTED", "FINISHED"]


async def test_after_a_restart_what_runs_is_adopted_and_what_ended_is_recorded(house: House) -> None:
    await house.accept(asked(1), asked(2), asked(3))
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))
    house.desk.hear([started(1)])
    await house.durable()
    house.engine.known = [started(1, adopted=True), started(2, adopted=True), ended(2, 9)]
    await house.restart()
    await house.durable()
    house.engine.expect(("recover", attempt(1), attempt(2), attempt(3)), ("start", attempt(3)), ("settled", attempt(2)))
    assert house.live[key(1)].attempt.phase is Phase.RUNNING
    assert kinds(house) == ["QUEUED"] * 3 + ["STARTED", "ADOPTED", "STARTED", "ADOPTED", "FINISHED"]


async def test_after_a_restart_a_stop_that_was_promised_is_repeated(house: House) -> None:
    job = await house.accept_one()
    house.desk.hear([started(1)])
    house.stop(job, order=StopOrder(15, 777, "somebody"))
    await house.durable()
    house.engine.effects.clear()
    house.engine.known = [started(1, adopted=True)]
    await house.restart()
    await house.durable()
    house.engine.expect(("recover", attempt(1)), ("end", attempt(1), 15, 777))


async def test_that_a_job_is_launched_is_durable_before_it_is(house: House) -> None:
    """Else a power loss right after the start would leave it queued, and it would run once more."""
    await house.accept(asked(1), asked(2), asked(3))
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)))
    assert house.store.read("SELECT launched FROM jobs ORDER BY row") == [(1,), (1,), (0,)]
    house.desk.hear([started(1), ended(1)])
    house.engine.expect()
    await house.durable()
    assert house.store.read("SELECT launched FROM jobs ORDER BY row") == [(1,), (1,), (1,)]
    house.engine.expect(("start", attempt(3)), ("settled", attempt(1)))


async def test_a_job_that_was_stopped_while_it_was_being_started_and_never_was_is_cancelled(house: House) -> None:
    job = await house.accept_one()
    house.stop(job, order=StopOrder(15, 777, "somebody"))
    await house.durable()
    house.engine.effects.clear()
    await house.restart()
    house.engine.expect(("recover", attempt(1)), ("settled", attempt(1)))
    found = house.lookup.job(key(1))
    assert found is not None
    assert found.attempt.outcome is not None
    assert found.attempt.outcome.kind is OutcomeKind.CANCELLED


async def test_a_signal_needs_a_process(house: House) -> None:
    job = await house.accept_one()
    (refused,) = house.signal(job, 10)
    assert "has not started" in str(refused)
    house.desk.hear([started(1)])
    assert house.signal(job, 10) == [None]
    house.engine.expect(("start", attempt(1)), ("signal", attempt(1), 10))


async def test_a_batch_is_kept_with_its_jobs(house: House) -> None:
    await house.accept(asked(1), asked(2), batch=BatchRun(b"b" * 16, "nightly", 1))
    house.engine.expect(("start", attempt(1)))
    job = house.lookup.job(key(2))
    assert job is not None
    assert job.batch == BatchRun(b"b" * 16, "nightly", 1)
    assert "batch" in house.desk.why_waiting(job)


async def test_news_are_published_only_of_what_is_durable(house: House) -> None:
    topic = house.news.grant(OWNER, NewsFilter())
    house.news.arrived(topic)
    house.desk.accept(OWNER, [asked(1)], None, b"", lambda _: None)
    assert house.published == []
    await house.durable()
    (message,) = house.published
    (event,) = event_pb2.News.FromString(message).events.events
    assert (event.seq, event.kind) == (1, event_pb2.EVENT_KIND_QUEUED)
    house.engine.expect(("start", attempt(1)))


async def test_a_pause_is_answered_when_the_engine_says_that_all_stand_still(house: House) -> None:
    first, second = await house.accept_one(1), await house.accept_one(2)
    house.desk.hear([started(1), started(2)])
    done = house.suspend(first, second, paused=True)
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)), ("pause", attempt(1), True), ("pause", attempt(2), True))
    house.desk.hear([Paused(attempt(1), paused=True)])
    assert (done, first.attempt.paused, second.attempt.paused) == ([], True, False)
    house.desk.hear([ended(2)])
    assert done == [None]
    done = house.suspend(first, paused=False)
    house.desk.hear([Paused(attempt(1), paused=False)])
    assert (done, first.attempt.paused) == ([None], False)
    (refused,) = house.suspend(first, second, paused=True)
    assert "has ended and cannot be paused" in str(refused)
    await house.durable()
    house.engine.expect(("pause", attempt(1), False), ("settled", attempt(2)))
    assert kinds(house).count("STARTED") == 2


async def test_a_pause_of_a_job_that_the_engine_is_ending_by_itself_is_refused_once(house: House) -> None:
    first, second = await house.accept_one(1), await house.accept_one(2)
    house.desk.hear([started(1), started(2)])
    done = house.suspend(first, second, paused=True)
    house.desk.hear([Paused(attempt(1), paused=False), Paused(attempt(2), paused=True)])
    (refused,) = done
    assert isinstance(refused, Refused)
    assert "is being ended and cannot be paused" in refused.message
    house.engine.effects.clear()


async def test_the_reason_of_a_delayed_start_is_shown_until_it_comes(house: House) -> None:
    job = await house.accept_one()
    house.engine.expect(("start", attempt(1)))
    house.desk.hear([Delayed(attempt(1), "no room")])
    assert house.desk.why_waiting(job) == "no room"
    house.desk.hear([started(1)])
    assert house.desk.why_waiting(job) == ""


class Broken(Watching):
    """A stream with a bug."""

    def finished(self, job: Job) -> None:
        raise RuntimeError("a bug")

    def flush(self) -> None:
        raise RuntimeError("a bug")


async def test_a_bug_in_one_stream_costs_no_other_nor_the_job_its_end(house: House, caplog: pytest.LogCaptureFixture) -> None:
    first, second = (await house.accept(asked(1), asked(2))).jobs
    watching = Watching()
    for job, watcher in ((first, Broken()), (first, watching), (second, watching)):
        house.watchers.watch(job, watcher)
    house.desk.hear([started(1), started(2), ended(1), ended(2, 5)])
    await house.durable()
    assert watching.seen == ["started 101", "finished 0", "started 102", "finished 5", "flush"]
    house.engine.expect(("start", attempt(1)), ("start", attempt(2)), ("settled", attempt(1)), ("settled", attempt(2)))
    assert [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"] == [True, True]


async def test_of_very_many_jobs_that_may_start_the_rest_follows_in_later_turns(tmp_path: Path) -> None:
    house = House(tmp_path / "state.db", EngineDouble(Capacity(200)))
    house.open()
    most = records._MOST_CHOSEN
    await house.accept(*(asked(number) for number in range(1, 151)))
    assert len(house.engine.effects) == most
    sizes = []
    while house.state.queue.running < 150:
        await asyncio.sleep(0)
        sizes.append(len(house.engine.effects))
    assert sizes == [2 * most, 150]
    house.engine.expect(*(("start", attempt(number)) for number in range(1, 151)))
    house.store.close()

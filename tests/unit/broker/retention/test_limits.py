import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from desk_house import OWNER, House, asked, attempt, ended, key, started

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.engine import Ended, Started
from jobwire.broker.requests.reads.jobs import describe
from jobwire.broker.retention.ages import Ages
from jobwire.broker.retention.limits import LEAST_AGE_US, Keep, Retention, choose
from jobwire.broker.store.kept import Aged, totals
from jobwire.broker.writes.jobs import RecordHashes
from jobwire.keys.members.rights import Member
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused

DAY_US = 24 * 3600 * 1_000_000
NOW_US = 100 * DAY_US
# Ended so long ago that no limit of age spares it.
LONG_AGO_US = 3_000_000 + 2 * LEAST_AGE_US


def old(number: int, days_ago: float, log_bytes: int = 0) -> Aged:
    return Aged(key(number), int(NOW_US - days_ago * DAY_US), log_bytes)


def test_what_is_too_old_goes_and_the_next_one_is_waited_for() -> None:
    keep = Keep(seconds=30 * 86400.0, jobs=None, kept_bytes=None)
    chosen = choose(keep, [old(1, 40), old(2, 31), old(3, 29)], 3, 0, NOW_US)
    assert chosen.drop == [key(1), key(2)]
    assert chosen.next_us == NOW_US + DAY_US


def test_the_oldest_go_until_their_number_is_within_the_limit() -> None:
    chosen = choose(Keep(None, 2, None), [old(1, 3), old(2, 2), old(3, 1)], 4, 0, NOW_US)
    assert chosen.drop == [key(1), key(2)]
    assert chosen.next_us is None


def test_the_oldest_go_until_their_logs_are_within_the_limit() -> None:
    chosen = choose(Keep(None, None, 100), [old(1, 3, 30), old(2, 2, 0), old(3, 1, 90)], 3, 120, NOW_US)
    assert chosen.drop == [key(1)]


def test_nothing_goes_within_a_minute_of_its_end_however_little_is_kept() -> None:
    chosen = choose(Keep(1.0, 1, 1), [Aged(key(1), NOW_US - 59_000_000, 10)], 9, 90, NOW_US)
    assert chosen.drop == []
    assert chosen.next_us == NOW_US + 1_000_000


def test_without_limits_nothing_goes_and_nothing_is_waited_for() -> None:
    chosen = choose(Keep(None, None, None), [old(1, 10_000, 10**15)], 10**9, 10**15, NOW_US)
    assert (chosen.drop, chosen.next_us) == ([], None)


@dataclass
class Kept:
    """A house with a retention that was not opened yet."""

    house: House
    retention: Retention

    async def until_idle(self) -> None:
        """Wait until nothing more is due."""
        async with asyncio.timeout(60):
            while self.retention._dropping or self.retention._timer is not None:
                await self.house.durable()

    def ids(self) -> set[JobKey]:
        return {JobKey(*row) for row in self.house.store.read("SELECT owner, id FROM jobs")}


async def keep_in(house: House, keep: Keep, jobs: int) -> Kept:
    for number in range(1, jobs + 1):
        await house.accept_one(number)
        house.desk.hear([started(number), ended(number)])
    await house.durable()
    house.engine.effects.clear()
    house.now = LONG_AGO_US
    loop = asyncio.get_running_loop()
    return Kept(house, Retention(keep, house.store, house.forgetting, house.followed, loop, house.ages, house.engine.depot))


@pytest.fixture
async def five_of_which_two_are_kept(house: House) -> AsyncIterator[Kept]:
    made = await keep_in(house, Keep(None, 2, None), 5)
    yield made
    made.retention.close()


async def test_jobs_over_the_limit_are_dropped_and_their_ids_stay_taken(five_of_which_two_are_kept: Kept) -> None:
    kept = five_of_which_two_are_kept
    kept.retention.open()
    await kept.until_idle()
    assert kept.ids() == {key(4), key(5)}
    assert all(kept.house.lookup.forgotten(key(number)) for number in (1, 2, 3))
    kept.house.engine.expect(("discard", attempt(1)), ("discard", attempt(2)), ("discard", attempt(3)))


async def test_what_is_followed_is_spared_until_it_is_let_go(five_of_which_two_are_kept: Kept) -> None:
    kept = five_of_which_two_are_kept
    kept.house.followed.begin(key(1), OWNER)
    kept.retention.open()
    await kept.until_idle()
    assert kept.ids() == {key(1), key(5)}
    kept.house.followed.end(key(1), OWNER)
    await kept.house.accept_one(6)
    kept.house.desk.hear([started(6), ended(6)])
    await kept.house.durable()
    kept.house.now += 2 * LEAST_AGE_US
    await kept.until_idle()
    assert kept.ids() == {key(5), key(6)}
    kept.house.engine.effects.clear()


async def test_what_cannot_be_looked_up_is_tried_again(five_of_which_two_are_kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = five_of_which_two_are_kept

    def fail(*_: object) -> list[object]:
        raise Refused(Code.UNAVAILABLE, "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(kept.house.store, "read", fail)
        kept.house.forgetting.take_up()
        kept.retention._look()
    assert kept.retention._timer is not None
    kept.retention._look_in(0)
    await kept.until_idle()
    assert kept.ids() == {key(4), key(5)}
    kept.house.engine.effects.clear()


async def test_events_go_oldest_first_and_what_is_left_has_no_hole(house: House) -> None:
    """Two jobs are kept, and with them eight events of the fifteen that there were."""
    kept = await keep_in(house, Keep(None, 2, None), 5)
    kept.retention.open()
    await kept.until_idle()
    assert house.lookup.oldest_seq() == 8
    assert [seq for (seq,) in house.store.read("SELECT seq FROM events ORDER BY seq")] == list(range(8, 16))
    house.engine.effects.clear()
    kept.retention.close()


async def test_no_event_goes_within_a_minute_however_few_jobs_are_kept(house: House) -> None:
    kept = await keep_in(house, Keep(None, 1, None), 5)
    ((newest,),) = house.store.read("SELECT aged_from FROM events ORDER BY seq DESC LIMIT 1")
    house.now = newest + LEAST_AGE_US // 2
    kept.retention.open()
    await house.durable()
    assert house.lookup.oldest_seq() == 1
    house.now = LONG_AGO_US
    kept.retention.look_soon()
    await kept.until_idle()
    assert house.lookup.oldest_seq() == 12
    house.engine.effects.clear()
    kept.retention.close()


async def test_events_that_are_too_old_go_all_and_their_numbers_are_not_given_again(house: House) -> None:
    kept = await keep_in(house, Keep(60.0, None, None), 2)
    kept.retention.open()
    await kept.until_idle()
    assert house.store.read("SELECT count(*) FROM events") == [(0,)]
    await house.restart()
    assert house.lookup.oldest_seq() == 7
    accepted = await house.accept(asked(3))
    assert (accepted.seq, accepted.jobs[0].row) == (6, 3)
    house.engine.effects.clear()
    kept.retention.close()


async def test_while_ages_are_not_known_only_number_and_size_count(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await keep_in(house, Keep(1.0, 4, None), 5)
    monkeypatch.setattr(Ages, "known", False)
    kept.retention.open()
    async with asyncio.timeout(60):
        while len(kept.ids()) > 4:
            await house.durable()
    await house.durable()
    assert kept.ids() == {key(number) for number in (2, 3, 4, 5)}
    assert kept.retention._timer is not None
    kept.retention.close()
    house.engine.expect(("discard", attempt(1)))


async def run_at(house: House, number: int) -> None:
    """Run a job that is dated as the clock of the house shows."""
    await house.accept_one(number)
    at_us = house.now + house.set_by
    house.desk.hear(
        [
            Started(attempt(number), number, at_us, adopted=False),
            Ended(attempt(number), number, at_us, at_us + 1, Outcome(OutcomeKind.EXITED)),
        ]
    )
    await house.durable()


async def three_with_one_in_the_past(house: House) -> Kept:
    """Run three jobs, the second while the clock is set back ten years."""
    house.now = 20_000 * DAY_US
    await house.restart()
    kept = await keep_in(house, Keep(), 0)
    house.now = 20_000 * DAY_US
    for number, set_by in enumerate((0, -3650 * DAY_US, 0), 1):
        house.set_by = set_by
        await run_at(house, number)
        house.now += 1_000_000
    dates = [date for (date,) in house.store.read("SELECT ended_at FROM jobs ORDER BY row")]
    assert dates[1] < dates[0] - 3000 * DAY_US
    house.engine.effects.clear()
    return kept


async def test_what_is_dated_in_a_past_to_which_the_clock_was_set_is_as_young_as_it_is(house: House) -> None:
    kept = await three_with_one_in_the_past(house)
    for days in (0, 29):
        house.now += days * DAY_US
        kept.retention._look()
        await house.durable()
        assert kept.ids() == {key(1), key(2), key(3)}
        assert house.lookup.oldest_seq() == 1
    kept.retention.close()


async def test_what_is_dated_in_the_past_goes_when_its_age_is_over_in_its_turn(house: House) -> None:
    kept = await three_with_one_in_the_past(house)
    house.now += 30 * DAY_US - 1_500_000
    kept.retention._look()
    async with asyncio.timeout(60):
        while len(kept.ids()) > 1 or house.lookup.oldest_seq() == 1:
            await house.durable()
    await house.durable()
    assert kept.ids() == {key(3)}
    assert house.lookup.oldest_seq() == 7
    house.engine.expect(("discard", attempt(1)), ("discard", attempt(2)))
    kept.retention.close()


async def test_events_that_are_dated_in_the_past_stay_also_where_they_are_the_first(house: House) -> None:
    house.now = 20_000 * DAY_US
    await house.restart()
    kept = await keep_in(house, Keep(), 0)
    house.now = 20_000 * DAY_US
    for number, set_by in enumerate((-3650 * DAY_US, 0), 1):
        house.set_by = set_by
        await run_at(house, number)
    kept.retention._look()
    await house.durable()
    assert (kept.ids(), house.lookup.oldest_seq()) == ({key(1), key(2)}, 1)
    house.engine.effects.clear()
    kept.retention.close()


async def test_over_a_limit_of_number_the_first_recorded_goes_and_not_what_is_dated_in_the_past(house: House) -> None:
    kept = await three_with_one_in_the_past(house)
    kept.retention._keep = Keep(jobs=2)
    house.now += 2 * LEAST_AGE_US
    kept.retention._look()
    async with asyncio.timeout(60):
        while len(kept.ids()) > 2:
            await house.durable()
    await house.durable()
    assert kept.ids() == {key(2), key(3)}
    house.engine.expect(("discard", attempt(1)))
    kept.retention.close()


async def test_how_long_ago_something_ended_is_not_computed_from_its_date(house: House) -> None:
    kept = await three_with_one_in_the_past(house)
    member = Member("somebody", OWNER, "submitter")
    jobs = [house.lookup.visible_job(key(number), member) for number in (1, 2, 3)]
    assert [describe(job, house.desk, lambda _: member, house.ages).ended_ago_us for job in jobs] == [3_000_000, 2_000_000, 1_000_000]
    kept.retention.close()


async def test_the_folders_of_jobs_count_once_they_have_ended(house: House) -> None:
    house.engine.depot.folder_bytes = 1_000_000
    made = await keep_in(house, Keep(None, None, 2_500_000), 1)
    spec = JobSpec((b"true",), outputs=(b"",))
    before = totals(house.store).kept_bytes
    made.retention.open()
    await made.until_idle()
    assert totals(house.store).kept_bytes == before
    for number in (2, 3, 4):
        await house.accept(Asked(key(number).id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()))
        house.desk.hear([started(number), ended(number)])
        await house.durable()
        house.now += 2 * LEAST_AGE_US
    made.retention._look_in(0)
    async with asyncio.timeout(60):
        while house.store.read("SELECT 1 FROM jobs WHERE folder_bytes IS NULL"):
            await house.durable()
    await made.until_idle()
    # One that is over the limit by its folder, and the first one, which is older.
    assert made.ids() == {key(3), key(4)}
    house.engine.depot.folder_bytes = 10
    made.retention.folder_changed(key(4))
    await house.durable()
    assert house.store.read("SELECT folder_bytes FROM jobs ORDER BY row") == [(1_000_000,), (10,)]
    house.engine.depot.folder_bytes = 0
    for number in (3, 4):
        made.retention.folder_changed(key(number))
    await house.durable()
    (store_bytes,) = house.store.read("SELECT sum(store_bytes) FROM jobs")[0]
    assert house.store.read("SELECT store_bytes FROM kept") == [(store_bytes,)]
    made.retention.close()
    house.engine.effects.clear()


async def test_the_hashes_of_a_long_log_count_and_go_with_their_job(house: House) -> None:
    made = await keep_in(house, Keep(None, None, None), 2)
    before = totals(house.store).kept_bytes
    # The second time, other ones take their place.
    for hashes in (bytes(64), bytes(96)):
        house.store.submit(RecordHashes(attempt(1), b"", hashes, bytes(32)))
        await house.durable()
    assert totals(house.store).kept_bytes == before + 96 + 32
    [kept, other] = house.store.read("SELECT store_bytes FROM jobs ORDER BY row")
    assert kept[0] == other[0] + 96 + 32
    house.forgetting.forget([key(1)], lambda _: None)
    await house.durable()
    house.engine.expect(("discard", attempt(1)))
    assert totals(house.store).kept_bytes == before // 2
    made.retention.close()

"""When a job is to start, as people write it, over the changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.options.start_times import StartTime, parse_start
from jobwire.schemas.refusal import Refused

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC"))


def at(text: str) -> StartTime:
    return StartTime(at_us=round(datetime.fromisoformat(text).timestamp()) * 1_000_000)


def parse(said: str, now: str = "2026-11-29T12:00+01:00") -> StartTime:
    return parse_start(said, datetime.fromisoformat(now), BERLIN)


def test_a_duration_travels_as_one() -> None:
    assert parse("+1h") == StartTime(in_ms=3_600_000)
    assert parse("+90") == StartTime(in_ms=90_000)
    assert parse(" +1d12h ") == StartTime(in_ms=129_600_000)


def test_a_time_of_day_is_the_next_such_time() -> None:
    assert parse("18:30") == at("2026-11-29T18:30+01:00")
    assert parse("02:30") == at("2026-11-30T02:30+01:00")
    assert parse("12:00") == at("2026-11-30T12:00+01:00")
    assert parse("12:00:01") == at("2026-11-29T12:00:01+01:00")


def test_a_time_of_day_that_the_clock_leaves_out_is_that_of_the_next_day() -> None:
    assert parse("02:30", "2027-03-27T22:00+01:00") == at("2027-03-29T02:30+02:00")


def test_a_time_of_day_that_comes_twice_is_the_next_of_the_two() -> None:
    assert parse("02:30", "2026-10-25T00:00+02:00") == at("2026-10-25T02:30+02:00")
    assert parse("02:30", "2026-10-25T02:40+02:00") == at("2026-10-25T02:30+01:00")
    assert parse("02:30", "2026-10-25T02:40+01:00") == at("2026-10-26T02:30+01:00")


def test_a_date_is_of_its_zone_or_of_the_local_one() -> None:
    assert parse("2026-12-24T18:00") == at("2026-12-24T18:00+01:00")
    assert parse("2026-12-24 18:00:30") == at("2026-12-24T18:00:30+01:00")
    assert parse("2026-12-24") == at("2026-12-24T00:00+01:00")
    assert parse("2026-12-24T18:00Z") == at("2026-12-24T18:00+00:00")
    assert parse("2026-12-24T18:00-05:00") == at("2026-12-24T18:00-05:00")
    # The first of the two.
    assert parse("2026-10-25T02:30") == at("2026-10-25T02:30+02:00")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "not a time"),
        ("noon", "not a time"),
        ("1h", "with a plus: .1h"),
        ("+", "has no duration"),
        ("+soon", "is not a time"),
        ("24:00", "not a time of day"),
        ("12:60", "not a time of day"),
        ("2026-13-01", "is not a date"),
        ("2026-12-24T18:00 Berlin", "is not a date"),
        ("2026-12-24T18:00+25:00", "its zone is not within 24 hours of UTC"),
        ("2027-03-28T02:30", "does not exist here"),
    ],
)
def test_anything_else_is_refused(said: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(said)
    assert why.replace(".", "+") in str(refused.value)


@given(st.integers(1_500_000_000, 2_500_000_000), st.times(), st.sampled_from(ZONES))
def test_the_next_time_of_day_is_later_shown_by_the_clock_and_none_before_it_is(since: int, wanted: object, zone: ZoneInfo) -> None:
    now = datetime.fromtimestamp(since, UTC)
    text = str(wanted)[:5]
    found = parse_start(text, now, zone)
    assert found.at_us is not None
    moment = datetime.fromtimestamp(found.at_us / 1e6, UTC)
    assert now < moment <= now + timedelta(hours=50)
    assert moment.astimezone(zone).strftime("%H:%M:%S") == f"{text}:00"
    begin = now.replace(second=0) + timedelta(minutes=1)
    between = (begin + timedelta(minutes=minute) for minute in range(int((moment - begin).total_seconds()) // 60))
    assert not any(one.astimezone(zone).strftime("%H:%M") == text for one in between)

"""The times of cron expressions, over the changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.schedules.cron import read_times
from jobwire.schemas.refusal import Refused

SECOND_US = 1_000_000
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "America/Caracas")
EXPRESSIONS = (
    "30 2 * * *",
    "*/20 * * * *",
    "0,15,30 1-3 * * *",
    "0 */3 * * *",
    "5 * * * *",
    "59 23 31 * *",
    "0 12 * * MON#1",
    "*/30 2 * * *",
    "15 * * * *",
    "0 */2 * * *",
)


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND_US


def shown(expression: str, zone: str, after: str, count: int = 3) -> list[str]:
    times = read_times(expression, zone)
    return [datetime.fromtimestamp(at_us / SECOND_US, ZoneInfo(zone)).isoformat() for at_us in islice(times.after(micros(after)), count)]


def test_a_time_that_is_left_out_comes_when_the_clock_was_put_forward_and_once() -> None:
    after = "2027-03-27T20:00+01:00"
    assert shown("30 2 * * *", "Europe/Berlin", after, 2) == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
    assert shown("0,30 2 * * *", "Europe/Berlin", after, 2) == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00"]


def test_a_time_that_comes_twice_runs_once_and_what_is_periodic_goes_on() -> None:
    assert shown("30 2 * * *", "Europe/Berlin", "2026-10-24T20:00+02:00", 2) == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    # Asked between the two.
    assert shown("30 2 * * *", "Europe/Berlin", "2026-10-25T02:10+01:00", 1) == ["2026-10-26T02:30:00+01:00"]
    assert shown("*/30 * * * *", "Europe/Berlin", "2026-10-25T02:00+02:00") == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
    ]


# APScheduler #1021 and #1036 (the clock stays in the hour that comes twice), node-cron #881 (an hour without times), croner #132.
@pytest.mark.parametrize(
    ("minute", "hour"),
    [("*", "*"), ("*/30", "*"), ("*/7", "1-3"), ("0", "*"), ("15", "*"), ("30", "*/1"), ("0", "*/2"), ("59", "*/2")],
)
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Helsinki", "2017-10-29T00:00Z"),
        ("Europe/Berlin", "2027-03-28T00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),  # Half an hour back, and on.
        ("Australia/Lord_Howe", "2026-10-03T15:00Z"),
        ("America/Caracas", "2016-05-01T07:00Z"),  # Half an hour on, and back, for good.
        ("America/Caracas", "2007-12-09T07:00Z"),
        ("Antarctica/Troll", "2026-03-29T01:00Z"),  # Two hours.
        ("America/Santiago", "2025-09-07T04:00Z"),  # At midnight.
        ("Pacific/Apia", "2011-12-30T10:00Z"),  # A whole day.
    ],
)
def test_what_is_periodic_comes_whenever_the_clock_shows_its_time(zone: str, around: str, hour: str, minute: str) -> None:
    begin, end = (micros(around) + hours * 3_600 * SECOND_US for hours in (-4, 4))
    hours = range(1, 4) if hour == "1-3" else range(0, 24, int(hour[2:] or 1))
    minutes = range(0, 60, int(minute[2:] or 1)) if minute.startswith("*") else [int(minute)]
    expected = []
    for at_us in range(begin + 60 * SECOND_US, end + 1, 60 * SECOND_US):
        clock = datetime.fromtimestamp(at_us / SECOND_US, ZoneInfo(zone))
        if clock.hour in hours and clock.minute in minutes:
            expected.append(at_us)
    times = read_times(f"{minute} {hour} * * *", zone)
    assert times.last(begin, end, 1_000) == (expected, False)


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        # cron-parser #347: a day field that begins with a star and the other must both match, as for cron of Debian.
        ("0 0 */3 * 1-5", ["2024-04-04", "2024-04-10", "2024-04-16"]),
        ("0 0 13 * FRI", ["2024-04-05", "2024-04-12", "2024-04-13"]),
        # cron-parser #410: there is no such day of the month, but days of the week.
        ("0 0 31 2 1-5", ["2025-02-03", "2025-02-04", "2025-02-05"]),
        # cronjs #39: 7 is a Sunday, in a step too.
        ("0 0 * * */7", ["2024-04-07", "2024-04-14", "2024-04-21"]),
        ("0 */24 * * *", ["2024-04-02", "2024-04-03", "2024-04-04"]),
    ],
)
def test_days_of_the_month_and_of_the_week_are_combined_as_by_cron_of_debian(expression: str, first: list[str]) -> None:
    assert [one[:10] for one in shown(expression, "UTC", "2024-04-01T00:00Z")] == first


@pytest.mark.parametrize(
    ("expression", "field"),
    [
        ("60 * * * *", "'60' is not a minute"),
        ("* 24 * * *", "'24' is not an hour"),
        ("* * 0 * *", "'0' is not a day-of-month"),
        ("* * * FOO *", "'FOO' is not a month"),
        ("* * * * MON#9", "'MON#9' is not a day-of-week"),
        ("* * * *", "has 4 fields, not 5"),
        ("5m", "has 1 field, not 5"),
        ("0 0 2 * * *", "has 6 fields, not 5"),
        ("", "has 0 fields"),
        ("* " * 500, "has 129 fields"),
        ("0 0 30 2 *", "matches no day"),
        ("0 0 31 4,6 *", "matches no day"),
        ("@reboot", "not a known name"),
        ("* * * * ²L", "'²L' is not a day-of-week"),
        # A classic mistake: what is meant to come every 90 minutes comes every hour.
        ("*/90 * * * *", "the step 90 of '\\*/90' is longer than a minute field, 60"),
        ("0 1,2-8/25 * * *", "the step 25 of '1,2-8/25' is longer than an hour field, 24"),
    ],
)
def test_a_bad_expression_is_refused_with_its_field(expression: str, field: str) -> None:
    with pytest.raises(Refused, match=field):
        read_times(expression, "UTC")


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../passwd", "/etc/passwd", "CET+1", "\0", "x" * 300])
def test_an_unknown_zone_is_refused_and_it_is_said_how_zones_are_called(zone: str) -> None:
    with pytest.raises(Refused, match="does not know the time zone") as refused:
        read_times("@daily", zone)
    assert "Europe/Berlin" in refused.value.next_step


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.integers(1_230_000_000, 2_000_000_000), st.integers(0, 86_400))
def test_times_ascend_and_do_not_depend_on_when_one_asks(expression: str, zone: str, since: int, later: int) -> None:
    times = read_times(expression, zone)
    early = list(islice(times.after(since * SECOND_US), 50))
    assert early == sorted(set(early))
    late_us = (since + later) * SECOND_US
    rest = [at_us for at_us in early if at_us > late_us]
    assert list(islice(times.after(late_us), len(rest))) == rest


@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    st.integers(1_230_000_000, 2_000_000_000),
    st.integers(0, 40 * 86_400),
    st.integers(1, 7),
)
def test_the_last_times_are_the_end_of_all_of_them(expression: str, zone: str, since: int, length: int, most: int) -> None:
    times = read_times(expression, zone)
    upto_us = (since + length) * SECOND_US
    everything: list[int] = []
    for at_us in times.after(since * SECOND_US):
        if at_us > upto_us:
            break
        everything.append(at_us)
    found, more = times.last(since * SECOND_US, upto_us, most)
    assert list(found) == everything[-most:]
    assert more is (len(everything) > most)


@given(st.integers(1_230_000_000, 2_000_000_000))
def test_every_day_has_its_time_whatever_is_done_to_the_clock(since: int) -> None:
    zone = ZoneInfo("America/New_York")
    found = [
        datetime.fromtimestamp(at_us / SECOND_US, zone)
        for at_us in islice(read_times("30 2 * * *", str(zone)).after(since * SECOND_US), 130)
    ]
    assert [(one.date() - found[0].date()).days for one in found] == list(range(130))
    assert {one.strftime("%H:%M") for one in found} <= {"02:30", "03:00"}
    assert all(later - earlier >= timedelta(hours=22) for earlier, later in zip(map(utc, found), map(utc, found[1:]), strict=False))


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)

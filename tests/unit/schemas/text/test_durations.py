import pytest

from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.durations import format_duration, parse_age, parse_duration


@pytest.mark.parametrize(
    ("said", "milliseconds"),
    [
        ("10s", 10_000),
        ("500ms", 500),
        ("30m", 1_800_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("2w", 1_209_600_000),
        ("1.5h", 5_400_000),
        ("90", 90_000),
        ("0.5", 500),
        (" 10s ", 10_000),
        (90, 90_000),
        (0.25, 250),
        ("0", 0),
        ("0.0001", 1),
    ],
)
def test_a_duration_is_read_as_milliseconds(said: str | float, milliseconds: int) -> None:
    assert parse_duration(said) == milliseconds


@pytest.mark.parametrize("said", ["", "s", "-1", "10x", "1h 30m", "1e3", "٣s", "10s10", float("nan"), -1, "1" * 101])
def test_what_is_not_a_duration_is_refused(said: str | float) -> None:
    with pytest.raises(Refused, match="is not a time"):
        parse_duration(said)


@pytest.mark.parametrize("said", ["01:00:00", "1:30", "1-00:00:00"])
def test_a_time_with_colons_is_refused_with_the_two_things_it_may_mean(said: str) -> None:
    with pytest.raises(Refused, match="is not a time; write 1h30m for hours and minutes, 1m30s for minutes and seconds"):
        parse_duration(said)


def test_an_age_needs_a_unit_because_30_would_mean_days() -> None:
    assert parse_age("1.5d") == 129_600_000
    for said in ("30", "0.5", "1h30"):
        with pytest.raises(Refused, match="has no unit; write it like 30d"):
            parse_age(said)


@pytest.mark.parametrize("said", [float("inf"), 1e13, 10**30, "1" * 50, "99999999999999w", "1000000000000h", "1" * 20 + ".5s"])
def test_a_time_that_nobody_can_wait_for_is_reported_as_too_long(said: str | float) -> None:
    with pytest.raises(Refused, match="is too long a time"):
        parse_duration(said)


def test_a_duration_is_written_in_its_two_largest_units() -> None:
    written = {0: "0s", 59.9: "59s", 61: "1m1s", 3605: "1h", 14_340: "3h59m", 90_061: "1d1h"}
    assert {seconds: format_duration(seconds) for seconds in written} == written

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.moments import parse_moment
from jobwire.schemas.refusal import Refused


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("1d", timedelta(days=1)),
        (" 90m ", timedelta(minutes=90)),
        ("20261128s", timedelta(seconds=20261128)),
        ("2026-11-28", datetime(2026, 11, 28)),  # noqa: DTZ001 -- local, as people mean it
        ("now", timedelta(0)),
        ("20261128", datetime(2026, 11, 28)),  # noqa: DTZ001 -- as above
        ("2026-11-28 14:30", datetime(2026, 11, 28, 14, 30)),  # noqa: DTZ001 -- as above
        ("2026-11-28T14:30:05.5Z", datetime(2026, 11, 28, 14, 30, 5, 500000, UTC)),
    ],
)
def test_a_moment_is_how_long_ago_or_a_date(said: str, moment: datetime | timedelta) -> None:
    assert parse_moment(said) == moment


def test_a_day_begins_at_midnight() -> None:
    today, yesterday = parse_moment("today"), parse_moment("Yesterday")
    assert isinstance(today, datetime)
    assert isinstance(yesterday, datetime)
    assert today.date() - yesterday.date() == timedelta(days=1)
    assert (today.hour, today.minute, yesterday.hour, today.tzinfo) == (0, 0, 0, None)


@pytest.mark.parametrize(
    "said", ["", "30", "yesterday-ish", "2026-13-01", "2026-11-28 25:00", "0001-01-01", "-1d", "99999999999d", "2026-11-28 x"]
)
def test_anything_else_is_refused_with_an_example(said: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_moment(said)
    assert "2026-11-28T14:30:00Z" in str(refused.value)


@given(st.text())
def test_any_text_is_read_or_refused(said: str) -> None:
    try:
        parse_moment(said)
    except Refused:
        return

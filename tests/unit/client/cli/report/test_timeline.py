"""Which job could have had which slot, and how many ran at a time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.report.timeline import Bar, busy_slots, lanes

BARS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300)).map(lambda one: Bar(one[0], one[0] + one[1])), max_size=60)


def test_a_job_that_begins_when_another_ends_takes_its_place() -> None:
    assert lanes([Bar(0, 10), Bar(10, 20), Bar(5, 12), Bar(12, 13)]) == [0, 0, 1, 1]


@given(BARS)
def test_bars_of_a_lane_do_not_overlap_and_no_lane_is_wasted(bars: list[Bar]) -> None:
    found = lanes(bars)
    for lane in set(found):
        own = sorted(bar for bar, place in zip(bars, found, strict=True) if place == lane)
        assert all(one.end <= other.start for one, other in pairwise(own))
    most = max((sum(other.start <= bar.start < max(other.end, other.start + 1) for other in bars) for bar in bars), default=0)
    assert max(found, default=-1) + 1 <= most


def test_how_many_ran_is_an_average_of_each_part() -> None:
    assert busy_slots([Bar(0, 100), Bar(25, 50), Bar(45, 55)], 0, 100, 4) == pytest.approx([1, 2.2, 1.2, 1])
    assert busy_slots([], 5, 5, 3) == [0, 0, 0]


@given(BARS, st.integers(1, 50))
def test_the_parts_together_are_all_the_time_of_the_bars(bars: list[Bar], parts: int) -> None:
    busy = busy_slots(bars, 0, 1300, parts)
    assert len(busy) == parts
    assert all(-1e-9 <= count <= len(bars) + 1e-9 for count in busy)
    assert sum(busy) * 1300 / parts == pytest.approx(sum(bar.end - bar.start for bar in bars))

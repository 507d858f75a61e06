"""Whether commits are short, of the last ones."""

from __future__ import annotations

import pytest

from jobwire.broker.store.commit_times import CommitTimes

SHORT, LONG = 0.0003, 0.002


@pytest.mark.parametrize(
    ("seconds", "are_short"),
    [
        ([], False),
        ([SHORT] * 4, False),
        ([SHORT] * 8, True),
        ([LONG] * 8, False),
        # One that was long, or three, may have waited for the processor.
        ([SHORT] * 5 + [LONG] * 3, True),
        ([SHORT, LONG] * 4, False),
        # Only the last ones count: a disk may get slow, and fast again.
        ([SHORT] * 100 + [LONG] * 4, False),
        ([LONG] * 100 + [SHORT] * 5, True),
        ([0.00099] * 8, True),
        ([0.00101] * 8, False),
    ],
)
def test_commits_are_short_if_most_of_the_last_ones_were(seconds: list[float], *, are_short: bool) -> None:
    times = CommitTimes()
    for one in seconds:
        times.note(one)
    assert times.are_short is are_short

"""What is known about a run while it goes on, and how fast it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.live.tally import Pace, Tally


def test_a_job_that_is_reported_again_runs_once_and_since_then() -> None:
    tally = Tally(3, 0)
    tally.runs(b"1", "one", 1.0)
    tally.runs(b"1", "one", 2.0)
    assert [one.since for one in tally.running.values()] == [1.0]
    assert tally.queued == 2


def test_a_job_that_ends_without_a_process_leaves_the_others_running() -> None:
    tally = Tally(3, 0)
    tally.runs(b"1", "one", 0)
    tally.ended(b"2", 1, ok=False, ran=False)
    assert (len(tally.running), tally.failed, tally.done, tally.queued) == (1, 1, 1, 1)
    tally.ended(b"1", 1, ok=True, ran=True)
    assert (len(tally.running), tally.ok, tally.done, tally.queued) == (0, 1, 2, 1)


def test_a_job_between_two_attempts_waits() -> None:
    tally = Tally(1, 0)
    tally.runs(b"1", "one", 0)
    tally.waits(b"1")
    assert (len(tally.running), tally.queued) == (0, 1)


def test_a_start_that_is_told_after_the_end_changes_nothing() -> None:
    tally = Tally(2, 0)
    tally.ended(b"1", 1, ok=True, ran=True)
    tally.runs(b"1", "one", 1)
    assert (len(tally.running), tally.queued) == (0, 1)


def test_nothing_is_said_about_the_time_left_before_jobs_have_ended() -> None:
    tally = Tally(10, 0)
    assert tally.pace(100) == Pace(None, None)
    tally.runs(b"1", "one", 0)
    assert tally.pace(100) == Pace(None, None)


def test_the_time_left_follows_from_the_last_minute() -> None:
    tally = Tally(200, 0)
    tally.runs(b"x", "x", 0)
    for second in range(100):
        tally.ended(bytes([second]), second, ok=True, ran=True)
    assert tally.pace(100) == Pace(59 / 60, 100 / (59 / 60))
    # For a minute, none has ended.
    assert tally.pace(160) == Pace(None, None)


def test_a_batch_that_waited_long_is_as_fast_as_it_is_now() -> None:
    tally = Tally(100, 0)
    tally.runs(b"x", "x", 3600)
    for number in range(10):
        tally.ended(bytes([number]), 3605, ok=True, ran=True)
    assert tally.pace(3610) == Pace(1.0, 90.0)


def test_a_mass_of_cancelled_jobs_does_not_make_the_others_faster() -> None:
    tally = Tally(100, 0)
    tally.runs(b"x", "x", 0)
    tally.ended(b"x", 10, ok=True, ran=True)
    for number in range(50):
        tally.ended(bytes([number]), 10, ok=False, ran=False)
    assert tally.pace(10) == Pace(0.1, 490.0)


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans(), st.booleans()), max_size=200))
def test_the_counts_always_add_up(steps: list[tuple[float, bool, bool]]) -> None:
    tally = Tally(len(steps), 0)
    now = 0.0
    for number, (passed, ok, ran) in enumerate(steps):
        now += passed
        if ran:
            tally.runs(b"%d" % number, "job", now)
        tally.ended(b"%d" % number, now, ok=ok, ran=ran)
        assert tally.done + len(tally.running) + tally.queued == tally.total
        pace = tally.pace(now)
        assert pace.left_seconds is None or pace.left_seconds >= 0


def test_what_is_shown_after_the_last_job_is_not_counted() -> None:
    tally = Tally(1, 0)
    tally.ended(b"a", 1, ok=True, ran=True)
    tally.runs(b"finish", "on_finish", 1)
    assert (tally.done, tally.queued, tally.running_jobs) == (1, 0, 1)
    tally.waits(b"finish")
    assert (tally.done, tally.queued, tally.running_jobs) == (1, 0, 0)

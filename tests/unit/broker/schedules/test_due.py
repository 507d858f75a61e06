"""What is due, what was missed, and what waits: over jumps of the clock, restarts, and jobs that last."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.schedules.cron import read_times
from jobwire.broker.schedules.due import LATE_US, MOST_MADE_UP, Missed, Overlap, arrange, find_due

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
HOURLY = read_times("@hourly", "UTC")
START_US = 1_800_000_000_000_000


def hours(*numbers: int) -> tuple[int, ...]:
    return tuple(START_US + number * HOUR_US for number in numbers)


def test_a_time_is_due_when_it_has_come_and_once() -> None:
    before, at = (
        find_due(HOURLY, START_US, START_US + HOUR_US - 1, Missed.ONCE),
        find_due(HOURLY, START_US, START_US + HOUR_US, Missed.ONCE),
    )
    assert (before.times, before.upto_us) == ((), START_US)
    assert (at.times, at.missed, at.upto_us) == (hours(1), 0, START_US + HOUR_US)
    assert find_due(HOURLY, at.upto_us, START_US + HOUR_US, Missed.ALL).times == ()


def test_what_was_missed_is_made_up_for_as_was_asked() -> None:
    now_us = START_US + 3 * HOUR_US + 2 * LATE_US
    found = {missed: find_due(HOURLY, START_US, now_us, missed) for missed in Missed}
    assert {missed: due.times for missed, due in found.items()} == {Missed.ONCE: hours(3), Missed.SKIP: (), Missed.ALL: hours(1, 2, 3)}
    assert {(due.missed, due.upto_us, due.more) for due in found.values()} == {(3, START_US + 3 * HOUR_US, False)}


def test_the_time_that_is_due_right_now_is_not_missed() -> None:
    now_us = START_US + 3 * HOUR_US + LATE_US
    found = {missed: find_due(HOURLY, START_US, now_us, missed) for missed in Missed}
    assert {missed: due.times for missed, due in found.items()} == {
        Missed.ONCE: hours(3),
        Missed.SKIP: hours(3),
        Missed.ALL: hours(1, 2, 3),
    }
    assert {due.missed for due in found.values()} == {2}


def test_after_years_at_most_a_hundred_are_made_up_for() -> None:
    due = find_due(HOURLY, START_US, START_US + 9_000 * HOUR_US, Missed.ALL)
    assert len(due.times) == MOST_MADE_UP
    assert due.more
    assert due.times[-1] == due.upto_us == START_US + 9_000 * HOUR_US


def test_a_clock_that_is_set_back_makes_nothing_due() -> None:
    assert find_due(HOURLY, START_US, START_US - 5 * HOUR_US, Missed.ALL) == ((), 0, False, START_US)


def test_overlapping_times_are_skipped_queued_or_stop_the_earlier_job() -> None:
    one, two = hours(1), hours(2)
    assert arrange(one, (), Overlap.SKIP, is_running=False) == (one[0], (), (), False)
    assert arrange(two, (), Overlap.SKIP, is_running=True) == (None, (), two, False)
    assert arrange(two, (), Overlap.QUEUE, is_running=True) == (None, two, (), False)
    assert arrange(two, one, Overlap.QUEUE, is_running=True) == (None, one, two, False)
    assert arrange(two, (), Overlap.STOP, is_running=True) == (None, two, (), True)
    assert arrange(two, one, Overlap.STOP, is_running=True) == (None, two, one, True)


def test_what_waits_starts_when_the_earlier_job_has_ended_one_after_the_other() -> None:
    for overlap in Overlap:
        assert arrange((), hours(1, 2), overlap, is_running=False) == (hours(1)[0], hours(2), (), False)
        assert arrange((), hours(1, 2), overlap, is_running=True) == (None, hours(1, 2), (), False)
        assert arrange(hours(1, 2, 3), (), overlap, is_running=False) == (hours(1)[0], hours(2, 3), (), False)
        assert arrange(hours(2, 3), hours(1), overlap, is_running=True) == (None, hours(1, 2, 3), (), False)


@given(
    st.sampled_from(Overlap),
    st.sampled_from(Missed),
    st.lists(st.tuples(st.sampled_from(("pass", "jump", "restart", "end")), st.integers(-400, 4_000)), max_size=60),
)
def test_whatever_happens_each_time_starts_at_most_one_job_and_none_is_forgotten(
    overlap: Overlap, missed: Missed, steps: Sequence[tuple[str, int]]
) -> None:
    times = read_times("*/7 * * * *", "Europe/Berlin")
    # So that a change of the clock is in the middle.
    now_us = fired_upto_us = 1_792_890_000_000_000
    waiting: tuple[int, ...] = ()
    running: int | None = None
    started: list[int] = []
    dropped: list[int] = []
    due_ever: list[int] = []
    is_up = True
    for step, minutes in steps:
        match step:
            case "pass":
                now_us += abs(minutes) * MINUTE_US // 60
            case "jump":
                now_us += minutes * MINUTE_US
            case "restart":
                is_up = not is_up
            case "end":
                running = None
        if not is_up:
            continue
        due = find_due(times, fired_upto_us, now_us, missed)
        assert due.upto_us >= fired_upto_us
        fired_upto_us = due.upto_us
        due_ever += due.times
        done = arrange(due.times, waiting, overlap, is_running=running is not None)
        assert done.start is None or running is None
        assert not done.waiting or running is not None or done.start is not None
        assert len(done.waiting) <= MOST_MADE_UP
        waiting = done.waiting
        dropped += done.dropped
        if done.start is not None:
            running = done.start
            started.append(done.start)
    assert len(set(due_ever)) == len(due_ever)
    assert sorted((*started, *dropped, *waiting)) == sorted(due_ever)
    assert started == sorted(started)

"""For how long there was no sign of jobs: by times and counts, without waiting."""

from __future__ import annotations

import pytest

from jobwire.client.protocol.last_wait import LastWait
from jobwire.schemas.naming import JobKey

ONE, OTHER = JobKey(b"a" * 32, b"1" * 16), JobKey(b"a" * 32, b"2" * 16)
BEGUN = 100.0


@pytest.fixture
def wait() -> LastWait:
    return LastWait(BEGUN, heard=7)


def look_each_second(wait: LastWait, begin: float, end: float, heard: int = 7) -> None:
    while begin <= end:
        wait.look(begin, heard)
        begin += 1


def test_a_worker_that_says_nothing_is_silent_since_it_was_asked(wait: LastWait) -> None:
    look_each_second(wait, BEGUN, BEGUN + 5)
    assert wait.lasts(BEGUN + 5, [ONE]) == 5


def test_whatever_comes_is_a_sign(wait: LastWait) -> None:
    look_each_second(wait, BEGUN, BEGUN + 3)
    wait.look(BEGUN + 4, 8)
    look_each_second(wait, BEGUN + 5, BEGUN + 6, heard=8)
    assert wait.lasts(BEGUN + 6, [ONE]) == 2


def test_bytes_on_a_slow_line_are_a_sign(wait: LastWait) -> None:
    look_each_second(wait, BEGUN, BEGUN + 3)
    wait.look(BEGUN + 4, 7, is_moving=True)
    assert wait.lasts(BEGUN + 5, [ONE]) == 1


def test_what_a_broker_says_is_no_sign_of_the_worker_behind_it(wait: LastWait) -> None:
    for second in range(6):
        wait.look(BEGUN + second, 8 + second)
        wait.tell(ONE, BEGUN + second, 300.0 + second)
    # It was silent before, but is waited for since then.
    assert wait.lasts(BEGUN + 5, [ONE]) == 5


def test_a_worker_that_fell_silent_later_is_silent_since_then(wait: LastWait) -> None:
    wait.look(BEGUN + 3, 8)
    wait.tell(ONE, BEGUN + 3, 1.0)
    assert wait.lasts(BEGUN + 4, [ONE]) == 2


def test_as_long_as_one_worker_answers_it_is_waited_for_all(wait: LastWait) -> None:
    wait.look(BEGUN, 8)
    wait.tell(ONE, BEGUN, 9.0)
    for second in range(1, 6):
        wait.look(BEGUN + second, 8 + second)
    assert wait.lasts(BEGUN + 5, [ONE, OTHER]) == 0
    # That has ended.
    assert wait.lasts(BEGUN + 5, [ONE]) == 5


def test_a_worker_that_answers_its_broker_again_begins_anew(wait: LastWait) -> None:
    wait.look(BEGUN, 8)
    wait.tell(ONE, BEGUN, 9.0)
    wait.look(BEGUN + 2, 9)
    wait.tell(ONE, BEGUN + 2, None)
    wait.look(BEGUN + 3, 10)
    wait.tell(ONE, BEGUN + 3, 0.5)
    assert wait.lasts(BEGUN + 4, [ONE]) == 1.5


def test_a_broker_that_answers_about_no_job_any_more_is_heard(wait: LastWait) -> None:
    """All have ended, and what is still to come is their output."""
    wait.look(BEGUN, 8)
    wait.tell(ONE, BEGUN, 9.0)
    look_each_second(wait, BEGUN + 1, BEGUN + 4, heard=8)
    assert wait.lasts(BEGUN + 4, []) == 4


def test_who_was_away_begins_anew(wait: LastWait) -> None:
    wait.look(BEGUN, 8)
    wait.tell(ONE, BEGUN, 9.0)
    wait.look(BEGUN + 600, 8)
    assert wait.lasts(BEGUN + 601, [ONE]) == 1

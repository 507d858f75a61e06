"""When a job's time is over and when it ended, on clocks of the test: one that passes, and one that is set as the test likes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.worker.supervisor.jobs import lifetime
from jobwire.worker.supervisor.jobs.lifetime import Lifetime

SECOND = 1_000_000
# Of the wall clock; the clock that passes began long before.
STARTED = 5_000 * SECOND


class House:
    """Records for how many seconds a timer was asked for, and those that were cancelled."""

    def __init__(self) -> None:
        self.passed = 100_000 * SECOND
        self.wall = STARTED
        self.timers: list[float] = []
        self.cancelled: list[object] = []
        self.over: list[bool] = []

    def after(self, seconds: float, callback: Callable[[], None]) -> object:
        self.timers.append(seconds)
        return callback

    def cancel(self, timer: object) -> None:
        self.cancelled.append(timer)

    def now_us(self) -> int:
        return self.wall

    def lifetime(self, limit_ms: int | None = None) -> Lifetime:
        its_loop: Any = self
        return Lifetime(its_loop, its_loop, STARTED, limit_ms, lambda: self.over.append(True))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    made = House()
    monkeypatch.setattr(lifetime, "passed_us", lambda: made.passed)
    return made


def test_a_job_without_a_limit_has_no_timer(house: House) -> None:
    house.lifetime().begin(0.0)
    assert house.timers == []


@pytest.mark.parametrize(("age", "left"), [(0.0, 10.0), (4.0, 6.0), (30.0, 0.0), (None, 10.0)])
def test_a_limit_counts_from_the_start_or_from_now_if_the_age_is_not_known(house: House, age: float | None, left: float) -> None:
    house.lifetime(10_000).begin(age)
    assert house.timers == [left]


def test_another_limit_counts_from_the_start_too_and_takes_the_place_of_the_first(house: House) -> None:
    made = house.lifetime(10_000)
    made.begin(0.0)
    house.passed += 4 * SECOND
    made.set_limit(20_000)
    assert house.timers == [10.0, 16.0]
    assert len(house.cancelled) == 1
    made.set_limit(None)
    assert made.limit_ms is None
    assert len(house.timers) == 2


def test_what_is_left_of_a_job_may_come_back_and_its_end_is_dated_by_the_last_time(house: House) -> None:
    made = house.lifetime()
    made.begin(0.0)
    house.passed += SECOND
    made.end()
    house.passed += SECOND
    # Noted already.
    made.end()
    assert (made.ended_at_us, made.ended_passed_us) == (STARTED + SECOND, house.passed - SECOND)
    made.go_on()
    assert not made.ended_at_us
    made.end()
    assert (made.ended_at_us, made.ended_passed_us) == (STARTED + 2 * SECOND, house.passed)


@given(wall=st.integers(0, 10_000 * SECOND), seconds=st.integers(0, 1000), age=st.none() | st.integers(0, 1000))
def test_an_end_is_never_before_the_start_and_a_clock_that_was_set_does_not_move_it(wall: int, seconds: int, age: int | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        house = House()
        patch.setattr(lifetime, "passed_us", lambda: house.passed)
        made = house.lifetime()
        made.begin(age)
        house.passed += seconds * SECOND
        house.wall = wall
        made.end()
    assert made.ended_at_us == (max(STARTED, wall) if age is None else STARTED + (age + seconds) * SECOND)

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobwire.schemas import clock
from jobwire.schemas.clock import Clock

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
YEARS_US = 3650 * DAY_US


class Machine:
    """Its clocks: the one that somebody sets, and the one that nobody does."""

    def __init__(self) -> None:
        self.wall = 100 * YEARS_US
        self.passed = 5 * HOUR_US

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.passed)

    def wait(self, us: int) -> None:
        self.wall += us
        self.passed += us


@given(st.lists(st.tuples(st.integers(0, SECOND_US), st.integers(-HOUR_US, HOUR_US), st.integers(0, 10 * HOUR_US)), max_size=20))
@example([(0, 0, 0), (3, 0, 5 * HOUR_US + 2)])
def test_dates_ascend_and_are_never_before_what_happened_while_the_clock_is_set(steps: list[tuple[int, int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    last = clock.now_us()
    for elapsed, jump, happened in steps:
        machine.wait(elapsed % 250_000)
        machine.wall += jump
        clock.not_before(happened)
        now = clock.now_us()
        assert now >= max(last + 1, happened)
        last = now


def test_a_clock_that_is_set_for_a_second_is_in_no_date() -> None:
    machine = Machine()
    clock = machine.clock()
    began = clock.now_us()
    for jump in (40 * DAY_US, -40 * DAY_US, -HOUR_US, HOUR_US):
        machine.wall += jump
        machine.wait(SECOND_US)
        assert clock.now_us() < began + 10 * SECOND_US
    assert clock.now_us() - began == 4 * SECOND_US + 1


def test_a_clock_that_is_set_and_stays_is_followed_both_ways() -> None:
    machine = Machine()
    clock = machine.clock()
    for jump, seconds in ((YEARS_US, 4), (-YEARS_US, 4), (-HOUR_US, 59), (HOUR_US, 59)):
        machine.wall += jump
        before = clock.now_us()
        machine.wait(seconds * SECOND_US)
        assert seconds * SECOND_US - 1 <= clock.now_us() - before <= seconds * SECOND_US
        machine.wait(SECOND_US)
        assert clock.now_us() == machine.wall


def test_a_clock_that_was_years_ahead_is_followed_back_at_once_where_nothing_is_under_way() -> None:
    machine = Machine()
    machine.wall += YEARS_US
    clock = machine.clock()
    ahead = clock.now_us()
    machine.wall -= YEARS_US
    assert clock.now_us() > ahead
    clock.follow()
    assert clock.now_us() == machine.wall


def test_what_happened_in_a_future_that_was_wrong_does_not_hold_later_dates() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.not_before(machine.wall + YEARS_US)
    assert clock.now_us() >= machine.wall + YEARS_US
    machine.wait(6 * SECOND_US)
    assert clock.now_us() == machine.wall


def test_a_suspended_machine_is_not_a_jump_of_the_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    began = clock.now_us()
    machine.wait(DAY_US)
    assert clock.now_us() - began == DAY_US


def test_a_proc_that_is_not_whole_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.boot_id()
    monkeypatch.setattr(clock, "_BOOT_ID", str(tmp_path / "boot_id"))
    with pytest.raises(FileNotFoundError, match=r"/proc is not mounted, or only in part .*/boot_id"):
        clock.boot_id()

from hypothesis import example, given
from hypothesis import strategies as st

from jobwire.broker.clock import Clock

HOUR_US = 3_600_000_000


@given(st.lists(st.tuples(st.integers(0, HOUR_US), st.integers(-HOUR_US, HOUR_US), st.integers(0, 10 * HOUR_US)), max_size=20))
@example([(0, 0, 0), (3, 0, 5 * HOUR_US + 2)])
def test_times_ascend_and_are_never_behind_the_clock_or_what_happened(steps: list[tuple[int, int, int]]) -> None:
    wall, passed = [5 * HOUR_US], [0]
    clock = Clock(lambda: wall[0], lambda: passed[0])
    last = clock.now_us()
    for elapsed, jump, happened in steps:
        passed[0] += elapsed
        wall[0] += elapsed + jump
        clock.not_before(happened)
        now = clock.now_us()
        assert now >= max(last + 1, last + elapsed, wall[0], happened)
        last = now


def test_what_lasts_ten_seconds_while_the_clock_is_set_back_lasts_ten_seconds() -> None:
    wall, passed = [5 * HOUR_US], [0]
    clock = Clock(lambda: wall[0], lambda: passed[0])
    began = clock.now_us()
    wall[0] -= HOUR_US
    passed[0] += 10_000_000
    assert clock.now_us() - began == 10_000_000
    wall[0] += 2 * HOUR_US
    assert clock.now_us() == wall[0]

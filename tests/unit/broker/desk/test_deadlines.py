from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.desk.deadlines import Deadlines
from jobwire.schemas.naming import JobKey


def key(number: int) -> JobKey:
    return JobKey(b"o" * 32, bytes([number]) * 16)


def test_jobs_are_due_in_the_order_of_their_times_and_once() -> None:
    deadlines = Deadlines[JobKey]()
    for number, at_us in ((1, 30), (2, 10), (3, 20)):
        deadlines.set(key(number), at_us)
    assert deadlines.next_us == 10
    assert deadlines.take_due(9) == []
    assert deadlines.take_due(20) == [key(2), key(3)]
    assert deadlines.take_due(20) == []
    assert (deadlines.next_us, len(deadlines)) == (30, 1)


def test_a_job_waits_for_the_time_that_was_set_last() -> None:
    deadlines = Deadlines[JobKey]()
    deadlines.set(key(1), 10)
    deadlines.set(key(1), 50)
    assert deadlines.next_us == 50
    assert deadlines.take_due(49) == []
    assert deadlines.left_us(key(1), 20) == 30
    assert deadlines.take_due(50) == [key(1)]
    assert deadlines.left_us(key(1), 20) == 0


def test_a_job_that_waits_no_more_wakes_nobody() -> None:
    deadlines = Deadlines[JobKey]()
    deadlines.set(key(1), 10)
    deadlines.drop(key(1))
    deadlines.drop(key(2))
    assert deadlines.next_us is None
    assert key(1) not in deadlines
    assert deadlines.take_due(100) == []


@given(st.lists(st.tuples(st.sampled_from("sdt"), st.integers(0, 5), st.integers(0, 30)), max_size=400))
def test_it_is_a_table_of_times_and_does_not_grow(steps: list[tuple[str, int, int]]) -> None:
    deadlines = Deadlines[JobKey]()
    model: dict[JobKey, int] = {}
    for step, number, at_us in steps:
        if step == "s":
            deadlines.set(key(number), at_us)
            model[key(number)] = at_us
        elif step == "d":
            deadlines.drop(key(number))
            model.pop(key(number), None)
        else:
            due = deadlines.take_due(at_us)
            assert sorted(due) == sorted(one for one, at in model.items() if at <= at_us)
            times = [model.pop(one) for one in due]
            assert times == sorted(times)
        assert deadlines.next_us == min(model.values(), default=None)
        assert len(deadlines) == len(model)
        assert len(deadlines._heap) <= 64 + 2 * len(model)

from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.streams.inner_waits import InnerWaits
from jobwire.schemas.naming import JobKey

STUCK = ", all of them by jobs that wait for jobs that they started; stop one of them, or none can go on"


def key(number: int) -> JobKey:
    return JobKey(b"o" * 32, bytes([number]) * 16)


def about(waits: InnerWaits, number: int, *running: int) -> str:
    return waits.about(key(number), len(running), set(map(key, running)).__contains__)


def test_a_queued_job_says_which_job_keeps_a_slot_and_waits_for_it() -> None:
    waits = InnerWaits()
    waits.begin(key(1), [key(8), key(9)])
    assert about(waits, 8, 1, 2) == ", one of them by job 01010101, which started this job and waits for it"
    assert about(waits, 7, 1, 2) == ""
    # The job that waits has no slot any more.
    assert about(waits, 8, 2, 3) == ""


def test_jobs_that_all_wait_for_others_cannot_go_on() -> None:
    waits = InnerWaits()
    waits.begin(key(1), [key(8)])
    waits.begin(key(2), [key(9)])
    assert about(waits, 8, 1, 2) == STUCK
    # Any other job that is queued does not start either.
    assert about(waits, 7, 1, 2) == STUCK
    assert about(waits, 8, 1, 2, 3) != STUCK
    waits.end(key(2), [key(9)])
    assert about(waits, 7, 1, 2) == ""


def test_the_only_slot_of_a_worker_is_one() -> None:
    waits = InnerWaits()
    waits.begin(key(1), [key(8)])
    assert about(waits, 8, 1) == ", by a job that waits for one that it started; stop it, or neither can go on"


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 5), unique=True))))
def test_nothing_is_left_when_all_commands_have_ended(commands: list[tuple[int, list[int]]]) -> None:
    waits = InnerWaits()
    watches = [(key(outer), [key(inner) for inner in inners]) for outer, inners in commands]
    for watch in watches:
        waits.begin(*watch)
    assert len(waits) == len({outer for outer, _ in watches})
    for watch in reversed(watches):
        waits.end(*watch)
    assert len(waits) == 0
    assert about(waits, 0, *range(6)) == ""

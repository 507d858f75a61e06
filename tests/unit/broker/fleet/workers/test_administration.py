import pytest

from jobwire.broker.fleet.link import Link
from jobwire.broker.fleet.workers.administration import demand_dated_now, why_not
from jobwire.broker.fleet.workers.worker import Carried, Worker, WorkerState
from jobwire.keys.identity import generate
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Refused

KEY = b"k" * 32


def worker(*, state: WorkerState = WorkerState.READY, drained: bool = False, jobs: int = 0) -> Worker:
    made = Worker(KEY, Link(generate(), KEY, lambda _: None, lambda: None), 0, state, drained)
    for number in range(jobs):
        key = AttemptKey(b"o" * 32, bytes([number]) * 16, 1)
        made.carried[key] = Carried(key, KEY)
    return made


def words(one: Worker | None, *, declare_lost: bool = False) -> str:
    refused = why_not("lab3", one, declare_lost=declare_lost)
    return str(refused) if refused is not None else ""


def test_a_worker_is_removed_when_it_is_drained_and_empty_or_gone() -> None:
    assert words(None) == ""
    assert words(worker(state=WorkerState.DRAINING, drained=True)) == ""
    assert words(worker(state=WorkerState.UNREACHABLE)) == ""


def test_a_worker_that_may_get_jobs_at_any_moment_is_drained_first() -> None:
    assert words(worker()) == "worker lab3 is not drained, so it may get jobs at any moment; drain it first"


def test_a_worker_with_jobs_stays_unless_they_are_declared_lost() -> None:
    for state in (WorkerState.DRAINING, WorkerState.UNREACHABLE):
        assert words(worker(state=state, drained=True, jobs=1)).startswith("worker lab3 has a job that has not ended; drain it and wait")
        assert words(worker(state=state, drained=True, jobs=2)).startswith("worker lab3 has 2 jobs that have not ended")
        assert words(worker(state=state, jobs=2), declare_lost=True) == ""


def test_a_removal_with_another_date_than_that_of_the_broker_is_refused() -> None:
    now_us, minute_us = 1_800_000_000_000_000, 60_000_000
    for off_us in (-5 * minute_us, 0, 5 * minute_us):
        demand_dated_now(now_us + off_us, now_us)
    for off_us, word in ((-6 * minute_us, "behind"), (6 * minute_us, "ahead of")):
        with pytest.raises(Refused, match=f"a client that has a clock that is 360 seconds {word} that of the broker"):
            demand_dated_now(now_us + off_us, now_us)
    with pytest.raises(Refused, match="set the clocks of client and broker"):
        demand_dated_now(0, now_us)

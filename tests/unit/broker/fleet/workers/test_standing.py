"""What is told about a worker that gets no jobs."""

from __future__ import annotations

import pytest

from jobwire.broker.fleet.link import Link
from jobwire.broker.fleet.workers.standing import takes_none, why_closed
from jobwire.broker.fleet.workers.worker import Worker, WorkerState
from jobwire.keys.identity import generate

KEY = b"k" * 32


def worker(state: WorkerState = WorkerState.READY, **fields: object) -> Worker:
    made = Worker(KEY, Link(generate(), KEY, lambda _: None, lambda: None), 0, state, store=b"s" * 16)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("one", "why", "none"),
    [
        (worker(), "", False),
        (worker(held_off=True), "has no disk space for jobs now", False),
        (worker(WorkerState.JOINING), "has just connected and is reporting its jobs", False),
        (worker(WorkerState.DRAINING, drained=True), "is drained", True),
        (worker(WorkerState.DRAINING), "is about to leave", True),
        (worker(WorkerState.UNREACHABLE), "cannot be reached since 1970-01-01 00:00:00 UTC", False),
        (worker(WorkerState.UNREACHABLE, drained=True), "is drained and cannot be reached since 1970-01-01 00:00:00 UTC", True),
        (worker(WorkerState.UNREACHABLE, stopped=True), "was stopped on its machine at 1970-01-01 00:00:00 UTC", False),
        (worker(WorkerState.UNREACHABLE, store=b""), "has not been connected since the broker was started", False),
        (worker(clock_ahead_us=60_000_000), "", False),
    ],
)
def test_why_a_worker_gets_no_jobs(one: Worker, why: str, none: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    assert (why_closed(one), takes_none(one)) == (why, none)


def test_a_worker_with_another_time_gets_none_until_its_clock_is_set() -> None:
    for ahead, word in ((400_000_000, "400 seconds ahead of"), (-301_000_000, "301 seconds behind")):
        assert why_closed(worker(clock_ahead_us=ahead)).startswith(f"has a clock that is {word} that of the broker: it gets no jobs until")

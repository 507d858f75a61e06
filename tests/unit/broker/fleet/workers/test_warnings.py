"""What the status of a broker warns of."""

from __future__ import annotations

from jobwire.broker.fleet.link import Link
from jobwire.broker.fleet.workers.warnings import in_words
from jobwire.broker.fleet.workers.worker import Carried, Worker, WorkerState
from jobwire.keys.identity import generate
from jobwire.schemas.naming import AttemptKey

KEY = b"k" * 32
MINUTE_US = 60_000_000


def worker(state: WorkerState = WorkerState.READY, *, jobs: int = 0, ahead_us: int = 0) -> Worker:
    made = Worker(KEY, Link(generate(), KEY, lambda _: None, lambda: None), 0, state, store=b"s" * 16, clock_ahead_us=ahead_us)
    for number in range(jobs):
        key = AttemptKey(b"o" * 32, bytes([number]) * 16, 1)
        made.carried[key] = Carried(key, KEY)
    return made


def test_nothing_is_said_of_what_is_in_order() -> None:
    fine = [
        ("a", worker(jobs=3)),
        ("b", worker(WorkerState.UNREACHABLE)),
        ("c", worker(ahead_us=MINUTE_US)),
        ("d", worker(WorkerState.JOINING)),
    ]
    assert in_words(fine, [("q", "")]) == []


def test_a_worker_that_cannot_be_reached_is_told_if_it_has_jobs() -> None:
    there = [("lab2", worker(WorkerState.UNREACHABLE, jobs=2)), ("lab1", worker(WorkerState.UNREACHABLE, jobs=1))]
    assert in_words(there, []) == [
        "worker lab1 cannot be reached since 1970-01-01 00:00:00 UTC; 1 of its jobs is there",
        "worker lab2 cannot be reached since 1970-01-01 00:00:00 UTC; 2 of its jobs are there",
    ]


def test_a_clock_that_is_off_is_told_and_what_follows() -> None:
    off = [("a", worker(ahead_us=2 * MINUTE_US)), ("b", worker(ahead_us=-6 * MINUTE_US))]
    assert in_words(off, []) == [
        "worker a has a clock that is 120 seconds ahead of that of the broker: set it",
        "worker b has a clock that is 360 seconds behind that of the broker: it gets no jobs until that is set and it has joined again",
    ]


def test_queues_that_do_not_grow_are_told_and_the_rest_is_counted() -> None:
    queues = [(f"q{number}", "paused") for number in range(25)]
    found = in_words([], queues)
    assert found[0] == "queue q0 does not grow: paused"
    assert (len(found), found[-1]) == (21, "and 5 more")

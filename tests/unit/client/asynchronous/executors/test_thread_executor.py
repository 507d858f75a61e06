"""The results of `map`, in a process that notices late that their time is over."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import cast

import pytest

from jobwire.client.asynchronous.executors.thread_executor import _results
from jobwire.client.asynchronous.loop.limit import Deadline
from jobwire.client.library.values.completed_job import CompletedJob


class StoodStill(Deadline):
    """A deadline whose end a process notices a minute late, as it was stopped in the first wait."""

    def __init__(self) -> None:
        super().__init__(time.monotonic() + 0.01)
        self._before = 0.0

    def left(self, now: float) -> float | None:
        left, self._before = super().left(now + self._before), 60.0
        return left


def test_results_that_the_thread_of_the_loop_has_yet_to_hear_of_are_waited_for_and_not_for_long() -> None:
    heard: list[Future[CompletedJob]] = [Future(), Future()]
    never: Future[CompletedJob] = Future()
    results = [cast("CompletedJob", object()) for _ in heard]
    timers = [
        threading.Timer(0.05 * (number + 1), future.set_result, [result])
        for number, (future, result) in enumerate(zip(heard, results, strict=True))
    ]
    iterator = _results([*heard, never], StoodStill())
    for timer in timers:
        timer.start()
    try:
        assert [next(iterator), next(iterator)] == results
        with pytest.raises(TimeoutError):
            next(iterator)
    finally:
        for timer in timers:
            timer.join()
    assert never.cancelled()


def test_what_has_ended_is_returned_however_late() -> None:
    done: Future[CompletedJob] = Future()
    result = cast("CompletedJob", object())
    done.set_result(result)
    deadline = Deadline(time.monotonic() - 60)
    assert deadline.left(time.monotonic() + 60) == 1.0
    assert deadline.left(time.monotonic() + 3600) == 0.0
    assert next(_results([done], Deadline(None))) is result
    assert next(_results([done], deadline)) is result

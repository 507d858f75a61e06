import os
import select
from collections.abc import Iterator

import pytest

from jobwire.worker.supervisor.loop import Loop


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_timers_call_back_in_order_and_cancelled_ones_do_not() -> None:
    loop, called = Loop(), []
    loop.after(0.02, loop.end)
    loop.after(0.01, lambda: called.append("second"))
    loop.after(-5, lambda: called.append("first"))
    loop.cancel(loop.after(0.001, lambda: called.append("cancelled")))
    loop.cancel(None)
    loop.run()
    assert called == ["first", "second"]


def test_cancelled_timers_are_not_remembered() -> None:
    loop = Loop()
    kept = loop.after(1000, loop.end)
    for _ in range(10_000):
        loop.cancel(loop.after(1000, loop.end))
    assert kept in loop._timers
    assert len(loop._timers) < 200


def test_descriptors_call_back_until_unwatched(pipe: tuple[int, int]) -> None:
    loop, called = Loop(), []

    def ready(events: int) -> None:
        called.append(events)
        loop.unwatch(pipe[0])
        loop.after(0, loop.end)

    loop.watch(pipe[0], select.EPOLLIN, ready)
    os.write(pipe[1], b"x")
    loop.run()
    assert called == [select.EPOLLIN]


def test_an_exception_costs_only_its_callback(pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    loop = Loop()

    def broken(_events: int) -> None:
        loop.unwatch(pipe[0])
        raise ValueError("a bug")

    loop.watch(pipe[0], select.EPOLLIN, broken)
    os.write(pipe[1], b"x")
    loop.after(0.02, loop.end)
    loop.after(0.01, lambda: {}["no such key"])
    loop.run()
    told = capsys.readouterr().err
    assert "ValueError: a bug" in told
    assert "KeyError" in told


def test_while_there_is_more_to_do_nothing_sleeps() -> None:
    loop, left = Loop(), [5]

    def work() -> bool:
        left[0] -= 1
        if not left[0]:
            loop.end()
        return bool(left[0])

    loop.before_sleep(work)
    loop.run()
    assert left == [0]

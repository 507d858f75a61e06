import os
import select
import signal
import subprocess
import sys
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


@pytest.mark.parametrize("others", [0, 200])
def test_what_was_ready_is_heard_before_a_timer_that_is_due(others: int) -> None:
    """More descriptors are ready than are taken in one turn, and stay so."""
    loop, heard = Loop(), set[int]()
    pipes = [os.pipe() for _ in range(others + 1)]
    for number, (read_end, write_end) in enumerate(pipes):
        loop.watch(read_end, select.EPOLLIN, lambda _events, number=number: heard.add(number))
        os.write(write_end, b"x")
    at_timer: list[int] = []

    def due() -> None:
        at_timer.append(len(heard))
        loop.end()

    loop.after(-1, due)
    loop.run()
    assert at_timer == [others + 1]
    for ends in pipes:
        for end in ends:
            os.close(end)


# Is stopped while it waits, until the process has ended and the timer is due.
_STOPPED = """
import os, select, sys, time
from jobwire.worker.supervisor.loop import Loop

loop = Loop()
read_end, write_end = os.pipe()
loop.watch(read_end, select.EPOLLIN, lambda _events: print("heard") or loop.unwatch(read_end))
loop.after(float(sys.argv[1]), lambda: print("timer") or loop.end())
loop.after(0, lambda: print(f"/proc/{os.getpid()}/fd/{write_end}", flush=True))
loop.run()
"""


def test_what_became_ready_while_the_process_was_stopped_is_heard_before_a_timer() -> None:
    seconds = 0.5
    with subprocess.Popen([sys.executable, "-c", _STOPPED, str(seconds)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        pipe = os.open(path, os.O_WRONLY)
        os.write(pipe, b"x")
        os.close(pipe)
        # Until the timer is due: nothing can tell of that, as the process is stopped.
        select.select([], [], [], seconds)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == b"heard\ntimer\n"

"""What is asked of processes that may be about to change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jobwire.worker.supervisor.containment.containment import all_stopped

# Busy on one processor, and the first of them only when nobody else wants it: a signal waits until it has its turn.
_BUSY = """
import os
os.sched_setaffinity(0, {int(__import__("sys").argv[1])})
if __import__("sys").argv[2] == "last":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(flush=True)
while True:
    pass
"""


@pytest.fixture
def crowded_out() -> Iterator[int]:
    """A process that wants to run and hardly ever may."""
    processor = str(min(os.sched_getaffinity(0)))
    with (
        subprocess.Popen([sys.executable, "-S", "-c", _BUSY, processor, "last"], stdout=subprocess.PIPE) as last,
        subprocess.Popen([sys.executable, "-S", "-c", _BUSY, processor, "first"], stdout=subprocess.PIPE) as first,
    ):
        for process in (last, first):
            assert process.stdout is not None
            process.stdout.readline()
        yield last.pid
        for process in (first, last):
            process.kill()


def test_a_state_that_the_kernel_is_about_to_change_one_that_waits_for_a_processor_to_take_its_stop_is_stopped(crowded_out: int) -> None:
    assert not all_stopped([crowded_out])
    for _ in range(200):
        os.kill(crowded_out, signal.SIGSTOP)
        assert all_stopped([crowded_out])
        os.kill(crowded_out, signal.SIGCONT)
        assert not all_stopped([crowded_out])


def test_one_that_is_to_be_stopped_and_continued_is_not_stopped(crowded_out: int) -> None:
    os.kill(crowded_out, signal.SIGSTOP)
    os.kill(crowded_out, signal.SIGCONT)
    assert not all_stopped([crowded_out])


def test_no_processes_are_not_stopped() -> None:
    assert not all_stopped([])

"""What is asked of processes that may be about to change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jobwire.worker.supervisor.containment.containment import all_stopped
from jobwire.worker.supervisor.containment.processes import has_pending

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


# Its name looks like a line of /proc/PID/status; of a name, the kernel escapes newlines and nothing else that ends a line elsewhere.
_NAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode().decode("unicode_escape").encode("latin-1"), 0, 0, 0)
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", [r"\rSigPnd:\tzz", r"\rSigPnd:\tffff", r"\nSigPnd:\tffff", r"\xff\x85\x0bSigPnd:"])
def test_the_name_of_a_process_is_not_read_as_a_signal_that_it_was_sent(name: str) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", _NAMED, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not any(has_pending(process.pid, number) for number in range(1, 32))
        assert not all_stopped([process.pid])
        process.communicate()

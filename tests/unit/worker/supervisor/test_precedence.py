"""How the supervisor asks the kernel to be scheduled, tried in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_ASK = """
import os, sys
os.nice({nice})
from jobwire.worker.supervisor.precedence import go_first, nice_of_children, step_back

def of_this(): return os.getpriority(os.PRIO_PROCESS, 0)

def of_spawned():
    asks = "import os; os._exit(os.getpriority(os.PRIO_PROCESS, 0) + 100 + os.sched_getscheduler(0))"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", asks], os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) - 100

go_first()
print(of_this(), of_spawned(), nice_of_children())
step_back()
print(of_this(), of_spawned(), nice_of_children(), os.sched_getscheduler(0))
"""


# That of the tests themselves: only root could lower it.
_OURS = os.getpriority(os.PRIO_PROCESS, 0)


def _after_asking(nice: int) -> list[str]:
    # In a session of its own: nothing else may be given precedence.
    asked = subprocess.run(
        [sys.executable, "-c", _ASK.format(nice=nice)], check=True, capture_output=True, text=True, start_new_session=True
    )
    return asked.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root raises a priority")
def test_a_supervisor_of_root_goes_first_and_its_children_do_not() -> None:
    assert _after_asking(-_OURS) == ["-10 0 0", "0 0 0 0"]


def test_a_process_that_was_made_nice_stays_so() -> None:
    nice = _OURS + 5
    assert _after_asking(5) == [f"{nice} {nice} {nice}", f"{nice} {nice} {nice} 0"]

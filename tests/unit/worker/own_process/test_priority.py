"""How the worker asks the kernel to be scheduled, tried in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_ASK = """
import os, threading
os.setpriority(os.PRIO_PROCESS, 0, {nice})
threading.Thread(target=threading.Event().wait, daemon=True).start()
from jobwire.worker.own_process.priority import answer_first
answer_first()
of_threads = {{os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")}}
pid = os.fork()
if not pid:
    os._exit(os.getpriority(os.PRIO_PROCESS, 0))
print(*of_threads, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def _after_asking(nice: int) -> str:
    return subprocess.run([sys.executable, "-c", _ASK.format(nice=nice)], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root raises a priority")
def test_all_threads_of_a_worker_of_root_go_first_and_its_children_do_not() -> None:
    assert _after_asking(0) == "-10 0"


def test_a_process_that_was_made_nice_stays_so() -> None:
    assert _after_asking(5) == "5 5"

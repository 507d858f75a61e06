"""Why no more processes or threads can be made, with real processes that can make none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from requirements import can_run

# Says why the first of some attempts failed.
PROGRAM = """
import _thread, os, resource, sys
from jobwire.keys import more_processes
if "another user" in sys.argv[1]:
    # For root the limit does not hold.
    os.setuid(54321)
if "little memory" in sys.argv[1]:
    # What is in use, and less than a stack more.
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + (1 << 20),) * 2)
try:
    for _ in range(2):
        if "thread" in sys.argv[1]:
            _thread.start_new_thread(int, ())
        elif os.fork() == 0:
            os._exit(0)
        else:
            os.wait()
except OSError as error:
    print(more_processes.next_step(error.errno))
except RuntimeError:
    print(more_processes.next_step())
"""
DEADLINE = ("chrt", "--deadline", "--sched-runtime", "10000000", "--sched-deadline", "1000000000", "--sched-period", "1000000000")


def why(*prefix: str, what: str) -> str:
    command = [*prefix, sys.executable, "-c", PROGRAM, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", ["thread", "process"])
def test_a_process_of_the_deadline_policy_is_told_so(what: str) -> None:
    if not can_run(*DEADLINE, "0", "true"):
        pytest.skip("no process can have a deadline here")
    assert "SCHED_DEADLINE cannot create others" in why(*DEADLINE, "0", what=what)
    assert why(*DEADLINE, "--reset-on-fork", "0", what=what) == ""


@pytest.mark.parametrize("what", ["thread", "process"])
def test_a_pid_namespace_without_a_first_process_is_not_taken_for_a_lack_of_memory(what: str) -> None:
    if not can_run("unshare", "--pid", "true"):
        pytest.skip("there are no pid namespaces here")
    assert "unshare --pid needs --fork" in why("unshare", "--pid", what=what)
    assert why("unshare", "--pid", "--fork", what=what) == ""


def test_a_limit_is_named_otherwise() -> None:
    assert "ulimit -u" in why("prlimit", "--nproc=0", what="thread of another user" if os.geteuid() == 0 else "thread")


def test_a_limit_on_memory_is_named_too_where_there_is_one() -> None:
    said = why(what="thread with little memory")
    assert "ulimit -v" in said
    assert "ulimit -u" in said

"""What is found of a job without cgroups, while its processes fork and end."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from jobwire.worker.supervisor.containment import sessions
from jobwire.worker.supervisor.containment.sessions import Sessions
from jobwire.worker.supervisor.spawning.spawner import mark_for

# Says when it is there, forks when it is told to, says whom, and ends; its child goes on until it is told to end.
_FORK_AND_END = """
import os, sys
print(flush=True)
sys.stdin.buffer.raw.read(1)
child = os.fork()
if child:
    print(child, flush=True)
    os._exit(0)
os.close(1)
sys.stdin.buffer.raw.read(1)
"""


@pytest.mark.parametrize("reaped", [False, True])
def test_one_that_forks_and_ends_after_processes_were_listed_hides_no_child(monkeypatch: pytest.MonkeyPatch, *, reaped: bool) -> None:
    mark = mark_for("state", f"handle {os.getpid()}")
    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (mark, hard))
    try:
        pipe = subprocess.PIPE
        parent = subprocess.Popen([sys.executable, "-S", "-c", _FORK_AND_END], stdin=pipe, stdout=pipe, start_new_session=True)
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))
    with parent:
        assert parent.stdin
        assert parent.stdout
        parent.stdout.readline()
        children: list[int] = []
        all_pids = sessions.all_pids

        def list_too_early() -> list[int]:
            found = all_pids()
            if not children:
                assert parent.stdin
                assert parent.stdout
                parent.stdin.write(b"!")
                parent.stdin.flush()
                children.append(int(parent.stdout.readline()))
                os.waitid(os.P_PID, parent.pid, os.WEXITED | (0 if reaped else os.WNOWAIT))
                found = [pid for pid in found if pid not in children]
            return found

        monkeypatch.setattr(sessions, "all_pids", list_too_early)
        assert Sessions(0).take(mark).pids() == children
    assert children


def test_where_no_keeper_tells_of_orphans_a_box_is_looked_for_in_all_of_proc() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    box = Sessions(0).take(mark_for("state", f"other handle {os.getpid()}"))
    box.lead(child.pid)
    assert (box.pids(), box.is_empty()) == ([child.pid], False)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert box.is_empty()
    child.wait()

"""Jobs that have themselves traced by their parent, as if it were a debugger. The kernel then reports their stops too."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from daemons import wait_until
from raw_desk import RawDesk, kill_and_wait

from jobwire.worker.supervisor.containment.processes import read_stat

# PTRACE_TRACEME is 0 on every architecture.
TRACED = "import ctypes, os, sys; open(sys.argv[1]).read(); ctypes.CDLL(None).ptrace(0, 0, 0, 0); os.kill(os.getpid(), 5)"


def stops_for_its_tracer(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.state == b"t"


def test_a_stop_of_a_job_that_the_keeper_traces_is_not_its_end(desk: RawDesk, tmp_path: Path) -> None:
    gates = [tmp_path / name for name in ("traced", "other")]
    for gate in gates:
        os.mkfifo(gate)
    traced = desk.start(sys.executable, "-S", "-c", TRACED, str(gates[0]))
    other = desk.start("/bin/sh", "-c", f"read x < {gates[1]}; exit 3")
    pid = int(desk.started(traced)["pid"])
    desk.started(other)
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    gates[0].write_text("")
    wait_until(lambda: stops_for_its_tracer(pid), "it stops")
    gates[1].write_text("\n")
    fact = desk.ended(other)
    assert (fact["kind"], fact["exit_status"]) == ("exited", 3)
    os.kill(pid, signal.SIGKILL)
    fact = desk.ended(traced)
    assert fact["sentence"] == "ended by SIGKILL"
    desk.settle(traced, other)


def test_a_traced_child_that_stops_hides_no_other_and_its_own_end_is_seen() -> None:
    # In a process of its own, which has no other children.
    look = """
import os, signal, sys
from jobwire.worker.supervisor.containment.processes import has_ended, next_zombie
traced = os.fork()
if not traced:
    import ctypes
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGTRAP)
os.waitid(os.P_PID, traced, os.WSTOPPED | os.WNOWAIT)
said = [has_ended(traced)]
other = os.posix_spawn("/bin/true", ["true"], {})
os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT)
said.append(next_zombie() == other)
os.waitpid(other, 0)
said.append(next_zombie() == 0)
os.kill(traced, signal.SIGKILL)
os.waitid(os.P_PID, traced, os.WEXITED | os.WNOWAIT)
said += [next_zombie() == traced, has_ended(traced)]
print(*said)
"""
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["False", "True", "True", "True", "True"]

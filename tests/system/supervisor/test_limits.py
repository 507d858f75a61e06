"""Limits of a job, and its nice value and umask."""

import json
import os
import re
import resource
import signal
import sys
import uuid
from pathlib import Path

import pytest
from daemons import wait_until
from raw_desk import RawDesk

from jobwire.schemas.jobs.process_limits import ResourceLimit
from jobwire.worker.supervisor.containment.cgroup_tree import find_tree, name_for
from jobwire.worker.supervisor.spawning.forked_start import only_root

_TELL = """
import json, os, resource
soft_hard = lambda name: resource.getrlimit(getattr(resource, name))
descriptors = sorted(os.listdir("/proc/self/fd"), key=int)
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), os.umask(0), os.getsid(0) == os.getpid(), descriptors,
    soft_hard("RLIMIT_NOFILE"), soft_hard("RLIMIT_CORE"), soft_hard("RLIMIT_CPU"), soft_hard("RLIMIT_FSIZE")]))
"""

# Each uses 60 MB; the second one has a session of its own, and its parent has ended.
_EATER = """
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        mine = bytearray(60_000_000)
        os.write(write, b"1")
        time.sleep(600)
    os._exit(0)
os.wait()
os.read(read, 1)
mine = bytearray(60_000_000)
time.sleep(600)
"""


def test_a_job_gets_its_nice_value_umask_and_limits_and_the_next_one_does_not(desk: RawDesk) -> None:
    plain = json.loads(desk.run(sys.executable, "-S", "-c", _TELL)[1])
    limits = (ResourceLimit("nofile", 500, 600), ResourceLimit("core", 0, None), ResourceLimit("cpu", 60, 60), ResourceLimit("fsize", 9, 9))
    fact, stdout, stderr = desk.run(sys.executable, "-S", "-c", _TELL, nice=plain[0] + 3, umask=0o27, rlimits=limits)
    assert (fact["kind"], stderr) == ("exited", b"")
    assert json.loads(stdout) == [plain[0] + 3, 0o27, True, plain[3], [500, 600], [0, -1], [60, 60], [9, 9]]
    assert json.loads(desk.run(sys.executable, "-S", "-c", _TELL)[1]) == plain


def test_a_job_that_used_its_cpu_time_says_so(desk: RawDesk) -> None:
    fact, _, _ = desk.run("/bin/sh", "-c", "while :; do :; done", rlimits=(ResourceLimit("cpu", 1, 1),))
    assert re.fullmatch(
        r"ended by SIGKILL; it had used [01][.\d]* s of CPU time, and its limit \(--rlimit cpu\) was 1 s for each process", fact["sentence"]
    )


def test_what_cannot_be_started_with_limits_is_told_as_without(desk: RawDesk) -> None:
    path = ((b"PATH", b"/bin:/usr/bin"),)
    limits = (ResourceLimit("core", 0, 0),)
    fact, _, _ = desk.run("no-such-program", rlimits=limits, environment=path)
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 127)
    fact, _, _ = desk.run("true", *["x" * 100_000] * 40, nice=5)
    assert (fact["exit_status"], "longer than the system allows" in fact["sentence"]) == (126, True)
    # More descriptors than any kernel allows, even for root.
    fact, _, _ = desk.run("true", rlimits=(ResourceLimit("nofile", 1 << 40, 1 << 40),))
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 125)
    assert fact["sentence"].startswith(f"its limit nofile={1 << 40}:{1 << 40} was refused: nobody may have more than ")
    assert desk.run("echo", "next")[1] == b"next\n"


def test_a_job_on_a_terminal_has_limits_too(desk: RawDesk) -> None:
    before = os.getpriority(os.PRIO_PROCESS, desk.supervisor)
    program = "ulimit -n; umask; test -t 0 && echo on a terminal"
    _, stdout, _ = desk.run("/bin/sh", "-c", program, umask=0o77, rlimits=(ResourceLimit("nofile", 300, 300),), terminal=(24, 80))
    assert stdout.split() == [b"300", b"0077", b"on", b"a", b"terminal"]
    assert os.getpriority(os.PRIO_PROCESS, desk.supervisor) == before


def _need_memory_controller(desk: RawDesk) -> None:
    desk.wish(do="hello")
    if problem := desk.fact("hello")["memory"]:
        pytest.skip(problem)


def _memory_cgroups(desk: RawDesk) -> list[str]:
    name = name_for(desk.state.stat())
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup/memory") if f"/{name}/" in folder]


def test_a_job_and_its_grandchild_that_use_too_much_together_are_killed_together(desk: RawDesk) -> None:
    _need_memory_controller(desk)
    fact, _, stderr = desk.run(sys.executable, "-S", "-c", _EATER, memory_bytes=100 << 20)
    assert stderr == b""
    assert (fact["kind"], fact["signal"]) == ("over_limit", signal.SIGKILL)
    assert fact["sentence"] == "used more memory than its limit of 100 MiB, and ended by SIGKILL"
    assert 90 << 20 < fact["peak_memory_bytes"] <= 100 << 20
    assert _memory_cgroups(desk) == []


# It answers SIGTERM with more memory than it may have.
_LAST_MEAL = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
mine = bytearray(120_000_000)
signal.pause()
"""


def test_a_job_that_takes_too_much_memory_while_it_is_stopped_says_so(desk: RawDesk) -> None:
    _need_memory_controller(desk)
    handle = desk.start(sys.executable, "-S", "-c", _LAST_MEAL, memory_bytes=100 << 20)
    folder = desk.folder(desk.started(handle))
    wait_until(lambda: (folder / "stdout").read_bytes() == b"ready\n", "a job that waits for SIGTERM")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["signal"]) == ("signaled", signal.SIGKILL)
    assert fact["sentence"] == "ended by SIGKILL; it also used more memory than its limit of 100 MiB, so the kernel killed it"


_WAITER = """
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
mine = bytearray(120_000_000)
time.sleep(600)
"""


def test_a_limit_on_memory_outlives_the_supervisor_and_is_told_even_if_it_was_reached_meanwhile(desk: RawDesk, tmp_path: Path) -> None:
    def start(go: Path) -> str:
        handle = desk.start(sys.executable, "-S", "-c", _WAITER, str(go), memory_bytes=100 << 20)
        desk.fact("started", handle)
        return handle

    def grow(go: Path, handle: str) -> None:
        go.touch()
        fact = desk.ended(handle)
        desk.settle(handle)
        assert (fact["kind"], fact["sentence"]) == ("over_limit", "used more memory than its limit of 100 MiB, and ended by SIGKILL")
        assert fact["peak_memory_bytes"] > 90 << 20

    _need_memory_controller(desk)
    with_next, meanwhile = start(tmp_path / "with-next"), start(tmp_path / "meanwhile")
    os.kill(desk.supervisor, signal.SIGSTOP)
    (tmp_path / "meanwhile").touch()
    (group,) = [folder for folder in _memory_cgroups(desk) if meanwhile in folder]
    wait_until(lambda: "oom_kill 1" in Path(group, "memory.oom_control").read_text(), "an OOM kill")
    os.kill(desk.supervisor, signal.SIGKILL)
    desk.reconnect()
    desk.recover()
    grow(tmp_path / "meanwhile", meanwhile)
    grow(tmp_path / "with-next", with_next)
    assert _memory_cgroups(desk) == []


@pytest.mark.parametrize("shell", [False, True], ids=["leader", "child of a shell"])
def test_a_job_that_is_killed_for_a_limit_of_somebody_else_is_told_that_memory_was_short(desk: RawDesk, *, shell: bool) -> None:
    tree = find_tree("memory")
    group = Path(tree.folder_of(os.getpid()) if tree else "/nowhere", f"test-{uuid.uuid4()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(30 << 20))
    except OSError:
        pytest.skip("there is no memory controller of version 1 to write to")
    try:
        program = f"open('{group}/cgroup.procs', 'w').write('0'); bytearray(100_000_000)"
        command = [sys.executable, "-S", "-c", program]
        fact, _, _ = desk.run("/bin/sh", "-c", '"$@"; exit $?', "sh", *command) if shell else desk.run(*command)
        said = "exited with status 137" if shell else "ended by SIGKILL"
        assert fact["sentence"].startswith(f"{said}; meanwhile the kernel killed ")
        assert "on this machine because memory was short" in fact["sentence"]
    finally:
        group.rmdir()


def test_who_may_not_limit_memory_says_so_and_what_the_kernel_refuses_is_told(anybodys: tuple[RawDesk, tuple[str, ...]]) -> None:
    desk, prefix = anybodys
    desk.wish(do="hello")
    problem = desk.fact("hello")["memory"]
    fact, stdout, _ = desk.run("/bin/sh", "-c", "nice; ulimit -n", memory_bytes=100 << 20, nice=7)
    assert (fact["exit_status"], stdout.split()[0]) == (0, b"7")
    assert ("peak_memory_bytes" in fact) == (problem == "")
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    fact, _, _ = desk.run("true", rlimits=(ResourceLimit("nofile", most, most + 1),))
    assert fact["sentence"].startswith(f"its limit nofile={most}:{most + 1} was refused: nobody may have more than {most} (fs.nr_open)")
    if not prefix:
        assert problem == ""
        return
    fact, _, _ = desk.run("true", nice=-5)
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 125)
    assert fact["sentence"] == "its nice value of -5 was refused: " + only_root(
        f"use a value below that of the worker ({os.nice(0)})", "CAP_SYS_NICE", is_root=os.geteuid() == 0
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fact, _, _ = desk.run("true", rlimits=(ResourceLimit("nofile", hard + 1, hard + 1),))
    may = only_root("go above it", "CAP_SYS_RESOURCE", is_root=os.geteuid() == 0)
    assert fact["sentence"].endswith(f"was refused: the hard limit of the worker is {hard}, and {may}")


_BURNER = """
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while time.process_time() < 0.3:
            pass
        os.write(write, b"1")
    os._exit(0)
os.wait()
os.read(read, 1)
"""


def test_what_a_job_used_is_told_of_all_its_processes(desk: RawDesk) -> None:
    """Also of one that nobody waited for, because its parent ended first."""
    fact, _, stderr = desk.run(sys.executable, "-S", "-c", _BURNER)
    assert (fact["exit_status"], stderr) == (0, b"")
    assert fact["user_us"] + fact["system_us"] < 250_000
    outcome = json.loads((desk.folder(fact) / "outcome").read_text())
    assert (outcome["read_bytes"], outcome["written_bytes"]) == (fact["read_bytes"], fact["written_bytes"])
    if desk.cgroups:
        assert outcome["cpu_us"] == fact["cpu_us"] > 290_000
        # Boxes are used again, and each job is told its own.
        fact, _, _ = desk.run("true")
        assert 0 < fact["cpu_us"] < 100_000

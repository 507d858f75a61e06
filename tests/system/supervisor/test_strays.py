"""Processes of a job without one of its signs: in another cgroup or session, without its mark, with a first thread that has ended."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive
from raw_desk import RawDesk, kill_both, serving, start_pair
from requirements import UNPRIVILEGED, can_run

from jobwire.worker.keeper import process
from jobwire.worker.supervisor.containment.cgroup_tree import find_tree, name_for
from jobwire.worker.supervisor.containment.processes import children_of

# argv: a file for the pid of the stray process, and how it strays. Its parent waits, unless it is to end first.
STRAY = """
import ctypes, os, resource, signal, sys, threading
said, ways, then = sys.argv[1], sys.argv[2].split(","), sys.argv[3]

def say():
    with open(said + "~", "w") as file:
        file.write(str(os.getpid()))
    os.rename(said + "~", said)

def go_astray():
    for way in ways:
        if way == "session":
            os.setsid()
        elif way == "mark":
            _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
            resource.setrlimit(resource.RLIMIT_RTTIME, (hard, hard))
        elif way.startswith("/"):
            with open(way, "w") as file:
                file.write("0")

def on_signal(*_):
    os.write(1, b"got it\\n")

if then == "itself":
    signal.signal(signal.SIGUSR1, on_signal)
    go_astray()
    say()
elif os.fork() == 0:
    signal.signal(signal.SIGUSR1, on_signal)
    go_astray()
    if then == "ignores":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if then == "first thread ends":
        threading.Thread(target=lambda: [say(), signal.sigwait([signal.SIGALRM])]).start()
        # See pthread_exit(3): only this thread ends.
        ctypes.CDLL(None).syscall(60, 0)
    say()
    if then == "orphan":
        os.close(1), os.close(2)
else:
    signal.signal(signal.SIGUSR1, lambda *_: None)
    if then == "orphan":
        while not os.path.exists(said):
            os.sched_yield()
        os._exit(3)
while True:
    signal.pause()
"""


def start_stray(desk: RawDesk, tmp_path: Path, ways: str, then: str = "waits", **options: object) -> tuple[str, int]:
    """Start a job with a stray process; return its handle and the pid of that process."""
    handle = desk.start(sys.executable, "-S", "-c", STRAY, f"{tmp_path}/pid", ways, then, **options)
    wait_until((tmp_path / "pid").exists, "it went astray")
    return handle, int((tmp_path / "pid").read_text())


def states(pid: int) -> set[str]:
    """Return the states of all threads of a process that have not ended."""
    lines = []
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            lines.append(path.read_text())
    return {line.rpartition(")")[2].split()[0] for line in lines} - {"Z", "X"}


@pytest.fixture
def elsewhere(desk: RawDesk) -> str:
    """Return the file with which a process moves to the supervisor's own cgroup."""
    tree = find_tree() if desk.cgroups else None
    if tree is None:
        pytest.skip("there is no cgroup that a process could leave")
    return f"{tree.folder_of(desk.supervisor)}/cgroup.procs"


@pytest.mark.parametrize("then", ["waits", "itself"])
def test_a_process_in_another_cgroup_is_signalled_paused_and_stopped(desk: RawDesk, tmp_path: Path, elsewhere: str, then: str) -> None:
    handle, stray = start_stray(desk, tmp_path, elsewhere, then)
    started = desk.started(handle)
    desk.wish(do="signal", job=handle, signal=signal.SIGUSR1)
    wait_until(lambda: (desk.folder(started) / "stdout").read_bytes() == b"got it\n", "the signal")
    desk.wish(do="pause", job=handle)
    assert desk.fact("paused", handle)["paused"]
    wait_until(lambda: states(stray) == {"T"}, "it is suspended")
    desk.wish(do="resume", job=handle)
    assert not desk.fact("paused", handle)["paused"]
    wait_until(lambda: states(stray) == {"S"}, "it goes on")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM
    assert not is_alive(stray)


def test_a_process_in_another_cgroup_that_ignores_sigterm_is_killed(desk: RawDesk, tmp_path: Path, elsewhere: str) -> None:
    handle, stray = start_stray(desk, tmp_path, f"{elsewhere},session", "ignores")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    desk.ended(handle)
    assert not is_alive(stray)


def test_an_orphan_in_another_cgroup_and_session_is_ended_with_its_leader(desk: RawDesk, tmp_path: Path, elsewhere: str) -> None:
    handle, stray = start_stray(desk, tmp_path, f"{elsewhere},session", "orphan", grace_ms=60_000)
    assert desk.ended(handle)["exit_status"] == 3
    assert not is_alive(stray)


def test_a_job_in_another_cgroup_is_still_whole_for_the_next_supervisor(desk: RawDesk, tmp_path: Path, elsewhere: str) -> None:
    handle, stray = start_stray(desk, tmp_path, elsewhere)
    os.kill(desk.supervisor, signal.SIGKILL)
    desk.reconnect()
    desk.recover()
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    desk.ended(handle)
    assert not is_alive(stray)


@pytest.mark.usefixtures("any_box")
def test_a_child_in_another_session_without_its_mark_is_stopped_with_its_parent(desk: RawDesk, tmp_path: Path) -> None:
    handle, stray = start_stray(desk, tmp_path, "session,mark", "ignores")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    desk.ended(handle)
    assert not is_alive(stray)


@pytest.mark.usefixtures("any_box")
def test_a_process_whose_first_thread_has_ended_is_signalled_paused_and_waited_for(desk: RawDesk, tmp_path: Path) -> None:
    handle, stray = start_stray(desk, tmp_path, "session", "first thread ends")
    desk.started(handle)
    wait_until(lambda: Path(f"/proc/{stray}/stat").read_text().rpartition(")")[2].split()[0] == "Z", "its first thread has ended")
    desk.wish(do="pause", job=handle)
    assert desk.fact("paused", handle)["paused"]
    if not desk.cgroups:
        wait_until(lambda: states(stray) == {"T"}, "it is suspended")
    os.kill(desk.supervisor, signal.SIGKILL)
    desk.reconnect()
    desk.recover()
    assert desk.started(handle)["paused"]
    desk.wish(do="resume", job=handle)
    assert not desk.fact("paused", handle)["paused"]
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM
    assert states(stray) == set()


@pytest.mark.usefixtures("any_box")
def test_what_a_leader_leaves_behind_is_ended_also_by_a_pair_that_never_was_its_parent(desk: RawDesk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    body = f"setsid sh -c 'echo $$ > {tmp_path}/pid~; mv {tmp_path}/pid~ {tmp_path}/pid; exec sleep 60' & read x < {tmp_path}/gate; exit 4"
    handle = desk.start("/bin/sh", "-c", body)
    wait_until((tmp_path / "pid").exists, "the child")
    kill_both(desk)
    process.start(desk.state)
    desk.reconnect()
    desk.recover()
    (tmp_path / "gate").write_text("go on\n")
    desk.ended(handle)
    assert not is_alive(int((tmp_path / "pid").read_text()))


# clone(2) with CLONE_PARENT, as a leader may call it: the children are those of the supervisor. Prints their pids.
_GIVE_CHILDREN_AWAY = """
import ctypes, os, sys, time
libc, clones = ctypes.CDLL(None), {"x86_64": 56, "aarch64": 220, "riscv64": 220}
for seconds in sys.argv[1:]:
    child = libc.syscall(clones[os.uname().machine], 0x8000 | 17, 0, 0, 0, 0)
    if child == 0:
        time.sleep(float(seconds))
        os._exit(9)
    print(child, flush=True)
"""


@pytest.mark.usefixtures("any_box")
@pytest.mark.parametrize("lives", [("0", "0", "0"), ("600", "0", "600")], ids=["have ended", "go on"])
def test_children_that_a_leader_gives_to_the_supervisor_are_ended_and_reaped(desk: RawDesk, lives: tuple[str, ...]) -> None:
    fact, out, _ = desk.run(sys.executable, "-S", "-c", _GIVE_CHILDREN_AWAY, *lives, grace_ms=60_000)
    assert fact["exit_status"] == 0
    given = set(map(int, out.split()))
    assert len(given) == len(lives)
    # At the latest at the end of the next job, also those that SIGTERM ended.
    assert desk.run("true")[0]["exit_status"] == 0
    assert not given & set(children_of(desk.supervisor))


def test_a_cgroup_that_a_job_leaves_frozen_or_with_others_beneath_it_is_not_used_again(desk: RawDesk, elsewhere: str) -> None:
    tree = find_tree()
    assert tree is not None
    for last in ("mkdir $box/nested", f"echo 0 > {elsewhere}; echo 1 > $box/cgroup.freeze"):
        find = "box=$(sed -n 's|^0::||p' /proc/self/cgroup); box=" + tree.folder_of(1).rstrip("/") + "$box"
        assert desk.run("/bin/sh", "-c", f"{find}; {last}; exit 5")[0]["exit_status"] == 5
        fact, out, _ = desk.run("/bin/sh", "-c", f"{find}; ls -d $box/*/; cat $box/cgroup.freeze")
        assert (fact["exit_status"], out) == (0, b"0\n")


# Nests cgroups in its own, deeper than a path is long, moves into the innermost, and ignores SIGTERM.
_NEST = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
own = next(line for line in open("/proc/self/cgroup") if line.startswith("0::"))[3:].rstrip("\\n")
os.chdir(sys.argv[1] + own)
for _ in range(1500):
    os.mkdir("nested"), os.chdir("nested")
with open("cgroup.procs", "w") as procs:
    procs.write("0")
print("in", flush=True)
signal.pause()
"""


@pytest.mark.usefixtures("elsewhere")
def test_a_job_in_cgroups_that_are_nested_very_deep_is_signalled_stopped_and_leaves_none(desk: RawDesk) -> None:
    tree = find_tree()
    assert tree is not None
    handle = desk.start(sys.executable, "-S", "-c", _NEST, tree.folder_of(1))
    started = desk.started(handle)
    wait_until(lambda: (desk.folder(started) / "stdout").read_bytes() == b"in\n", "it is in the innermost")
    boxes = list(Path(tree.above(desk.supervisor), name_for(desk.state.stat())).glob("job-*"))
    assert any((box / "nested").exists() for box in boxes)
    desk.wish(do="pause", job=handle)
    assert desk.fact("paused", handle)["paused"]
    desk.wish(do="resume", job=handle)
    assert not desk.fact("paused", handle)["paused"]
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    assert desk.ended(handle)["signal"] == signal.SIGKILL
    desk.settle(handle)
    wait_until(lambda: not any((box / "nested").exists() for box in boxes), "none is left")


@pytest.fixture
def become(tmp_path: Path) -> Path:
    """A program that becomes another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a program that becomes another user")
    become = tmp_path / "become"
    shutil.copy(shutil.which("setpriv") or "", become)
    os.chown(become, 54321, -1)
    become.chmod(0o4755)
    if not can_run(*UNPRIVILEGED, str(become), "--ruid", "54321", "true"):
        pytest.skip("no program can become another user here")
    return become


@pytest.mark.parametrize("paused", [False, True])
def test_sigkill_reaches_a_child_that_became_another_user_through_its_cgroup(tmp_path: Path, become: Path, *, paused: bool) -> None:
    if (tree := find_tree()) is None:
        pytest.skip("no cgroup v2 here")
    # Without capabilities, even root cannot write to the topmost one.
    delegated = Path(tree.folder_of(os.getpid())) / f"jobwire-test-{uuid.uuid4()}"
    delegated.mkdir()
    try:
        start_pair(tmp_path, "sh", "-c", f'echo $$ > {delegated}/cgroup.procs; exec "$@"', "sh", *UNPRIVILEGED)
        _kill_through_the_cgroup(tmp_path, become, paused=paused)
    finally:
        wait_until(lambda: not (delegated / "cgroup.procs").read_text(), "the end of all")
        for folder in sorted(delegated.rglob("*/"), reverse=True):
            folder.rmdir()
        delegated.rmdir()


def _kill_through_the_cgroup(state: Path, become: Path, *, paused: bool) -> None:
    with serving(state) as desk:
        assert desk.cgroups
        handle = desk.start("/bin/sh", "-c", f"{become} --ruid 54321 sh -c 'echo $$; exec sleep 600' & wait")
        started = desk.started(handle)
        child = int(wait_until((desk.folder(started) / "stdout").read_bytes, "the child"))
        desk.wish(do="signal", job=handle, signal=signal.SIGCONT)
        assert desk.fact("signalled", handle)["why"] == f"process {child} belongs to user 54321 and cannot be signalled"
        if paused:
            desk.wish(do="pause", job=handle)
            assert desk.fact("paused", handle)["paused"]
        desk.wish(do="signal", job=handle, signal=signal.SIGKILL)
        assert desk.fact("signalled", handle)["why"] == ""
        assert desk.ended(handle)["signal"] == signal.SIGKILL
        assert not is_alive(child)


def test_a_child_that_became_another_user_is_named_at_once_and_waited_for(
    tmp_path: Path, become: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With cgroups, SIGKILL reaches the child nevertheless.
    monkeypatch.setenv("JOBWIRE_CGROUPS", "off")
    os.mkfifo(tmp_path / "gate")
    gate = (tmp_path / "gate").open("r+b", buffering=0)
    start_pair(tmp_path, *UNPRIVILEGED)
    with gate, serving(tmp_path) as desk:
        wait = f"{become} --ruid 54321 sh -c 'echo $$; read x' < {tmp_path}/gate"
        handle = desk.start("/bin/sh", "-c", f"trap : USR1; {wait} & while :; do sleep 0.1; done")
        started = desk.started(handle)
        child = int(wait_until((desk.folder(started) / "stdout").read_bytes, "the child"))
        named = f"process {child} belongs to user 54321 and cannot be"
        desk.wish(do="signal", job=handle, signal=signal.SIGUSR1)
        assert desk.fact("signalled", handle)["why"] == f"{named} signalled"
        desk.wish(do="pause", job=handle)
        fact = desk.fact("paused", handle)
        assert (fact["paused"], fact["why"]) == (False, f"{named} suspended")
        desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
        fact = desk.fact("stuck", handle)
        assert (fact["pids"], fact["why"]) == ([child], f"{named} ended")
        desk.recover()
        assert desk.started(handle)["stuck"] == f"{named} ended"
        gate.write(b"end\n")
        assert desk.ended(handle)["signal"] == signal.SIGTERM
        assert not is_alive(child)

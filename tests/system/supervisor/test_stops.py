"""How jobs end: by themselves, stopped, or out of time. None of their processes is left."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from daemons import wait_until
from processes import activity, is_alive
from raw_desk import RawDesk

SH = "/bin/sh"
# Forks twice, leaves the session, closes its output, ignores SIGTERM, and writes its pid.
DAEMON = """
import os, signal, sys
told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(1), os.close(2)
        with open(sys.argv[1] + "~", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + "~", sys.argv[1])
        os.write(tell, b".")
        signal.pause()
    os._exit(0)
os.read(told, 1)
"""


def start_daemon(desk: RawDesk, tmp_path: Path, then: str, **options: object) -> tuple[str, int]:
    """Start a job that starts a daemon and continues with `then`; return its handle and the daemon's pid."""
    (tmp_path / "daemon.py").write_text(f"{DAEMON}\n{then}")
    handle = desk.start("/usr/bin/env", "python3", f"{tmp_path}/daemon.py", f"{tmp_path}/pid", **options)
    wait_until((tmp_path / "pid").exists, "the daemon")
    return handle, int((tmp_path / "pid").read_text())


@pytest.mark.usefixtures("any_box")
def test_a_daemon_that_ignores_sigterm_is_gone_after_end(desk: RawDesk, tmp_path: Path) -> None:
    handle, daemon = start_daemon(desk, tmp_path, "signal.pause()")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=200)
    fact = desk.ended(handle)
    assert not is_alive(daemon)
    assert (fact["kind"], fact["signal"]) == ("signaled", signal.SIGTERM)


@pytest.mark.usefixtures("any_box")
def test_what_a_leader_leaves_behind_is_ended(desk: RawDesk, tmp_path: Path) -> None:
    handle, daemon = start_daemon(desk, tmp_path, "sys.exit(7)", grace_ms=100)
    fact = desk.ended(handle)
    assert not is_alive(daemon)
    assert (fact["kind"], fact["exit_status"]) == ("exited", 7)


@pytest.mark.usefixtures("any_box")
def test_a_time_limit_ends_all(desk: RawDesk, tmp_path: Path) -> None:
    handle, daemon = start_daemon(desk, tmp_path, "signal.pause()", time_limit_ms=3000, grace_ms=100)
    fact = desk.ended(handle)
    assert not is_alive(daemon)
    assert (fact["kind"], fact["signal"]) == ("timed_out", signal.SIGTERM)
    assert fact["sentence"].startswith("exceeded its time limit of 3 s")


@pytest.mark.usefixtures("any_box")
def test_processes_that_keep_forking_are_all_ended(desk: RawDesk) -> None:
    nap = f"sleep 60.{desk.supervisor}"
    handle = desk.start(SH, "-c", f"trap '' TERM; (while :; do ({nap} & ) ; done) & echo ready; wait")
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the first output")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    assert desk.ended(handle)["signal"] == signal.SIGKILL
    assert subprocess.run(["pgrep", "-fx", nap], capture_output=True, check=False).stdout == b""


def test_a_job_that_ends_within_the_grace_is_not_killed(desk: RawDesk) -> None:
    handle = desk.start(SH, "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do read x < /proc/self/stat; done", grace_ms=60_000)
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the first output")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["exit_status"], desk.output(fact)[0]) == ("exited", 5, b"ready\nbye\n")


def test_a_job_that_does_not_end_is_killed_and_a_second_end_can_shorten_the_grace(desk: RawDesk) -> None:
    handle = desk.start(SH, "-c", "trap '' TERM; echo ready; while :; do read x < /proc/self/stat; done")
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the first output")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=50_000)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["signal"]) == ("signaled", signal.SIGKILL)
    assert fact["sentence"] == "did not end within 0.1 s of being told to, and was killed (SIGKILL)"


def test_a_stopped_process_receives_the_signal_of_a_stop(desk: RawDesk) -> None:
    handle = desk.start("sleep", "60")
    desk.started(handle)
    desk.wish(do="signal", job=handle, signal=signal.SIGSTOP)
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM


@pytest.mark.usefixtures("any_box")
def test_a_job_that_ended_in_time_did_not_exceed_its_limit_if_the_supervisor_wakes_up_late(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # More than are looked at in one turn.
    handles = [desk.start(SH, "-c", f"read x < {gate}; echo in time", time_limit_ms=6_000) for _ in range(30)]
    pids = [desk.started(handle)["pid"] for handle in handles]
    os.kill(desk.supervisor, signal.SIGSTOP)
    end = os.open(gate, os.O_RDWR)
    os.write(end, b"\n" * len(handles))
    for pid in pids:
        pidfd = os.pidfd_open(pid)
        assert select.select([pidfd], [], [], 60)[0], "it ends"
        os.close(pidfd)
    # Nothing can tell that its timers are due.
    select.select([], [], [], 6.5)
    os.kill(desk.supervisor, signal.SIGCONT)
    for handle in handles:
        fact = desk.ended(handle)
        assert (fact["sentence"], desk.output(fact)[0]) == ("exited with status 0", b"in time\n")
    os.close(end)


@pytest.mark.usefixtures("any_box")
def test_a_leader_is_signalled_before_its_children_and_does_nothing_more_when_one_of_them_ended(desk: RawDesk, tmp_path: Path) -> None:
    # Ten of them, so that any order of a set would be wrong for at least one.
    handles = [desk.start(SH, "-c", f"cd {tmp_path}; touch {number}; sleep 60; echo went on; sleep 60; :") for number in range(10)]
    for number in range(10):
        wait_until((tmp_path / str(number)).exists, "the shell")
    for handle in handles:
        desk.started(handle)
        desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    for handle in handles:
        fact = desk.ended(handle)
        assert (fact["signal"], *desk.output(fact)) == (signal.SIGTERM, b"", b"")


@pytest.mark.usefixtures("any_box")
def test_a_signal_reaches_every_process(desk: RawDesk) -> None:
    child = "trap 'echo got it; exit' USR1; echo ready; while :; do read x < /proc/self/stat; done"
    handle = desk.start(SH, "-c", f'setsid sh -c "{child}" & {child.replace("exit", "wait; exit")}')
    started = desk.started(handle)
    wait_until(lambda: (desk.folder(started) / "stdout").read_bytes().count(b"ready") == 2, "both processes")
    desk.wish(do="signal", job=handle, signal=signal.SIGUSR1)
    assert desk.output(desk.ended(handle))[0].count(b"got it") == 2


def rests(desk: RawDesk) -> bool:
    """Return whether keeper and supervisor are idle for a while, and send nothing."""
    before = activity(desk.supervisor), activity(desk.keeper)
    assert select.select([desk.socket], [], [], 0.5)[0] == []
    return (activity(desk.supervisor), activity(desk.keeper)) == before


def test_closing_its_output_early_neither_ends_a_job_nor_makes_the_supervisor_spin(desk: RawDesk) -> None:
    handle = desk.start(SH, "-c", "echo before; exec >&- 2>&-; exec sleep 60")
    started = desk.started(handle)
    ends = [Path(f"/proc/{started['pid']}/fd/{number}") for number in (1, 2)]
    wait_until(lambda: not any(map(os.path.lexists, ends)) and (desk.folder(started) / "stdout").read_bytes(), "the closing")
    wait_until(lambda: rests(desk), "they come to rest")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.output(desk.ended(handle))[0] == b"before\n"


def test_an_idle_pair_with_a_running_job_uses_no_cpu(desk: RawDesk) -> None:
    handle = desk.start("sleep", "60", time_limit_ms=86_400_000_000)
    desk.started(handle)
    wait_until(lambda: rests(desk), "they come to rest")


def test_output_that_an_escaped_process_still_writes_is_kept(desk: RawDesk, tmp_path: Path) -> None:
    if not desk.cgroups:
        pytest.skip("only what leaves its cgroup can escape")
    home = next(
        line.split(":", 2)[2].strip() for line in Path(f"/proc/{desk.supervisor}/cgroup").read_text().splitlines() if line[0] == "0"
    )
    box = Path("/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").exists() else "/sys/fs/cgroup") / home.lstrip("/")
    os.mkfifo(tmp_path / "gate")
    # Another session, another cgroup, and no mark; its parent ends before any scan.
    escape = f"echo 0 > {box}/cgroup.procs || exit; echo out > {tmp_path}/gate; read x < {tmp_path}/gate; echo late"
    handle = desk.start(SH, "-c", f"setsid prlimit --rttime=unlimited sh -c '{escape}' & read x < {tmp_path}/gate; echo early")
    fact = desk.ended(handle)
    assert fact["stdout_bytes"] == len("early\n")
    desk.settle(handle)
    (tmp_path / "gate").write_text("go on\n")
    wait_until(lambda: desk.output(fact)[0] == b"early\nlate\n", "what the escaped process wrote")


def test_a_job_that_writes_without_end_does_not_starve_others(desk: RawDesk) -> None:
    loud = desk.start("yes")
    desk.started(loud)
    began = time.monotonic()
    for _ in range(5):
        assert desk.run("echo", "hi")[1] == b"hi\n"
    # Not a measurement, but what users would notice as an interruption.
    assert time.monotonic() - began < 60
    desk.wish(do="end", job=loud, signal=signal.SIGKILL, grace_ms=0)
    fact = desk.ended(loud)
    written = (desk.folder(fact) / "stdout").stat().st_size
    assert written == fact["stdout_bytes"] > 0


def test_for_unknown_jobs_ends_are_ignored_and_signals_are_answered(desk: RawDesk) -> None:
    handle = f"{'0' * 32}.{'1' * 64}"
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=0)
    desk.wish(do="signal", job=handle, signal=signal.SIGTERM)
    desk.settle(handle)
    desk.recover()
    assert desk.facts == [{"fact": "signalled", "job": handle, "why": ""}]

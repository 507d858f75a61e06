"""Jobs on a terminal, through supervisor and keeper: what they find there, and that it survives whoever is killed."""

import fcntl
import json
import os
import signal
import struct
import termios
import time
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive
from raw_desk import PATIENCE, RawDesk, kill_and_wait, kill_both

from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.worker.wire import datagrams

SH = "/bin/sh"
SIZE = TerminalSize(30, 100)


def start(desk: RawDesk, *argv: str) -> str:
    return desk.start(*argv, terminal=SIZE)


def run(desk: RawDesk, *argv: str) -> bytes:
    """Run a job on a terminal to its end, and return what was shown there."""
    fact, stdout, stderr = desk.run(*argv, terminal=SIZE)
    assert (fact["kind"], fact["exit_status"], stderr, fact["stdout_problem"]) == ("exited", 0, b"", ""), (fact, stdout)
    assert fact["stdout_bytes"] == len(stdout)
    return stdout


def master_of(desk: RawDesk, handle: str) -> int:
    """Return the terminal of a running job, as the worker gets it."""
    desk.wish(do="terminal", job=handle)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        datagram, descriptors = datagrams.receive_with(desk.socket) or (b"", ())
        facts = json.loads(datagram)
        if descriptors:
            assert [fact["fact"] for fact in facts] == ["terminal"]
            return descriptors[0]
        desk.facts += facts
    raise AssertionError("no terminal came")


def shown(desk: RawDesk, handle: str, what: bytes) -> bytes:
    """Wait until something is in the log of a running job, and return the log."""
    log = desk.folder(desk.started(handle)) / "stdout"
    wait_until(lambda: what in log.read_bytes(), f"{what!r} is shown")
    return log.read_bytes()


def test_a_job_finds_a_terminal_of_its_size_that_controls_it(desk: RawDesk) -> None:
    told = run(desk, SH, "-c", 'for fd in 0 1 2; do test -t $fd || echo none; done; stty size; echo "to the tty" > /dev/tty; echo $TERM')
    assert told == b"30 100\r\nto the tty\r\nxterm\r\n"
    assert b"iutf8" in run(desk, "stty", "-a")
    pid, group, session = run(desk, SH, "-c", "ps -o pid= -o tpgid= -o sess= -p $$").split()
    assert pid == group == session


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 70_000, 3_000_000])
def test_every_byte_is_in_the_log_also_of_a_job_that_ends_at_once(desk: RawDesk, size: int) -> None:
    assert run(desk, SH, "-c", f"stty -opost; head -c {size} /dev/zero | tr '\\0' x") == b"x" * size


def test_what_was_shown_survives_a_killed_supervisor(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = start(desk, SH, "-c", f"stty -opost; echo begin; read x < {gate}; seq 20000; stty size; exit 7")
    shown(desk, handle, b"begin\n")
    os.kill(desk.supervisor, signal.SIGSTOP)
    gate.write_bytes(b"\n")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    fact = desk.ended(handle)
    expected = b"begin\n" + b"".join(b"%d\n" % number for number in range(1, 20001)) + b"30 100\n"
    assert (fact["exit_status"], fact["stdout_problem"], desk.output(fact)) == (7, "", (expected, b""))


def test_a_supervisor_killed_while_a_job_writes_loses_no_byte(desk: RawDesk) -> None:
    handle = start(desk, SH, "-c", "stty -opost; seq 400000")
    desk.started(handle)
    for _ in range(3):
        kill_and_wait(desk.supervisor)
        desk.reconnect()
    desk.recover()
    fact = desk.ended(handle)
    assert (fact["exit_status"], fact["stdout_problem"]) == (0, "")
    assert desk.output(fact)[0] == b"".join(b"%d\n" % number for number in range(1, 400001))


def test_a_job_outlives_a_killed_keeper(desk: RawDesk) -> None:
    handle = start(desk, SH, "-c", "read line; echo got $line")
    desk.started(handle)
    kill_and_wait(desk.keeper)
    master = master_of(desk, handle)
    os.write(master, b"this\n")
    os.close(master)
    fact = desk.ended(handle)
    assert desk.output(fact)[0].split() == [b"this", b"got", b"this"]
    # The next keeper begins when no job runs.
    desk.settle(handle)
    assert desk.socket.recv(65_536) == b""


def test_a_job_outlives_supervisor_and_keeper_killed_together(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = start(desk, SH, "-c", f"trap 'echo hung up' HUP; echo begin; read x < {gate}; echo more; read line; echo got $line")
    pid = desk.started(handle)["pid"]
    log = tmp_path / "logs"
    wait_until(lambda: any(one.read_bytes() for one in log.glob("*/stdout")), "it begins")
    kill_both(desk)
    gate.write_bytes(b"\n")
    assert is_alive(pid)
    from jobwire.worker.keeper import process  # noqa: PLC0415 -- beside its use

    process.start(tmp_path)
    desk.reconnect()
    desk.recover()
    master = master_of(desk, handle)
    os.write(master, b"this\n")
    os.close(master)
    fact = desk.ended(handle)
    assert fact["stdout_problem"] == ""
    assert desk.output(fact)[0] == b"begin\r\nmore\r\nthis\r\ngot this\r\n"


def test_the_worker_resizes(desk: RawDesk) -> None:
    handle = start(desk, SH, "-c", "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.1; done")
    log = desk.folder(desk.started(handle)) / "stdout"
    wait_until(lambda: b"ready" in log.read_bytes(), "it is ready")
    master = master_of(desk, handle)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 11, 22, 0, 0))
    os.close(master)
    fact = desk.ended(handle)
    assert (fact["exit_status"], desk.output(fact)[0]) == (3, b"ready\r\n11 22\r\n")


def test_control_c_reaches_the_foreground(desk: RawDesk) -> None:
    handle = start(desk, SH, "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done")
    log = desk.folder(desk.started(handle)) / "stdout"
    wait_until(lambda: b"ready" in log.read_bytes(), "it is ready")
    master = master_of(desk, handle)
    os.write(master, b"\x03")
    os.close(master)
    fact = desk.ended(handle)
    assert (fact["exit_status"], desk.output(fact)[0]) == (3, b"ready\r\n^Ccaught\r\n")


def test_a_job_may_let_go_of_its_terminal_for_a_while(desk: RawDesk) -> None:
    assert run(desk, SH, "-c", "echo a; exec </dev/null >/dev/null 2>&1; sleep 0.2; echo b >/dev/tty; sleep 0.2") == b"a\r\nb\r\n"


def test_a_stopped_job_that_ignores_hangups_is_gone(desk: RawDesk) -> None:
    handle = start(
        desk, SH, "-c", "trap '' HUP TERM; (trap '' HUP TERM; while :; do sleep 1; done) & echo ready; while :; do sleep 1; done"
    )
    pid = desk.started(handle)["pid"]
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=100)
    assert desk.ended(handle)["kind"] == "signaled"
    assert not is_alive(pid)


def test_an_output_limit_holds_for_a_terminal(desk: RawDesk) -> None:
    handle = desk.start("yes", terminal=SIZE, output_limit_bytes=1000)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["stdout_bytes"], len(desk.output(fact)[0])) == ("over_limit", 1000, 1000)


def test_a_program_that_does_not_exist_leaves_no_terminal_behind(desk: RawDesk) -> None:
    before = len(list(Path("/dev/pts").iterdir()))
    fact, stdout, stderr = desk.run("/no/such", terminal=SIZE)
    assert (fact["exit_status"], stdout, stderr) == (127, b"", b"")
    assert run(desk, "true") == b""
    wait_until(lambda: len(list(Path("/dev/pts").iterdir())) <= before, "no terminal is left")


def test_the_worker_is_told_if_a_job_has_no_terminal(desk: RawDesk) -> None:
    handle = desk.start("sleep", "1000")
    desk.started(handle)
    desk.wish(do="terminal", job=handle)
    assert desk.fact("feed_over", handle)["why"] == "the terminal of the job cannot be reached"

"""`jobwire run` and what may happen meanwhile: signals, a lost connection, a reader that exits, a worker that is full."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemons import Worker, wait_until
from home import Home, Terminal, read_until

OpenTerminal = Callable[..., Terminal]
# Prints which signal it received, and continues.
STUBBORN = "trap 'echo told INT' INT; trap 'echo told TERM' TERM; echo up; while :; do sleep 600 & wait $!; done"


def last(home: Home) -> dict[str, Any]:
    return home.records("show", "last")[0]


def test_the_first_ctrl_c_is_the_jobs_own(home: Home, terminal: OpenTerminal) -> None:
    screen = terminal(home, "run", "sh", "-c", "trap 'echo told; exit 5' INT; echo up; while :; do sleep 600 & wait $!; done")
    screen.until("up")
    screen.type(b"\x03")
    screen.until("told")
    assert screen.ended() == 5


def test_the_second_ctrl_c_stops_it(home: Home, terminal: OpenTerminal) -> None:
    screen = terminal(home, "run", "--grace", "10s", "sh", "-c", STUBBORN.replace("'echo told TERM'", "'exit 6'"))
    screen.until("up")
    screen.type(b"\x03")
    screen.until("told INT")
    screen.type(b"\x03")
    assert screen.ended() == 6


def test_a_sigterm_that_comes_twice_at_once_stops_the_job_and_is_waited_for(home: Home) -> None:
    """As timeout(1) sends it: to the command, and to its process group."""
    with home.start("run", "sh", "-c", "trap 'sleep 0.5; exit 6' TERM; echo up; while :; do sleep 600 & wait $!; done") as running:
        assert running.stdout
        read_until(running.stdout, b"up\n")
        # Two of the same kind would be one to the kernel while it stands still.
        running.send_signal(signal.SIGSTOP)
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGHUP)
        running.send_signal(signal.SIGCONT)
        assert running.wait() == 6


def test_three_interrupts_at_once_leave_no_job_that_nobody_stops(home: Home) -> None:
    with home.start("run", "--grace", "10m", "sh", "-c", STUBBORN) as running:
        assert running.stdout
        read_until(running.stdout, b"up\n")
        # They are taken together once it goes on: SIGTERM counts as the second, SIGINT as the third.
        running.send_signal(signal.SIGSTOP)
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGCONT)
        assert running.wait() in {130, 143}
    assert last(home)["state"] == "stopping"


def test_sigquit_is_passed_on(home: Home) -> None:
    with home.start("run", "sh", "-c", "trap 'echo threads' QUIT; echo up; while :; do sleep 600 & wait $!; done") as running:
        assert running.stdout
        read_until(running.stdout, b"up\n")
        for _ in range(3):
            running.send_signal(signal.SIGQUIT)
            read_until(running.stdout, b"threads\n")
        running.send_signal(signal.SIGTERM)
        assert running.wait() == 143


def test_the_third_ctrl_c_detaches(home: Home, terminal: OpenTerminal) -> None:
    screen = terminal(home, "run", "--grace", "10m", "sh", "-c", STUBBORN)
    screen.until("up")
    screen.type(b"\x03")
    screen.until("told INT")
    screen.type(b"\x03")
    screen.until("told TERM")
    screen.type(b"\x03")
    screen.until("is still being stopped; jobwire wait")
    assert screen.ended() == 130
    assert last(home)["state"] == "stopping"


def test_ctrl_c_cancels_a_queued_job(own_home: Home, worker: Worker, terminal: OpenTerminal) -> None:
    for _ in range(worker.slots):
        own_home.submit("sleep", "600")
    screen = terminal(own_home, "run", "true")
    screen.until("waits: all 4 slots are in use")
    screen.type(b"\x03")
    assert screen.ended() == 143
    assert last(own_home)["outcome"]["kind"] == "cancelled"


def test_a_terminal_that_hangs_up_stops_the_job(home: Home, terminal: OpenTerminal) -> None:
    screen = terminal(home, "run", "sh", "-c", "echo up; exec sleep 600")
    screen.until("up")
    screen.hang_up()
    screen.ended()
    assert last(home)["outcome"]["exit_status"] == 143


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_command_stops_the_job(home: Home, number: signal.Signals) -> None:
    with home.start(
        "run", "--grace", "10s", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 600 & wait $!; done"
    ) as run:
        assert run.stdout
        read_until(run.stdout, b"up\n")
        run.send_signal(number)
        assert run.stdout.read() == b"bye\n"
        assert run.wait() == 3


@pytest.mark.parametrize("script", ["echo up; exec sleep 600", "while :; do echo up; done"])
def test_a_reader_that_goes_away_stops_the_job(home: Home, script: str) -> None:
    with home.start("run", "sh", "-c", script) as run:
        assert run.stdout
        read_until(run.stdout, b"up\n")
        run.stdout.close()
        assert run.wait() == 141
        assert run.stderr
        assert run.stderr.read() == b""
    assert last(home)["outcome"]["exit_status"] == 143


@pytest.mark.parametrize(("bye", "status"), [("", 3), (r"os.write(1, b'bye\n'),", 141)])
def test_a_reader_that_leaves_with_everything_does_not_change_how_a_job_ended(home: Home, bye: str, status: int) -> None:
    """As tar(1) does at the end of an archive, in the moment in which the job ends."""
    # A shell may complain about its child that is ended too, and that would be output that is left.
    # Not by print(), which a handler that interrupts one may not call.
    program = rf"import os, signal, sys; signal.signal(15, lambda *_: ({bye} sys.exit(3))); os.write(1, b'up\n'); signal.pause()"
    with home.start("run", sys.executable, "-c", program) as run:
        assert run.stdout
        read_until(run.stdout, b"up\n")
        run.stdout.close()
        assert run.wait() == status
    assert last(home)["outcome"]["exit_status"] == 3


def test_a_signal_is_handled_while_the_reader_is_slow(home: Home) -> None:
    with home.start("run", "sh", "-c", "head -c 20000000 /dev/zero; exec sleep 600") as run:
        assert run.stdout
        # Filled completely: nothing more can be written.
        fd = run.stdout.fileno()
        wait_until(lambda: select.select([fd], [], [], 0)[0] and home.records("show", "last")[0]["pid"], "it runs")
        wait_until(lambda: len(home.jobwire("logs", "last", "--from", "19999999").stdout) == 1, "it has written all")
        run.send_signal(signal.SIGTERM)
        wait_until(lambda: last(home)["state"] == "finished", "the job is stopped")
        assert len(run.stdout.read()) == 20_000_000
        assert run.wait() == 143


def test_a_worker_that_is_killed_meanwhile_is_waited_for(own_home: Home, worker: Worker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with own_home.start("run", "sh", "-c", f"echo up; read x < {gate}; echo $x; exit 9") as run:
        assert run.stdout
        assert run.stderr
        read_until(run.stdout, b"up\n")
        worker.kill()
        read_until(run.stderr, b"is lost; waiting for it to come back")
        gate.write_text("meanwhile\n")
        worker.start()
        assert run.stdout.read() == b"meanwhile\n"
        assert run.wait() == 9
        assert run.stderr.read().endswith(b" again\n")


def test_a_client_that_is_killed_leaves_the_job_running(home: Home) -> None:
    with home.start("run", "-n", "orphan", "sh", "-c", "echo up; exec sleep 600") as run:
        assert run.stdout
        read_until(run.stdout, b"up\n")
        run.kill()
    assert home.records("show", "orphan")[0]["state"] == "running"


def test_colours_and_tables_are_for_terminals(home: Home, terminal: OpenTerminal) -> None:
    home.jobwire("run", "-n", "one", "true")
    plain = terminal(home, "list", "-a")
    plain.until("COMMAND")
    assert plain.ended() == 0
    assert b"\x1b" not in plain.screen
    del home.env["NO_COLOR"]
    coloured = terminal(home, "list", "-a")
    assert coloured.ended() == 0
    assert b"\x1b[32mexit 0" in coloured.screen
    assert b"\x1b" not in home.jobwire("list", "-a").stdout


def test_what_a_job_is_called_cannot_drive_the_terminal(home: Home, terminal: OpenTerminal) -> None:
    home.jobwire("run", "echo", "\x1b[2Jgone\r\n")
    shown = terminal(home, "show", "last")
    assert shown.ended() == 0
    assert b"\x1b[2J" not in shown.screen
    assert rb"\x1b[2Jgone" in shown.screen


def test_a_batch_shows_its_progress_on_a_terminal(home: Home, tmp_path: Path, terminal: OpenTerminal) -> None:
    (tmp_path / "jobs").write_text("true\nsh -c 'echo reason >&2; false'\ntrue\n")
    screen = terminal(home, "batch", "--lines", str(tmp_path / "jobs"))
    screen.until("exited with status 1")
    screen.until("reason")
    # So short a run may end before the bar is drawn again.
    screen.until("3 jobs ended in")
    assert screen.ended() == 1


def test_ctrl_c_leaves_a_batch_alone(home: Home, tmp_path: Path, terminal: OpenTerminal) -> None:
    (tmp_path / "jobs").write_text("sleep 600\nsleep 601\n")
    screen = terminal(home, "batch", "--lines", str(tmp_path / "jobs"))
    screen.until("2 running")
    screen.type(b"\x03")
    screen.until("the jobs continue; jobwire wait")
    assert screen.ended() == 130
    assert len(home.records("list")) == 2

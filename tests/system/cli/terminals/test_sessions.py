"""`run --tty` and `attach`: keys, sizes, leaving and returning, and the terminal of the command restored whatever happens."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, Terminal

DETACH = b"\x1d\x1d\x1d"
SHELL = ("env", "PS1=ready> ", "sh", "-i")
# To be typed: shows a size of the terminal when it has that size.
UNTIL = b"until stty size | grep '%d %d'; do sleep 0.1; done"
OpenTerminal = Callable[..., Terminal]


def resize(terminal: Terminal, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def is_raw(terminal: Terminal) -> bool:
    return not termios.tcgetattr(terminal.master)[3] & termios.ICANON


def left(terminal: Terminal) -> str:
    """Wait until a command has left its job, and return the id of the job."""
    terminal.until("left job ")
    terminal.until("which continues; return with: jobwire attach ")
    terminal.until("\n")
    return terminal.screen.split()[-1].decode()


def test_a_shell_is_used_as_if_it_ran_here(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", *SHELL)
    shell.until("ready> ")
    assert is_raw(shell)
    resize(shell, 33, 99)
    shell.type(UNTIL % (33, 99) + b"; echo $TERM\n")
    shell.until("33 99\r\nxterm\r\nready> ")
    shell.type(b"cat\n")
    shell.until("cat\r\n")
    shell.type(b"twice\n")
    shell.until("twice\r\ntwice\r\n")
    shell.type(b"\x03")
    shell.until("ready> ")
    shell.type(b"sleep 1000\n")
    shell.until("sleep 1000\r\n")
    wait_until(lambda: child(home, "sleep"), "sleep runs")
    shell.type(b"\x1a")
    shell.until("ready> ")
    shell.type(b"fg\n")
    shell.until("sleep 1000\r\n")
    # The shell shows what it continues before it does.
    wait_until(lambda: has_the_terminal(home, "sleep"), "sleep has the terminal again")
    shell.type(b"\x03")
    shell.until("ready> ")
    shell.type(b"exit 7\n")
    assert shell.ended() == 7
    assert not is_raw(shell)


def child(home: Home, program: str) -> Path | None:
    """Return the folder in /proc of a program that a job of this user started, if it is running."""
    for record in home.records("list"):
        for pid in Path(f"/proc/{record['pid']}/task/{record['pid']}/children").read_text().split():
            if program in Path(f"/proc/{pid}/comm").read_text():
                return Path("/proc", pid)
    return None


def has_the_terminal(home: Home, program: str) -> bool:
    """Return whether a program goes on in the foreground of its terminal (proc_pid_stat(5): state, pgrp and tpgid)."""
    found = child(home, program)
    assert found
    state, _, group, _, _, foreground = found.joinpath("stat").read_text().rpartition(")")[2].split()[:6]
    return state != "T" and group == foreground


def test_end_of_file_is_typed_and_the_status_is_the_jobs(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "--tty", "sh", "-c", "echo begin; cat; exit 3")
    job.until("begin\r\n")
    job.type(b"\x04")
    assert job.ended() == 3


def test_a_password_is_not_shown(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "-it", "sh", "-c", "stty -echo; printf 'password: '; read x; stty echo; echo; echo got $x")
    job.until("password: ")
    job.type(b"secret\n")
    job.until("\r\ngot secret\r\n")
    assert job.ended() == 0
    assert job.screen.count(b"secret") == 1


def test_bytes_that_are_not_text_pass_both_ways(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "-it", "sh", "-c", "stty raw -echo; echo begin; head -c 6 | od -An -tx1; printf '\\377\\200\\303\\n'")
    job.until("begin\n")
    job.type(b"\xff\xfe\x00\xc3\x28\x03")
    job.until("ff fe 00 c3 28 03\n")
    assert job.ended() == 0
    assert job.screen.endswith(b"\xff\x80\xc3\n")


def test_a_large_paste_arrives_whole(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "-it", "sh", "-c", "stty raw -echo; echo begin; sleep 0.5; head -c 300000 | cksum")
    job.until("begin\n")
    paste = bytes(range(97, 123)) * 11539
    job.type_all(paste[:300_000])
    assert job.ended() == 0
    (told,) = [line for line in job.screen.splitlines() if b"300000" in line]
    assert told.split()[0] == home.jobwire("run", "--", "cksum", stdin=paste[:300_000]).stdout.split()[0]


def test_leaving_and_returning_loses_nothing(home: Home, terminal: OpenTerminal) -> None:
    first = terminal(home, "run", "-it", *SHELL)
    first.until("ready> ")
    first.type(b"x=kept\n")
    first.until("ready> ")
    first.type(DETACH)
    name = left(first)
    assert first.ended() == 0
    assert not is_raw(first)
    second = terminal(home, "attach", name)
    second.until("x=kept")
    second.type(b"\x15echo $x again\n")
    second.until("kept again\r\nready> ")
    second.type(b"exit 4\n")
    assert second.ended() == 4
    log = home.jobwire("logs", name, status=0).stdout
    assert log.count(b"kept again") == 1
    assert home.records("show", name)[0]["outcome"]["stderr_bytes"] == 0


def test_keys_of_ones_own_leave_too(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", "--detach-keys", "ctrl-p,ctrl-q", *SHELL)
    shell.until("ready> ")
    shell.type(DETACH)
    shell.type(b"\x10")
    shell.type(b"\x11")
    home.jobwire("stop", "--now", left(shell))
    assert shell.ended() == 0


def test_what_is_said_at_a_prompt_begins_a_line_and_margins_are_undone(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", *SHELL)
    shell.until("ready> ")
    shell.type(rb"printf '\033[1;5rset\n'" + b"\n")
    shell.until("set\r\nready> ")
    shell.type(DETACH)
    shell.until("\x1b[r")
    shell.until("\r\njobwire: ")
    name = left(shell)
    watched = terminal(home, "attach", "--read-only", name)
    watched.until("set\r\nready> ")
    home.jobwire("stop", "--now", name)
    watched.until("\r\njobwire: job ")


def test_two_share_a_terminal_and_the_last_size_counts(home: Home, terminal: OpenTerminal) -> None:
    first = terminal(home, "run", "-it", *SHELL)
    first.until("ready> ")
    resize(first, 20, 60)
    first.type(UNTIL % (20, 60) + b"\n")
    first.until("20 60\r\nready> ")
    # A newer one, but on no terminal.
    plain = home.submit("sleep", "1000")
    second = terminal(home, "attach")
    second.until("attaching to job ")
    second.until("20 60\r\nready> ")
    resize(second, 11, 20)
    second.type(b"\x15" + UNTIL % (11, 20) + b"\n")
    for one in (first, second):
        one.until("11 20\r\nready> ")
    watcher = terminal(home, "attach", "--read-only")
    watcher.until("11 20\r\nready> ")
    watcher.type(b"echo ignored\n")
    first.type(b"echo seen by all; exit\n")
    for one in (first, second, watcher):
        one.until("\r\nseen by all\r\n")
        assert one.ended() == 0
    assert b"\r\nignored\r\n" not in first.screen
    home.jobwire("stop", "--now", plain)
    alone = terminal(home, "attach")
    alone.until("none of your jobs runs on a terminal; jobwire run -it -- bash starts one")
    assert alone.ended() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_job_and_restores_the_terminal(home: Home, terminal: OpenTerminal, number: signal.Signals) -> None:
    shell = terminal(home, "run", "-it", *SHELL)
    shell.until("ready> ")
    shell.process.send_signal(number)
    assert shell.ended() == 128 + signal.SIGHUP
    assert not is_raw(shell)


def test_a_terminal_that_vanishes_stops_the_job(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", *SHELL)
    shell.until("ready> ")
    (record,) = home.records("list")
    shell.hang_up()
    assert home.jobwire("wait", record["id"], status=128 + signal.SIGHUP)


def test_a_command_whose_terminal_vanishes_ends_when_the_job_was_stopped(home: Home, terminal: OpenTerminal) -> None:
    # The signal and the keyboard both tell that it is gone: that is no second SIGHUP, after which the command would not wait.
    shell = terminal(home, "run", "-it", "--grace", "0.3s", "--", "sh", "-c", "trap '' HUP TERM; echo begin; while :; do sleep 1; done")
    shell.until("begin\r\n")
    shell.hang_up()
    shell.process.wait(60)
    assert not home.records("list")


def test_a_job_outlives_the_terminal_if_wanted(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", "--detach-on-hangup", *SHELL)
    shell.until("ready> ")
    shell.hang_up()
    shell.process.wait(60)
    again = terminal(home, "attach", "last")
    again.until("ready> ")
    again.hang_up()
    again.process.wait(60)
    assert [record["state"] for record in home.records("list")] == ["running"]


def test_a_job_without_a_terminal_outlives_a_hangup_if_wanted(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "--detach-on-hangup", "sh", "-c", "echo begin; sleep 1000")
    job.until("begin")
    job.process.send_signal(signal.SIGHUP)
    job.until("continues; jobwire logs -f ")
    assert job.ended() == 128 + signal.SIGHUP
    assert [record["state"] for record in home.records("list")] == ["running"]


def test_a_suspended_command_continues_as_it_was(home: Home, terminal: OpenTerminal) -> None:
    shell = terminal(home, "run", "-it", *SHELL)
    shell.until("ready> ")
    shell.process.send_signal(signal.SIGSTOP)
    shell.type(b"echo typed meanwhile\n")
    os.waitpid(shell.process.pid, os.WUNTRACED)
    resize(shell, 15, 45)
    shell.process.send_signal(signal.SIGCONT)
    shell.until("\r\ntyped meanwhile\r\n")
    assert is_raw(shell)
    shell.type(UNTIL % (15, 45) + b"; exit\n")
    shell.until("\n15 45\r\n")
    assert shell.ended() == 0


@pytest.mark.parametrize("watches", [False, True])
def test_the_cursor_is_shown_while_a_terminal_is_suspended_whose_job_hides_it(home: Home, terminal: OpenTerminal, *, watches: bool) -> None:
    script = "trap 'printf redrawn' WINCH; printf '\\033[?1049h\\033[?25lready'; while :; do sleep 0.1; done"
    shown = terminal(home, "run", "-it", "--", "sh", "-c", script)
    shown.until("ready")
    if watches:
        shown = terminal(home, "attach", "--read-only", "last")
        shown.until("ready")
    for _ in range(2):
        shown.process.send_signal(signal.SIGTSTP)
        shown.until("\x1b[?1049l\x1b[?25h")
        os.waitpid(shown.process.pid, os.WUNTRACED)
        assert not is_raw(shown)
        shown.process.send_signal(signal.SIGCONT)
        shown.until("\x1b[?25l\x1b[?1049h")
        if not watches:
            shown.until("redrawn")


def test_a_killed_worker_interrupts_nothing_for_long(own_home: Home, worker: Worker, terminal: OpenTerminal) -> None:
    shell = terminal(own_home, "run", "-it", *SHELL)
    shell.until("ready> ")
    worker.kill()
    shell.until("jobwire: ")
    worker.start()
    shell.until("\r\njobwire: ")
    shell.type(b"echo still here\n")
    shell.until("\r\nstill here\r\nready> ")
    shell.type(b"exit 6\n")
    assert shell.ended() == 6
    assert not is_raw(shell)


def test_a_reload_of_all_daemons_is_not_noticed(own_home: Home, worker: Worker, terminal: OpenTerminal) -> None:
    shell = terminal(own_home, "run", "-it", *SHELL)
    shell.until("ready> ")
    worker.command("reload")
    shell.type(b"echo still here\n")
    shell.until("\r\nstill here\r\nready> ")
    shell.type(DETACH)
    again = terminal(own_home, "attach", left(shell))
    again.until("still here\r\nready> ")
    again.type(b"\x15exit 6\n")
    assert again.ended() == 6


def test_a_terminal_is_needed_on_both_sides(home: Home, terminal: OpenTerminal) -> None:
    said = home.jobwire("run", "--tty", "true", status=2).stderr.decode()
    assert said.startswith("jobwire: --tty needs a terminal, and the standard input of this command is not one; leave --tty out")
    assert "attach needs a terminal" in home.jobwire("attach", "last", status=2).stderr.decode()
    plain = home.submit("sleep", "1000")
    attached = terminal(home, "attach", plain)
    attached.until("does not run on a terminal; jobwire logs -f")
    assert attached.ended() == 1


def test_a_job_that_is_submitted_with_a_terminal_is_attached_to(home: Home) -> None:
    said = home.jobwire("submit", "-it", "sleep", "600")
    job = said.stdout.decode().strip()
    assert f"job {job[:8]} submitted; jobwire attach {job[:8]} shows its terminal, jobwire wait" in said.stderr.decode()
    home.jobwire("stop", "--now", job)


def test_what_docker_users_type_is_understood_or_told(home: Home) -> None:
    for arguments in (("-t", "bash"), ("-t", "bash", "x")):
        assert "for a terminal, use --tty or -it" in home.jobwire("run", *arguments, status=2).stderr.decode()
    assert "--tty or -it" in home.jobwire("run", "-i", "bash", status=2).stderr.decode()
    assert "cannot be combined" in home.jobwire("run", "-it", "--stdin", "/dev/null", "cat", status=2).stderr.decode()
    assert "'ctrl-?' is not a key" in home.jobwire("run", "-it", "--detach-keys", "ctrl-?", "cat", status=2).stderr.decode()


def test_others_watch_and_do_not_type(own_home: Home, worker: Worker, terminal: OpenTerminal, tmp_path: Path, bytecode: Path) -> None:
    shell = terminal(own_home, "run", "-it", *SHELL)
    shell.until("ready> ")
    (record,) = own_home.records("list")
    viewer = Home(tmp_path / "viewer", bytecode, "viewer")
    viewer.use(worker, worker.admit("viewer", "viewer"))
    typing = terminal(viewer, "attach", record["id"])
    typing.until("may watch the terminal of this job, but not type there; attach with --read-only")
    assert typing.ended() == 1
    assert not is_raw(typing)
    watching = terminal(viewer, "attach", "--read-only", record["id"])
    watching.until("ready> ")
    watching.type(b"\x03")
    assert watching.ended() == 128 + signal.SIGINT
    shell.type(b"exit\n")
    assert shell.ended() == 0


def test_the_last_lines_of_a_failure_are_without_control_sequences(home: Home, terminal: OpenTerminal) -> None:
    job = terminal(home, "run", "-it", "sh", "-c", r"printf '\033[1;31mno such thing\033[0m\n'; exit 1")
    assert job.ended() == 1
    assert home.jobwire("show", "last").stdout.decode().endswith("  last lines of stdout:\n    no such thing\n")

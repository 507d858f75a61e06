"""`jobwire shell`, with a real worker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Worker
from home import SECONDS, Home, Terminal, command, read_until

from jobwire.client.cli import chosen_context
from jobwire.client.library.client import Client


def test_lines_are_run_in_order_and_their_jobs_reach_the_worker(home: Home, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(
        "submit -q -n one -- true\nwait one\nrun -- sh -c 'echo out; echo err >&2; exit 7'\nrun -- echo never\n"
    )
    ended = home.jobwire("shell", str(tmp_path / "lines"), status=7)
    assert ended.stdout.splitlines()[1:] == [b"out"]
    assert b"err\n" in ended.stderr
    assert b"line 3: exited with status 7\n" in ended.stderr
    assert [job["name"] for job in home.records("list", "-a")] == ["one", ""]


def test_lines_of_a_pipe_are_run_as_they_come_and_no_command_reads_them(home: Home) -> None:
    shell = subprocess.Popen(
        command("shell"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.env, cwd=home.folder
    )
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write(b"run --stdin - -- sh -c 'cat; echo first'\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == b"first\n"
    out, err = shell.communicate(b"run -- echo second\n", SECONDS)
    assert (out, err, shell.returncode) == (b"second\n", b"", 0)


def test_ctrl_c_ends_the_command_and_then_the_shell(home: Home, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("run -- sh -c 'echo begun; exec sleep 600'\nrun -- echo never\n")
    shell = home.start("shell", "--keep-going", str(tmp_path / "lines"))
    assert shell.stdout
    read_until(shell.stdout, b"begun\n")
    shell.send_signal(signal.SIGINT)
    out, err = shell.communicate(timeout=SECONDS)
    assert b"never" not in out
    assert b"ended by SIGINT" in err
    assert shell.returncode == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_the_job_and_then_the_shell_even_if_the_job_takes_it_for_good(
    home: Home, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    kind = number.name.removeprefix("SIG")
    stop_signal = kind if number != signal.SIGHUP else "TERM"
    (tmp_path / "lines").write_text(
        f"run -- sh -c 'trap \"exit 0\" {kind} {stop_signal}; echo begun; while :; do sleep 0.1; done'\nrun -- echo never\n"
    )
    shell = home.start("shell", "--keep-going", str(tmp_path / "lines"))
    assert shell.stdout
    read_until(shell.stdout, b"begun\n")
    shell.send_signal(number)
    out, _ = shell.communicate(timeout=SECONDS)
    assert (out, shell.returncode) == (b"", status)
    assert home.records("list", "-a")[0]["outcome"]["exit_status"] == 0


def test_an_output_that_cannot_be_written_is_reported_once_and_ends_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("context list\nsubmit -q -n never -- true\n")
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device
        shell = home.start("shell", "--keep-going", str(tmp_path / "lines"), stdout=full)
        _, err = shell.communicate(timeout=SECONDS)
    assert (shell.returncode, err) == (125, b"jobwire: write error: the standard output cannot be written: No space left on device\n")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        shell = home.start("shell", "--keep-going", str(tmp_path / "lines"), stdout=gone)
        _, err = shell.communicate(timeout=SECONDS)
    assert (shell.returncode, err) == (141, b"")
    assert home.records("list", "-a") == []


def test_at_a_terminal_a_prompt_goes_on_after_failures_and_keeps_a_history(home: Home, terminal: Callable[..., Terminal]) -> None:
    shell = terminal(home, "shell")
    shell.until("lab> ")
    shell.type(b"nosuch\n")
    shell.until("no such command 'nosuch'")
    shell.until("lab> ")
    shell.type(b"run -- sh -c 'echo be''gun; exec sleep 600'\n")
    shell.until("begun\r\n")
    shell.type(b"\x03")
    shell.until("ended by SIGINT")
    shell.until("lab> ")
    shell.type(b" run -- echo se'cret'\n")
    shell.until("secret\r\n")
    shell.until("lab> ")
    shell.type(b"lis\t\n")
    shell.until("no job is queued or running")
    shell.until("lab> ")
    shell.type(b"\x04")
    assert shell.ended() == 0
    history = home.state / "shell_history"
    assert history.read_text().splitlines() == ["nosuch", "run -- sh -c 'echo be''gun; exec sleep 600'", "list "]
    assert history.stat().st_mode & 0o777 == 0o600


def test_a_shell_survives_a_restart_of_the_worker(own_home: Home, worker: Worker) -> None:
    shell = subprocess.Popen(
        command("shell"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own_home.env, cwd=own_home.folder
    )
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write(b"run -- echo before\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == b"before\n"
    worker.kill()
    worker.start()
    out, _ = shell.communicate(b"run -- echo after\n", SECONDS)
    assert (out, shell.returncode) == (b"after\n", 0)


def test_all_commands_use_one_connection(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOBWIRE_CONFIG", "JOBWIRE_STATE"):
        monkeypatch.setenv(name, home.env[name])
    with chosen_context.kept_open() as clients:
        first = clients.get(None)
        assert clients.get("lab") is first
        assert isinstance(first, Client)
        assert [job.id for job in first.list()] == []
        clients.close()
        assert clients.find("lab") is None
    assert os.environ["JOBWIRE_CONFIG"]

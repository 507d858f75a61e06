"""Standard streams of every kind: closed, full, non-blocking, slow, without a reader."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from daemons import wait_until
from home import SECONDS, Home, command, read_until

UP = ("sh", "-c", "echo up; exec sleep 600")


@contextlib.contextmanager
def start(home: Home, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    streams = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE} | streams
    with subprocess.Popen(command(*arguments), **streams, env=home.env, cwd=home.folder) as started:
        try:
            yield started
        finally:
            started.kill()


def until_running(home: Home) -> None:
    wait_until(lambda: [job for job in home.records("list") if job["state"] == "running"], "it runs")


def in_a_shell(home: Home, redirection: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *command(*arguments)],
        capture_output=True,
        env=home.env,
        cwd=home.folder,
        timeout=SECONDS,
        check=False,
    )


def pipe() -> tuple[int, int]:
    return os.pipe()


def socket_pair() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def terminal() -> tuple[int, int]:
    return os.openpty()


@pytest.mark.parametrize("make", [pipe, socket_pair, terminal])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_job_is_stopped_when_nobody_reads_it_whatever_the_kind_of_descriptor(
    home: Home, make: Callable[[], tuple[int, int]], stream: str
) -> None:
    ours, theirs = make()
    streams = {"stdout": subprocess.DEVNULL, stream: theirs}
    with start(home, "run", "sleep", "600", start_new_session=True, **streams) as run:
        os.close(theirs)
        until_running(home)
        os.close(ours)
        assert run.wait(SECONDS) == 141
    assert home.records("show", "last")[0]["outcome"]["exit_status"] == 143


def test_a_job_is_stopped_when_its_output_meets_a_closed_connection(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        with theirs, start(home, "run", "sh", "-c", "while :; do echo up; sleep 0.05; done", stdout=theirs) as run:
            assert ours.recv(3) == b"up\n"
            ours.close()
            assert run.wait(SECONDS) == 141


def test_a_job_continues_for_a_reader_that_is_only_silent(home: Home) -> None:
    gate = home.folder / "gate"
    os.mkfifo(gate)
    ours, theirs = socket.socketpair()
    with ours, start(home, "run", "sh", "-c", f"echo up; read x < {gate}; echo down", stdout=theirs.fileno()) as run:
        theirs.close()
        ours.shutdown(socket.SHUT_WR)
        assert ours.recv(3) == b"up\n"
        gate.write_text("on\n")
        assert run.wait(SECONDS) == 0
        assert ours.recv(9) == b"down\n"


@pytest.mark.parametrize("make", [pipe, socket_pair])
@pytest.mark.parametrize("arguments", [["--help"], ["worker", "run", "--help"], ["--version"], ["context", "list"]])
def test_a_command_that_prints_at_once_exits_with_141_if_nobody_reads_it(
    home: Home, make: Callable[[], tuple[int, int]], arguments: list[str]
) -> None:
    ours, theirs = make()
    os.close(ours)
    with start(home, *arguments, stdout=theirs, stderr=subprocess.PIPE) as command:
        os.close(theirs)
        assert command.stderr is not None
        assert (command.wait(SECONDS), command.stderr.read()) == (141, b"")


@pytest.mark.parametrize(("redirection", "why"), [("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")])
def test_output_that_cannot_be_written_is_reported_by_every_command(home: Home, redirection: str, why: str) -> None:
    home.jobwire("run", "echo", "hi")
    for arguments in (["logs", "last"], ["list", "-a", "--json"], ["keys", "show"], ["--version"]):
        ended = in_a_shell(home, redirection, *arguments)
        assert (ended.returncode, ended.stderr.count(b"write error")) == (125, 1), ended.stderr
        assert f"write error: the standard output cannot be written: {why}".encode() in ended.stderr


def test_the_id_of_a_job_that_was_submitted_is_never_lost(home: Home) -> None:
    for arguments in (["submit", "-q", "true"], ["submit", "true"]):
        ended = in_a_shell(home, "> /dev/full", *arguments)
        assert ended.returncode == 125
        assert f"the job was submitted, but its id cannot be written to the standard output: {home.records('show', 'last')[0]['id']}" in (
            ended.stderr.decode()
        )
    (home.folder / "jobs").write_text("true\n")
    ended = in_a_shell(home, "> /dev/full", "batch", "--no-wait", "--lines", "jobs")
    assert home.records("show", "last")[0]["batch"]["id"] in ended.stderr.decode()


def test_a_job_whose_output_cannot_be_written_is_stopped(home: Home) -> None:
    ended = in_a_shell(home, "> /dev/full", "run", *UP)
    assert ended.returncode == 125
    assert b"No space left on device; the job is stopped" in ended.stderr
    assert home.records("show", "last")[0]["outcome"]["exit_status"] == 143


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH])
def test_a_job_whose_output_goes_to_what_was_not_opened_for_writing_is_stopped(home: Home, flags: int) -> None:
    fd = os.open("/etc/passwd", flags)
    with start(home, "run", *UP, stdout=fd, stderr=subprocess.PIPE) as command:
        os.close(fd)
        said = command.communicate(timeout=SECONDS)[1]
    assert command.returncode == 125
    assert b"Bad file descriptor; the job is stopped" in said
    assert home.records("show", "last")[0]["outcome"]["exit_status"] == 143


def test_a_job_whose_stderr_is_closed_runs(home: Home) -> None:
    ended = in_a_shell(home, "2>&-", "run", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (ended.returncode, ended.stdout) == (3, b"out\n")


@pytest.mark.parametrize("arguments", [["batch", "-"], ["batch", "--lines", "-"], ["run", "--stdin", "-", "cat"]])
def test_closed_input_is_reported(home: Home, arguments: list[str]) -> None:
    ended = in_a_shell(home, "<&-", *arguments)
    assert ended.returncode == 2
    assert b"cannot be read: Bad file descriptor" in ended.stderr


@pytest.mark.parametrize("arguments", [["batch", "--dry-run", "--lines", "-"], ["run", "--stdin", "-", "cat"]])
def test_a_slow_input_that_is_non_blocking_is_read_to_its_end(home: Home, arguments: list[str]) -> None:
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    with start(home, *arguments, stdin=theirs, stdout=subprocess.PIPE) as running:
        # It sleeps once it has read everything; until then nothing is lost either.
        for _ in range(3):
            os.write(ours, b"echo 1\n")
            wait_until(lambda: b"poll" in wchan(running.pid), "it waits for more")
        assert not os.get_blocking(theirs)
        os.close(ours)
        os.close(theirs)
        assert running.stdout
        assert running.stdout.read().count(b"echo 1") == 3
        assert running.wait(SECONDS) == 0


def wchan(pid: int) -> bytes:
    """Return the kernel function in which a process sleeps; poll if the kernel does not show it."""
    return Path(f"/proc/{pid}/wchan").read_bytes().replace(b"0", b"poll")


def test_a_slow_output_that_is_non_blocking_gets_everything(home: Home) -> None:
    (home.folder / "jobs").write_text("true aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 150)
    home.jobwire("batch", "--lines", "jobs")
    whole = home.jobwire("list", "-a", "--json").stdout
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with start(home, "list", "-a", "--json", stdout=theirs) as running:
        assert not os.get_blocking(theirs)
        os.close(theirs)
        got = b""
        while part := os.read(ours, 4096):
            got += part
        os.close(ours)
        assert running.wait(SECONDS) == 0
    assert got == whole
    assert len(got) > 65_536


def test_a_message_that_nobody_reads_changes_nothing(home: Home) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with start(home, "submit", "--wait", "sh", "-c", "exit 3", stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        assert running.stdout
        assert len(running.stdout.read()) == 37
        assert running.wait(SECONDS) == 3


@pytest.mark.parametrize("arguments", [["run"], ["submit", "--follow"]])
def test_stderr_of_a_job_that_cannot_be_written_is_reported_by_the_status_in_any_case(home: Home, arguments: list[str]) -> None:
    ended = in_a_shell(home, "2> /dev/full", *arguments, "sh", "-c", "echo err >&2")
    assert ended.returncode == 125


def test_a_job_that_is_run_is_stopped_when_nobody_reads_its_stderr_and_one_that_is_followed_is_not(home: Home) -> None:
    for arguments in (["run"], ["submit", "--follow"]):
        ours, theirs = os.pipe()
        os.close(ours)
        with start(home, *arguments, *UP, stdout=subprocess.PIPE, stderr=theirs) as running:
            os.close(theirs)
            assert running.wait(SECONDS) == 141
        outcome = home.records("show", "last")[0]["outcome"]
        # Stopped, or cancelled if the stop came before its start.
        assert outcome is None if arguments[0] == "submit" else outcome["exit_status"] != 0


def test_what_an_encoding_does_not_have_is_written_with_a_backslash(home: Home) -> None:
    home.env |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert home.jobwire("run", "printf", "grün").stdout == "grün".encode()
    assert b"printf 'gr\\xfcn'" in home.jobwire("list", "-a").stdout
    assert b"gr\\u00fcn" in home.jobwire("list", "-a", "--json").stdout
    assert b"gr\\xfcn" in home.jobwire("show", "last").stdout


def latin1(folder: Path) -> dict[str, str]:
    """Create a Latin-1 locale, because few machines have one."""
    if (
        shutil.which("localedef") is None
        or subprocess.run(
            ["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US.ISO-8859-1"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no locale in Latin-1 can be made here: apt-get install locales")
    return {"LC_ALL": "en_US.ISO-8859-1", "LOCPATH": str(folder)}


@pytest.mark.parametrize("locale", ["C", "Latin-1"])
def test_a_file_is_read_by_what_it_is_and_arguments_by_their_bytes_whatever_the_locale(home: Home, tmp_path: Path, locale: str) -> None:
    home.env |= {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"} | ({"LC_ALL": "C"} if locale == "C" else latin1(tmp_path))
    (home.folder / "jobs").write_bytes("echo grün\n".encode())
    home.jobwire("batch", "--lines", "jobs")
    assert home.records("show", "last")[0]["argv"] == ["echo", "grün"]
    home.jobwire("run", "-e", "A=ü", "-l", "b=ü", "--", "echo", "grün", "\udcff")
    shown = home.records("show", "last")[0]
    assert (shown["argv"], shown["env"], shown["labels"]) == (["echo", "grün", "\udcff"], {"A": "ü"}, {"b": "ü"})


def test_what_list_writes_is_read_back_as_the_same_jobs(home: Home) -> None:
    home.jobwire("run", "-n", "one", "-e", "A=\udcff", "-t", "90001ms", "--grace", "0", "-C", "/", "--", "echo", "\udcff", "a b")
    written = home.jobwire("list", "-a", "--json").stdout
    home.jobwire("batch", "-", stdin=written)
    first, second = home.records("list", "-a")
    for key in ("argv", "name", "env", "dir", "time_limit_ms", "grace_ms", "stop_signal", "labels", "linger", "output_limit_bytes"):
        assert first[key] == second[key]


@pytest.mark.parametrize("source", ["/dev/zero", "."])
def test_a_batch_that_is_not_a_file_is_refused_with_a_reason(home: Home, source: str) -> None:
    ended = home.jobwire("batch", source, status=2)
    assert ended.stderr in {
        b"jobwire: /dev/zero is larger than 32 MiB, the limit for batch files; split it, and keep large inputs in files\n",
        b"jobwire: . cannot be read: Is a directory\n",
    }
    home.jobwire("run", "--stdin", source, "cat", status=2)


def test_an_endless_input_is_refused(home: Home) -> None:
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        ended = subprocess.run(
            command("batch", "-"), stdin=endless.stdout, capture_output=True, env=home.env, cwd=home.folder, timeout=SECONDS, check=False
        )
        endless.kill()
    assert (ended.returncode, b"standard input is larger than 32 MiB" in ended.stderr) == (2, True)


def test_the_first_line_is_enough_for_a_reader(home: Home) -> None:
    with start(home, "run", *UP, stdout=subprocess.PIPE) as run:
        assert run.stdout
        read_until(run.stdout, b"up\n")
        run.stdout.close()
        assert run.wait(SECONDS) == 141

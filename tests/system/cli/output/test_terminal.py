"""What a terminal shows."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, Terminal

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def state_of(pid: int) -> str:
    """Return the state of a process, as in proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def progress(home: Home, tmp_path: Path) -> Iterator[Terminal]:
    """Return a batch that shows its progress."""
    (tmp_path / "jobs").write_text("sleep 600\n")
    shown = Terminal(home, "batch", "--lines", str(tmp_path / "jobs"), is_suspended=True)
    try:
        shown.until(HIDE)
        shown.until("1 running")
        yield shown
    finally:
        shown.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM])
def test_the_cursor_is_shown_again_when_a_signal_ends_the_progress_of_a_batch(progress: Terminal, number: signal.Signals) -> None:
    progress.process.send_signal(number)
    assert progress.ended() == (130 if number is signal.SIGINT else -number)
    assert progress.screen.rfind(SHOW.encode()) > progress.screen.rfind(HIDE.encode())


def test_the_cursor_is_shown_while_a_batch_is_suspended_and_its_progress_comes_back(progress: Terminal) -> None:
    progress.process.send_signal(signal.SIGTSTP)
    progress.until(SHOW)
    wait_until(lambda: state_of(progress.process.pid) == "T", "it is suspended")
    progress.process.send_signal(signal.SIGCONT)
    progress.until(HIDE)
    progress.until("1 running")
    progress.process.send_signal(signal.SIGTSTP)
    progress.until(SHOW)
    wait_until(lambda: state_of(progress.process.pid) == "T", "it is suspended once more")
    progress.process.send_signal(signal.SIGTERM)
    progress.process.send_signal(signal.SIGCONT)
    assert progress.ended() == -signal.SIGTERM
    assert progress.screen.rfind(SHOW.encode()) > progress.screen.rfind(HIDE.encode())


@pytest.mark.parametrize(
    ("script", "line"),
    [("seq -f '%g%%' 5000 | tr '\\n' '\\r' >&2", "5000%"), ("head -c 3000000 /dev/zero | tr '\\0' x >&2", "... " + "x" * 500)],
)
def test_the_last_line_of_a_failed_job_is_shown_as_on_a_terminal(home: Home, tmp_path: Path, script: str, line: str) -> None:
    (tmp_path / "script").write_text(f"{script}; exit 1\n")
    ended = home.jobwire("batch", "--lines", "-", stdin=f"sh {tmp_path}/script".encode(), status=1)
    assert f": exited with status 1\n    {line}\njobwire: ".encode() in ended.stderr
    shown = home.jobwire("show", "last").stdout
    assert shown.endswith(f"\n    {line}\n".encode())
    assert shown.count(b"\n    ") == 1


@pytest.mark.parametrize("ignored", [True, False])
def test_a_worker_outlives_its_terminal_under_nohup(empty_home: Home, terminal: Callable[..., Terminal], *, ignored: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        worker = terminal(empty_home, "worker", "run")
    finally:
        signal.signal(signal.SIGHUP, before)
    worker.until("ready: ")
    if not ignored:
        worker.hang_up()
        assert worker.ended() == 0
        return
    # It executes itself, and must remember that.
    empty_home.jobwire("worker", "reload")
    worker.hang_up()
    wait_until(lambda: empty_home.records("worker", "status")[0]["reloads"]["count"] == 2, "it hears of the end of the terminal")
    assert empty_home.jobwire("run", "echo", "hi").stdout == b"hi\n"
    assert empty_home.records("worker", "status")[0]["pid"] == worker.process.pid
    empty_home.jobwire("worker", "stop")
    assert worker.ended() == 0


def test_a_terminal_is_told_why_a_log_is_empty_and_nobody_else(own_home: Home, terminal: Callable[..., Terminal]) -> None:
    held, unknown = own_home.submit("--hold", "--", "true"), own_home.submit("--", "/no/such/program")
    follows = terminal(own_home, "logs", "-f", held)
    follows.until(f"jobwire: job {held[:8]} waits: it was submitted on hold")
    own_home.jobwire("stop", held)
    assert follows.ended() == 0
    assert b"cancelled by admin before it started" in follows.screen
    own_home.jobwire("wait", unknown, status=127)
    never = terminal(own_home, "logs", "--timestamps", unknown)
    assert never.ended() == 0
    assert b"could not be started: the program '/no/such/program' was not found" in never.screen
    for job in (held, unknown):
        assert own_home.jobwire("logs", "-f", job).stderr == b""


def test_a_terminal_is_told_what_a_command_waits_for_and_nobody_else(
    own_home: Home, worker: Worker, terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    held = own_home.submit("--hold", "--", "true")
    waits = terminal(own_home, "wait", held)
    waits.until(f"jobwire: waiting for job {held[:8]} to start (1s)")
    silent = own_home.start("wait", held)
    own_home.jobwire("release", held)
    assert waits.ended() == 0
    # The line is gone before anything else is shown.
    assert waits.screen.endswith(b"\r\x1b[Kjobwire: job %s: exited with status 0\r\n" % held[:8].encode())
    assert silent.communicate(timeout=60)[1] == b"jobwire: job %s: exited with status 0\n" % held[:8].encode()

    # A worker that stands still halfway through a content.
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 100 << 20)
    puts = terminal(own_home, "run", "--put", str(tmp_path / "large"), "--", "true")
    wait_until(lambda: any(path.stat().st_size for path in (worker.state / "blobs").rglob("*.part")), "some of it has arrived")
    assert worker.process is not None
    worker.process.send_signal(signal.SIGSTOP)
    puts.until("jobwire: sent ")
    puts.until("of 100 MiB")
    lists = terminal(own_home, "list")
    lists.until(f"jobwire: connecting to {worker.endpoint} (1s)")
    worker.process.send_signal(signal.SIGCONT)
    assert (lists.ended(), puts.ended()) == (0, 0)

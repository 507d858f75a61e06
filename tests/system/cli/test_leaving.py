"""What becomes of a job when the command that waits for it ends first, with a real worker."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from home import Home, Terminal, read_until


@pytest.mark.parametrize(("option", "shown"), [("--wait", "-"), ("--follow", "up")])
def test_ctrl_c_ends_a_submit_that_waits_and_not_its_job(home: Home, terminal: Callable[..., Terminal], option: str, shown: str) -> None:
    screen = terminal(home, "submit", option, "sh", "-c", "trap 'echo told' INT; echo up; while :; do sleep 600 & wait $!; done")
    screen.until(shown)
    screen.type(b"\x03")
    screen.until("the job continues; jobwire logs -f ")
    assert screen.ended() == 130
    job = home.records("show", "last")[0]
    assert job["state"] in ("queued", "running")
    assert b"told" not in home.jobwire("logs", job["id"]).stdout


def test_sigterm_ends_a_submit_that_follows_and_not_its_job(home: Home) -> None:
    with home.start("submit", "--follow", "sh", "-c", "echo up; exec sleep 600") as running:
        assert running.stdout
        read_until(running.stdout, b"up\n")
        running.send_signal(signal.SIGTERM)
        assert running.wait() == -signal.SIGTERM
    assert home.records("show", "last")[0]["state"] == "running"


def test_a_followed_job_whose_output_cannot_be_written_continues(home: Home) -> None:
    following = ("submit", "--follow", "sh", "-c", "echo up; exec sleep 600")
    with Path("/dev/full").open("wb") as full, home.start(*following, stdout=full) as running:
        assert running.stderr
        said = running.stderr.read()
        assert running.wait() == 125
    assert b"the job continues; jobwire logs -f " in said
    assert home.records("show", "last")[0]["state"] == "running"


def test_a_quiet_batch_prints_what_failed_and_nothing_else(home: Home, terminal: Callable[..., Terminal]) -> None:
    jobs = b"true\nsh -c 'echo why >&2; exit 3'\n"
    ended = home.jobwire("batch", "-q", "--lines", "-", stdin=jobs, status=1)
    assert ended.stdout == b""
    lines = ended.stderr.decode().splitlines()
    assert lines[0].endswith("sh -c 'echo why >&2; exit 3': exited with status 3")
    assert lines[1] == "    why"
    assert lines[2].startswith("jobwire: 1 of 2 jobs failed; jobwire show ")
    assert home.jobwire("batch", "-q", "--lines", "-", stdin=b"true\n").stderr == b""
    ended = home.jobwire("batch", "-q", "--no-wait", "--lines", "-", stdin=b"true\n")
    assert (len(ended.stdout), ended.stderr) == (37, b"")
    (home.folder / "jobs").write_text("true\n")
    screen = terminal(home, "batch", "-q", "--lines", "jobs")
    assert (screen.ended(), screen.screen) == (0, b"")


def test_a_job_submitted_on_a_terminal_can_be_attached(home: Home, terminal: Callable[..., Terminal]) -> None:
    job = home.submit("--tty", "--", "sh", "-c", "stty size; read line; echo got $line")
    screen = terminal(home, "attach", job)
    screen.until("24 80")
    screen.type(b"it\r")
    screen.until("got it")
    assert screen.ended() == 0
    assert b"cannot be combined" in home.jobwire("submit", "--tty", "--follow", "--", "true", status=2).stderr

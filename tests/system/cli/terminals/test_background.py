"""Commands that a shell puts into the background go on, and leave the terminal to who uses it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home
from tmux import Tmux, needs_tmux

pytestmark = needs_tmux

_UNTIL = 'while [ ! -e "$0" ]; do sleep 0.1; done'


class Shell:
    """A shell with job control on a terminal. `worker` is the one of its user."""

    def __init__(self, home: Home, worker: Worker, folder: Path) -> None:
        self.worker = worker
        self.home = home
        self.over = folder / "over"
        self.tmux = Tmux(home, folder)

    def screen(self) -> list[str]:
        return [line for line in self.tmux.screen() if line]

    def into_the_background(self, command: str, shows: str) -> list[str]:
        """Type a command, suspend it when it shows a text, and continue it in the background. Return the screen then."""
        self.tmux.type(f"clear; {command}", "Enter")
        self.tmux.until(shows)
        self.tmux.keys("C-z")
        self.tmux.until("Stopped")
        self.tmux.until_back()
        self.tmux.type("bg; clear; echo there$((1+1))", "Enter")
        self.tmux.until("there2")
        self.tmux.until_back()
        return self.screen()

    def silent_for(self, seconds: float) -> None:
        """Let the worker answer nothing for a while: that time passes is what is tested."""
        assert self.worker.process is not None
        self.worker.process.send_signal(signal.SIGSTOP)
        try:
            self.tmux.run("run-shell", "-d", str(seconds), "true")
        finally:
            self.worker.process.send_signal(signal.SIGCONT)


@pytest.fixture
def shell(own_home: Home, worker: Worker, tmp_path: Path) -> Iterator[Shell]:
    made = Shell(own_home, worker, tmp_path)
    yield made
    made.over.touch()
    made.tmux.run("kill-server")


def test_a_silent_worker_is_told_of_in_the_foreground_only(shell: Shell) -> None:
    shell.home.submit("-n", "job", "--", "sh", "-c", _UNTIL, str(shell.over))
    before = shell.into_the_background("jw wait job", "waiting for job")
    shell.silent_for(4)
    assert shell.screen() == before
    assert shell.worker.process is not None
    shell.worker.process.send_signal(signal.SIGSTOP)
    try:
        shell.tmux.type("fg", "Enter")
        shell.tmux.until("no response from the worker")
    finally:
        shell.worker.process.send_signal(signal.SIGCONT)
    shell.tmux.until("answers again")


def test_a_run_goes_on_in_the_background_and_is_shown_in_the_foreground(shell: Shell, tmp_path: Path) -> None:
    before = shell.into_the_background(f"jw sweep -n step-{{i}} -- sh -c '{_UNTIL}' {tmp_path}/go{{i}} ::: i=1,2,3", "3 running")
    (tmp_path / "go1").touch()
    wait_until(lambda: len(shell.home.records("list")) == 2, "one has ended")
    # It would be drawn within a second.
    shell.silent_for(1.5)
    assert shell.screen() == before
    shell.tmux.type("fg", "Enter")
    shell.tmux.until("2 running")
    assert any(re.search(r"1/3 +33%$", line) for line in shell.screen())
    for number in (2, 3):
        (tmp_path / f"go{number}").touch()
    shell.tmux.until("3 jobs ended")


@pytest.mark.parametrize("from_the_beginning", [False, True])
def test_a_full_screen_is_suspended_in_the_background(shell: Shell, *, from_the_beginning: bool) -> None:
    shell.home.submit("-n", "job", "--", "sh", "-c", _UNTIL, str(shell.over))
    if from_the_beginning:
        shell.tmux.type("clear; jw list --watch &", "Enter")
    else:
        shell.into_the_background("jw list --watch", "running")
    wait_until(lambda: _state_of_watch(shell) == "T", "it is suspended")
    assert not any("running" in line for line in shell.screen())
    shell.tmux.type("fg", "Enter")
    shell.tmux.until("running")
    shell.tmux.keys("C-c")
    shell.tmux.until_back()
    assert not any("running" in line for line in shell.screen())


def _state_of_watch(shell: Shell) -> str:
    """Return the state of the command, proc_pid_stat(5)."""
    pane = int(shell.tmux.run("display-message", "-p", "#{pane_pid}"))
    for pid in Path(f"/proc/{pane}/task/{pane}/children").read_text().split():
        if b"--watch" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""

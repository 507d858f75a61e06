"""The home of a user of the command line: their folders, and what they see."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from brokers import Broker
from daemons import Worker, wait_until

from jobwire.keys import identity as identities
from jobwire.keys.identity import Identity

SECONDS = 60
# Makes the terminal on its standard input its controlling terminal, so that Ctrl-C becomes a signal, and then executes the command.
_ON_A_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Home:
    """Folders of one user, and commands run there."""

    def __init__(self, folder: Path, bytecode: Path, name: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.name = name
        # With which commands are started, for example on another machine.
        self.prefix: list[str] = []
        self.config = folder / "config"
        self.state = folder / "state"
        # Of a shell around the tests, neither its user's settings nor the size of its terminal.
        others = ("JOBWIRE_", "XDG_", "PYTHONDONTWRITE", "COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        self.env = {
            **kept,
            "JOBWIRE_CONFIG": str(self.config),
            "JOBWIRE_STATE": str(self.state),
            # Compiled once for all tests of a session, and not next to the sources.
            "PYTHONPYCACHEPREFIX": str(bytecode),
            "TERM": "xterm",
            "NO_COLOR": "1",
        }

    def use(self, worker: Worker | Broker, identity: Identity) -> None:
        """Become a member of a worker's roster, and use that worker."""
        identities.save(identity, self.config / "identity")
        key = identities.format_public(worker.public)
        text = f'current = "lab"\n\n[contexts.lab]\nendpoint = "{worker.endpoint}"\nkey = "{key}"\n'
        (self.config / "contexts.toml").write_text(text)

    def stop_all(self) -> None:
        """Stop everything that this user runs."""
        jobs = [job["id"] for job in self.records("list")]
        if jobs:
            self.jobwire("stop", "--now", *jobs)

    def jobwire(self, *arguments: str, stdin: bytes = b"", status: int | None = 0) -> subprocess.CompletedProcess[bytes]:
        """Run a command and return the result; its exit status must be the expected one."""
        ended = subprocess.run(
            [*self.prefix, *command(*arguments)],
            input=stdin,
            capture_output=True,
            env=self.env,
            cwd=self.folder,
            timeout=SECONDS,
            check=False,
        )
        assert status is None or ended.returncode == status, f"{arguments} ended {ended.returncode}: {ended.stderr.decode()}"
        return ended

    def start(self, *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start a command."""
        return subprocess.Popen(
            [*self.prefix, *command(*arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=self.folder,
        )

    def records(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with `--json`, and return what it printed."""
        return [json.loads(line) for line in self.jobwire(*arguments, "--json").stdout.splitlines()]

    def submit(self, *arguments: str) -> str:
        """Submit a job and return its id."""
        return self.jobwire("submit", "-q", *arguments).stdout.decode().strip()

    def until_running(self, name: str) -> dict[str, Any]:
        """Wait until a job is running."""
        return wait_until(lambda: next((job for job in self.records("show", name) if job["state"] == "running"), None), f"{name} runs")


def command(*arguments: str) -> list[str]:
    """Return the command line of `jobwire`."""
    return [sys.executable, "-P", "-m", "jobwire.client.cli.main", *arguments]


def read_until(stream: IO[bytes], text: bytes) -> bytes:
    """Read from a pipe until a text arrives."""
    got = b""
    while text not in got:
        part = os.read(stream.fileno(), 65536)
        assert part, f"ended before {text!r}: {got!r}"
        got += part
    return got


def select_line(listener: subprocess.Popen[bytes]) -> bytes | None:
    """Return a line of its output if there is one."""
    assert listener.stdout
    return listener.stdout.readline() if select.select([listener.stdout], [], [], 0)[0] else None


class Terminal:
    """A command on a terminal of its own; or, if it is to be suspended, in a process group of its own in this session."""

    def __init__(self, home: Home, *arguments: str, is_suspended: bool = False) -> None:
        self.screen = b""
        self._seen = 0
        self._master, slave = os.openpty()
        try:
            self.process = subprocess.Popen(
                [*([] if is_suspended else [sys.executable, "-c", _ON_A_TERMINAL]), *home.prefix, *command(*arguments)],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=home.env,
                cwd=home.folder,
                # setpgid(2): stop signals to a process group that nobody in its session could continue are ignored.
                start_new_session=not is_suspended,
                process_group=0 if is_suspended else None,
            )
        finally:
            os.close(slave)

    def until(self, text: str) -> None:
        """Wait until a text is shown after those that were waited for before."""
        deadline = time.monotonic() + SECONDS
        while (at := self.screen.find(text.encode(), self._seen)) < 0:
            assert select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0], f"no {text!r}: {self.screen!r}"
            try:
                self.screen += os.read(self._master, 65536)
            except OSError:
                raise AssertionError(f"ended before {text!r}: {self.screen!r}") from None
        self._seen = at + len(text)

    @property
    def master(self) -> int:
        """Return the other side of the terminal."""
        return self._master

    def type(self, text: bytes) -> None:
        """Type."""
        os.write(self._master, text)

    def type_all(self, text: bytes) -> None:
        """Type more than a terminal holds."""
        while text:
            select.select([], [self._master], [], SECONDS)
            text = text[os.write(self._master, text[:4096]) :]

    def hang_up(self) -> None:
        """Close the terminal, as a lost ssh connection does."""
        os.close(self._master)
        self._master = -1

    def ended(self) -> int:
        """Wait for the end, and return the exit status."""
        deadline = time.monotonic() + SECONDS
        while self._master >= 0:
            assert select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0], f"goes on: {self.screen!r}"
            try:
                part = os.read(self._master, 65536)
            except OSError:
                break
            self.screen += part
        return self.process.wait(SECONDS)

    def close(self) -> None:
        """Remove everything."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            self.hang_up()

"""A real broker for system tests: started, awaited by its readiness line, killed, and started again; and workers that join it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from daemons import READY_SECONDS, Worker

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity, format_public, generate, parse_public
from jobwire.keys.members import roster


class Broker:
    """One broker, and the identity of an admin. `prefix`: a command that executes it, for example in a network of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        listen: str = "tcp://127.0.0.1:*",
        events: str = "tcp://127.0.0.1:*",
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        folder.mkdir()
        self.folder = folder
        self.state = folder / "state"
        self.roster = folder / "roster.toml"
        self.log = folder / "log"
        self.admin = self.add("admin", "admin")
        self.listen = listen
        self._events = events
        self._prefix = list(prefix)
        self._options = list(options)
        self.public = b""
        self.process: subprocess.Popen[str] | None = None

    def add(self, name: str, role: str) -> Identity:
        """Add a new member to the roster."""
        identity = generate()
        roster.add_member(self.roster, name, identity.public, role)
        return identity

    def start(self) -> Broker:
        """Start it, and return when clients and workers can connect."""
        argv = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "broker", "run", "--state", str(self.state)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *argv, "--roster", str(self.roster), "--listen", self.listen, "--events", self._events, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "JOBWIRE_STALL_SECONDS": "10"},
            )
        assert self.process.stdout is not None
        found = re.match(r"broker ready at (\S+), key (\S+)", self.process.stdout.readline())
        assert found is not None, self.logged()
        # The next one listens there too.
        self.listen, self.public = found[1], parse_public(found[2])
        return self

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return self.listen

    def client(self, identity: Identity | None = None) -> Client:
        """Return a client of the admin, or of another member."""
        return Client.connect(self.listen, self.public, identity or self.admin)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Stop it; the jobs of its workers go on."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(READY_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def joining(self) -> list[str]:
        """The options of a worker that joins it."""
        return ["--join", self.listen, "--broker-key", format_public(self.public)]

    def join(self, folder: Path, name: str, slots: int) -> Worker:
        """Start a worker that joins it, and let it in."""
        folder.mkdir()
        worker = Worker(folder, slots=slots, options=["--jobs-as-root", *self.joining]).start()
        roster.add_member(self.roster, name, worker.public, "worker")
        return worker

    def states(self) -> dict[str, str]:
        """Return the states of its workers, by name."""
        with self.client() as client:
            return {one.name: one.state for one in client.workers.list()}

    def logged(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace")

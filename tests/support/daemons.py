"""Real workers for system tests: started, awaited by their readiness line, killed, started again, and removed at the end."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from processes import is_alive
from raw_client import RawClient

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity, generate, parse_public
from jobwire.keys.members import roster
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused

READY_SECONDS = 60
_Found = TypeVar("_Found")


def wait_until(look: Callable[[], _Found | None], what: str, seconds: float = 60.0) -> _Found:
    """Wait for a condition that cannot be watched, with a deadline."""
    deadline = time.monotonic() + seconds
    pause = select.poll()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        pause.poll(10)


def at_rest(look: Callable[[], _Found]) -> _Found:
    """Wait until something stays the same for a while; for example, abandoned connections are closed a moment later."""

    def same() -> list[_Found]:
        before = look()
        select.poll().poll(300)
        return [before] if before == look() else []

    return wait_until(same, "it comes to rest")[0]


def stop_all_jobs(endpoint: str, public: bytes, identity: Identity) -> None:
    """Stop what a member may stop, and wait for its end; without a command, which would take a third of a second."""
    with RawClient(endpoint, public, identity) as raw:
        raw.hello()
        # A page at a time. One is empty, and not the last, if all of its jobs have ended while it was read.
        while (page := raw.ask(raw.request(list=request_pb2.List())).list).jobs or page.next_page:
            if not page.jobs:
                continue
            stop = request_pb2.Stop(keys=[job.key for job in page.jobs], grace_ms=0, credit_messages=1000)
            raw.send(raw.envelope(raw.request(stop=stop)))
            while not raw.receive().last:
                pass


class Worker:
    """One worker with a state folder of its own, the identity of an admin, and those of members that are added."""

    def __init__(self, folder: Path, *, slots: int = 4, env: dict[str, str] | None = None, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.roster = folder / "roster.toml"
        self.log = folder / "worker.log"
        self.slots = slots
        # A worker that does not answer explains itself in its log.
        self.env = {"JOBWIRE_STALL_SECONDS": "10", **(env or {})}
        # The command with which the worker is started, for example `prlimit`.
        self.prefix: list[str] = []
        self.options = list(options)
        self.admin = self.add("admin", "admin")
        self.process: subprocess.Popen[bytes] | None = None
        self.description: dict[str, Any] = {}

    def add(self, name: str, role: str) -> Identity:
        """Add a new member to the roster."""
        identity = generate()
        roster.add_member(self.roster, name, identity.public, role)
        return identity

    def admit(self, name: str, role: str) -> Identity:
        """Add a new member to the roster of a running worker, and return when the member is admitted."""
        identity = self.add(name, role)
        wait_until(lambda: self.lets_in(identity), "the roster is in force")
        return identity

    def lets_in(self, identity: Identity) -> bool:
        """Return whether a member is admitted now."""
        try:
            with self.client(identity) as client:
                client.hello()
        except Refused:
            return False
        return True

    def start(self) -> Worker:
        """Start it, and return when clients can connect."""
        assert self.try_start(), f"the worker ended instead of getting ready:\n{self.logged()}"
        return self

    def try_start(self) -> bool:
        """Start it, and return whether clients can connect, or it has ended."""
        with os.fdopen(self.begin(), "rb") as ready:
            assert select.select([ready], [], [], READY_SECONDS)[0], f"not ready:\n{self.logged()}"
            line = ready.readline()
        if line:
            self.description = json.loads(line)
        return bool(line)

    def begin(self) -> int:
        """Start it, and return at once, with the descriptor at which it says that it is ready."""
        read, write = os.pipe()
        command = self.argv("run", "--roster", str(self.roster), "--slots", str(self.slots), "--ready-fd", str(write), *self.options)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.env},
                pass_fds=[write],
            )
        os.close(write)
        return read

    def argv(self, *words: str) -> list[str]:
        """Return a command line of `jobwire worker` for this state folder."""
        return [sys.executable, "-P", "-m", "jobwire.client.cli.main", "worker", words[0], "--state", str(self.state), *words[1:]]

    def command(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `jobwire worker WORDS` and return the result; its exit status must be the expected one."""
        ended = subprocess.run(
            [*self.prefix, *self.argv(*words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **self.env},
            timeout=READY_SECONDS,
            check=False,
        )
        assert status is None or ended.returncode == status, f"{words} ended {ended.returncode}: {ended.stderr}"
        return ended

    def refusal(self, status: int = 1) -> str:
        """Start it where it must not start, and return the last line that it prints."""
        return self.command("run", "--roster", str(self.roster), status=status).stderr.splitlines()[-1]

    @property
    def endpoint(self) -> str:
        return str(self.description["endpoint"])

    @property
    def event_endpoint(self) -> str:
        return str(self.description["event_endpoint"])

    @property
    def public(self) -> bytes:
        return parse_public(self.description["key"])

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    def described(self) -> dict[str, Any]:
        """Return the worker's current description."""
        found: dict[str, Any] = json.loads((self.state / "worker.json").read_bytes())
        return found

    def client(self, identity: Identity | None = None) -> Client:
        """Return a client of the admin, or of another member."""
        return Client.connect(self.endpoint, self.public, identity or self.admin)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Stop the worker's process, and only that."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(READY_SECONDS)

    def kill_supervisor(self) -> None:
        """Kill it, and wait until the worker is connected to the next one."""
        before = self.described()["supervisor_pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.described()["supervisor_pid"] != before, "the worker connects to the next supervisor")

    def logged(self) -> str:
        """Return the logs of worker and supervisor."""
        parts = [path.read_text(errors="replace") for path in (self.log, self.state / "supervisor.log") if path.exists()]
        return "\n--\n".join(parts)

    def __enter__(self) -> Self:
        """Return itself; at the end of the block its logs are printed, for a test that fails, and everything is stopped."""
        return self

    def __exit__(self, *_: object) -> None:
        """Print and stop."""
        print(self.logged())
        if self.process is not None:
            self.clean()

    def clean(self) -> None:
        """Stop everything: all jobs, worker, supervisor and keeper."""
        if self.process is not None and self.process.poll() is None:
            self._stop_all_jobs()
            # Without jobs, a worker that exits makes its supervisor exit too.
            self.kill(signal.SIGTERM)
        for name in ("supervisor_pid", "keeper_pid"):
            try:
                # After a worker that was killed they wait for the next one, for a minute.
                wait_until(lambda name=name: not is_alive(self.described_or_last().get(name, 0)), f"{name} ends", 120)
            except AssertionError:
                print(self.logged())
                raise
        shutil.rmtree(self.state, ignore_errors=True)

    def _stop_all_jobs(self) -> None:
        stop_all_jobs(self.endpoint, self.public, self.admin)

    def described_or_last(self) -> dict[str, Any]:
        try:
            return self.described()
        except (OSError, ValueError):
            return self.description

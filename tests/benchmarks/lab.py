"""A broker with workers that have joined it, for measurements; at the end, all of them have ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Self

from stage import Ground, uninterrupted

from jobwire.client.library.client import Client
from jobwire.keys.identity import format_public, generate, load_or_make, parse_public
from jobwire.keys.members import roster

_READY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.01
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Lab:
    """A context manager. Its admin is that of the first worker, who can ask that one too, without the broker.

    `idle`: how many workers there are whose engines do nothing (idle_worker.py). `line_bytes`: how many bytes a second the line between
    workers and broker carries; 0: as many as the machine can.
    """

    def __init__(self, ground: Ground, *, workers: int, slots: int, idle: int = 0, line_bytes: int = 0) -> None:
        self._line_bytes = line_bytes
        self._slots = slots
        self.workers = [ground.stage(slots=slots) for _ in range(workers)]
        self.admin = self.workers[0].admin if self.workers else generate()
        self._folder = ground.fresh(ground.disk, "broker")
        self._idle = [ground.fresh(ground.disk, "idle") for _ in range(idle)]
        self._roster = self._folder / "roster.toml"
        self._listen = "tcp://127.0.0.1:*"
        self._cleaning = ExitStack()
        roster.add_member(self._roster, "admin", self.admin.public, "admin")

    def __enter__(self) -> Self:
        with ExitStack() as cleaning:
            self._start()
            cleaning.callback(self._end)
            join = cleaning.enter_context(_slow_line(self._listen, self._line_bytes)) if self._line_bytes else self._listen
            for number, worker in enumerate(self.workers, 1):
                worker.options += ["--jobs-as-root", "--join", join, "--broker-key", format_public(self._public)]
                cleaning.enter_context(worker)
                roster.add_member(self._roster, f"lab{number}", parse_public(worker.description["key"]), "worker")
            for number, folder in enumerate(self._idle, 1):
                cleaning.enter_context(self._idle_worker(folder, f"idle{number}"))
            self.await_workers()
            self._cleaning = cleaning.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        with uninterrupted():
            self._cleaning.close()

    @property
    def pids(self) -> list[int]:
        """The broker, and the daemons of the workers."""
        return [self._process.pid, *(pid for worker in self.workers for pid in worker.pids.values())]

    def client(self) -> Client:
        """Return a client of the admin at the broker."""
        return Client.connect(self._listen, self._public, self.admin)

    def environment(self) -> dict[str, str]:
        """Return an environment in which the command line uses the broker."""
        first = self.workers[0]
        config = self._folder / "config"
        environment = {**first.environment, "JOBWIRE_CONFIG": str(config)}
        if not config.exists():
            config.mkdir(mode=0o700)
            (config / "identity").symlink_to(Path(first.environment["JOBWIRE_CONFIG"]) / "identity")
            words = ["context", "add", "lab", self._listen, "--key", format_public(self._public)]
            subprocess.run(first.command(*words), env=environment, check=True, capture_output=True)
        return {**environment, "JOBWIRE_CONTEXT": "lab"}

    def restart(self) -> None:
        """Kill the broker with SIGKILL and start the next one. Returns when it is ready; its workers may not have joined it yet."""
        self._process.kill()
        self._end()
        self._start()

    def await_workers(self) -> None:
        """Wait until all workers are ready."""
        deadline = monotonic() + _READY_SECONDS
        with self.client() as client:
            count = len(self.workers) + len(self._idle)
            while {one.state for one in client.workers.list()} != {"ready"} or len(client.workers.list()) != count:
                if monotonic() > deadline:
                    raise TimeoutError(f"not all workers were ready within {_READY_SECONDS} s:\n{self.logged()}")
                sleep(_LOOK_AGAIN_SECONDS)

    def logged(self) -> str:
        """Return the log of the broker."""
        return (self._folder / "log").read_text(errors="replace")

    @contextmanager
    def _idle_worker(self, folder: Path, name: str) -> Iterator[None]:
        identity = load_or_make(folder / "identity")
        roster.add_member(folder / "roster.toml", "broker", self._public, "relay", vouch="submitter")
        roster.add_member(self._roster, name, identity.public, "worker")
        program = Path(__file__).with_name("idle_worker.py")
        command = [sys.executable, str(program), str(folder), self._listen, format_public(self._public), str(self._slots)]
        with (folder / "log").open("ab") as log, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as worker:
            yield
            assert worker.stdin is not None
            worker.stdin.close()

    def _start(self) -> None:
        command = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "broker", "run", "--state", str(self._folder / "state")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--roster", str(self._roster), "--listen", self._listen, "--events", "tcp://127.0.0.1:*"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._folder,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        found = re.match(r"broker ready at (\S+), key (\S+)", self._process.stdout.readline())
        if found is None:
            self._process.kill()
            self._end()
            raise RuntimeError(f"the broker did not get ready:\n{self.logged()}")
        # The next one listens there too.
        self._listen, self._public = found[1], parse_public(found[2])

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def _slow_line(endpoint: str, bytes_a_second: int) -> Iterator[str]:
    """Return where what connects reaches an endpoint over a slow line."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    command = [sys.executable, str(Path(__file__).with_name("slow_line.py")), host, port, str(bytes_a_second)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as line:
        assert line.stdin is not None
        assert line.stdout is not None
        yield f"tcp://127.0.0.1:{line.stdout.readline().strip()}"
        line.stdin.close()


def cpu_seconds(pids: list[int]) -> float:
    """Return how much processor time processes have used so far, without their children."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS_A_SECOND

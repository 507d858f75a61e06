"""The environment of measurements: temporary folders on disk and in memory, and private workers in them, removed at the end.

Everything is removed after the last measurement, because a file system is slow for half a minute after a large removal; also if the run is
interrupted. The next run removes what a killed run left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity, load_or_make, parse_public
from jobwire.keys.members import roster
from jobwire.schemas.refusal import Refused

_READY_SECONDS = 20
_END_SECONDS = 20
_MEMORY = Path("/dev/shm")
_PREFIX = "jobwire-bench-"
_LOCK = "lock"
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotMeasure(Exception):  # noqa: N818 -- a fact
    """Raised if this machine lacks something that a measurement needs."""


class Ground:
    """The folders of one run. `disk` is on a disk, `memory` on a tmpfs if there is one; `quick`: fewer rounds."""

    def __init__(self, disk: Path, *, quick: bool) -> None:
        self.quick = quick
        self._cleaning = ExitStack()
        self.disk = self._make_folder(disk)
        self.memory = self._make_folder(_MEMORY if os.access(_MEMORY, os.W_OK) else disk)
        self._numbers = iter(range(1_000_000))

    def fresh(self, root: Path, what: str) -> Path:
        """Return a new empty folder below `disk` or `memory`."""
        folder = root / f"{what}-{next(self._numbers)}"
        folder.mkdir(mode=0o700)
        return folder

    def stage(
        self,
        *,
        slots: int,
        logs: Path | None = None,
        before: Callable[[Path, Identity], None] | None = None,
        options: Sequence[str] = (),
    ) -> Stage:
        """Return a worker: its state on disk, its logs below `logs` (None: in memory). `before(state, admin)` may fill the state.

        `options` are further options of `worker run`.
        """
        logs_folder = self.fresh(self.memory if logs is None else logs, "logs")
        return Stage(self.fresh(self.disk, "stage"), logs_folder, slots, before, options)

    def compiled(self, source: str) -> Path:
        """Compile a C program in the folder of this file, and return its path.

        Raises CannotMeasure if there is no compiler.
        """
        compiler = shutil.which("cc")
        if compiler is None:
            raise CannotMeasure("there is no C compiler (cc) on this machine")
        path = Path(__file__).parent / source
        program = self.disk / path.stem
        if not program.exists():
            subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), str(path)], check=True)
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with uninterrupted():
            self._cleaning.close()

    def _make_folder(self, root: Path) -> Path:
        _remove_left_behind(root)
        with uninterrupted():
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            self._cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
            # Held until this process ends.
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._cleaning.callback(os.close, lock)
        return folder


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Block signals during this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_on_signals() -> None:
    """Make SIGTERM and SIGHUP end this process as Ctrl-C does, so that everything is cleaned up."""

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(f"signal {number}")

    for number in _INTERRUPTIONS:
        signal.signal(number, interrupt)


@contextmanager
def within(seconds: int, what: str) -> Iterator[None]:
    """Raise TimeoutError in the main thread if this takes longer, whatever it waits for."""

    def ring(_number: int, _frame: object) -> None:
        raise TimeoutError(f"{what} takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _remove_left_behind(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


class Stage:
    """A context manager that runs a private worker; at its exit, worker, supervisor and keeper have ended."""

    def __init__(
        self, folder: Path, logs: Path, slots: int, before: Callable[[Path, Identity], None] | None, options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.options = list(options)
        self.logs = logs
        self.slots = slots
        self.state = folder / "state" / "worker"
        config = folder / "config"
        # With these, the command line uses this worker as the user's private one.
        self.environment = {**os.environ, "JOBWIRE_STATE": str(folder / "state"), "JOBWIRE_CONFIG": str(config)}
        self.environment.pop("JOBWIRE_CONTEXT", None)
        for path in (folder / "state", self.state, config):
            path.mkdir(mode=0o700)
        (self.state / "logs").symlink_to(logs)
        self.roster = config / "roster.toml"
        self.admin = load_or_make(config / "identity")
        roster.add_member(self.roster, "admin", self.admin.public, "admin")
        if before is not None:
            before(self.state, self.admin)
        self.description: dict[str, Any] = {}
        self._pidfds: dict[str, int] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Return the running processes, by name."""
        return {
            name: self.description[key] for name, key in (("worker", "pid"), ("supervisor", "supervisor_pid"), ("keeper", "keeper_pid"))
        }

    def client(self) -> Client:
        """Return a client of the admin."""
        return Client.connect(self.description["endpoint"], parse_public(self.description["key"]), self.admin)

    def command(self, *words: str) -> list[str]:
        """Return a command line of jobwire; run it with `environment`."""
        script = Path(sys.executable).with_name("jobwire")
        return [str(script), *words] if script.exists() else [sys.executable, "-m", "jobwire.client.cli.main", *words]

    def __enter__(self) -> Self:
        self._start()
        return self

    def restart(self) -> None:
        """Kill the worker with SIGKILL and start the next one; its supervisor and keeper continue. Returns when it is ready."""
        self._process.kill()
        self._process.wait()
        os.close(self._pidfds.pop("worker"))
        self._start()

    def __exit__(self, *exc: object) -> None:
        with uninterrupted():
            self._end()

    def _end(self) -> None:
        with suppress(Refused, TimeoutError):
            self._end_jobs()
        # A worker that exits without jobs makes its supervisor exit, and that its keeper.
        self._process.terminate()
        for name, pidfd in self._pidfds.items():
            if not select.select([pidfd], [], [], _END_SECONDS)[0]:
                print(f"the {name} did not end within {_END_SECONDS} s and is killed:\n{self.logged()}", file=sys.stderr)
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            if name == "worker":
                self._process.wait()
            os.close(pidfd)

    def wait_for_end_of(self, name: str, seconds: float) -> bool:
        """Wait, but not longer than until one of the daemons ends; return whether one did."""
        return bool(select.select([self._pidfds[name]], [], [], seconds)[0])

    def logged(self) -> str:
        """Return the logs of the daemons."""
        paths = (self.folder / "worker.log", self.state / "supervisor.log")
        return "\n--\n".join(path.read_text(errors="replace") for path in paths if path.exists())

    def _start(self) -> None:
        ready, told = os.pipe()
        command = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "worker", "run", "--state", str(self.state)]
        command += ["--roster", str(self.roster), "--slots", str(self.slots), "--ready-fd", str(told), *self.options]
        with (self.folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                pass_fds=[told],
                start_new_session=True,
            )
        os.close(told)
        line = b""
        try:
            with os.fdopen(ready, "rb") as pipe:
                line = pipe.readline() if select.select([pipe], [], [], _READY_SECONDS)[0] else b""
        except KeyboardInterrupt:
            # Its supervisor and keeper exit with it, because no job is running yet.
            self._process.terminate()
            self._process.wait()
            raise
        if not line.endswith(b"\n"):
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"the worker did not get ready:\n{self.logged()}")
        self.description = json.loads(line)
        for name, pid in self.pids.items():
            if name not in self._pidfds:
                self._pidfds[name] = os.pidfd_open(pid)

    def _end_jobs(self) -> None:
        with self.client() as client:
            jobs = [client.job(info.id) for info in client.list()]
            if jobs:
                client.stop(jobs, grace=0, timeout=_END_SECONDS)

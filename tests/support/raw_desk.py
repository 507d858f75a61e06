"""A desk that uses a real keeper and supervisor over the raw socket, without a worker."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from daemons import wait_until
from processes import is_alive

from jobwire.broker.engine import Launch
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state import layout
from jobwire.worker.state.log_folders import folders, found_folders, new_folders

OWNER = bytes(range(32))
PATIENCE = 60.0

Fact = dict[str, Any]


class RawDesk:
    """Acts as the worker."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.logs = state / "logs"
        self.facts: list[Fact] = []
        self.supervisor = self.keeper = 0
        self.cgroups = False
        self.connect()

    def connect(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        folder = os.open(self.state, os.O_RDONLY)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{layout.SOCKET}")
        finally:
            os.close(folder)
        self.wish(do="hello")
        hello = self.fact("hello")
        self.supervisor, self.keeper, self.cgroups = hello["pid"], hello["keeper_pid"], hello["cgroups"]

    def reconnect(self) -> None:
        self.socket.close()
        self.facts.clear()
        self.connect()

    def recover(self) -> None:
        """Request all facts; afterwards `facts` holds the answer, and nothing older."""
        self.facts.clear()
        self.wish(do="recover")
        self.fact("recovered")

    def wish(self, **wish: object) -> None:
        self.wishes(wish)

    def wishes(self, *wishes: dict[str, object]) -> None:
        """Send several in one message, which are carried out in one turn."""
        self.socket.send(json.dumps(wishes).encode())

    def intend(self, *argv: str, **options: Any) -> str:
        key = AttemptKey(OWNER, uuid.uuid4().bytes, 1)
        spec = JobSpec(argv=tuple(os.fsencode(one) for one in argv), **options)
        new_folders.write_intent(str(self.logs), Launch(key, spec), directory=b"/", grace_ms=5000)
        return folders.handle(key)

    def start(self, *argv: str, **options: Any) -> str:
        handle = self.intend(*argv, **options)
        self.wish(do="start", job=handle)
        return handle

    def fact(self, kind: str, handle: str | None = None) -> Fact:
        """Remove and return the first fact of a kind about a job; waits if it has not arrived yet."""
        fact = self._await(handle, kind)
        self.facts.remove(fact)
        return fact

    def _await(self, handle: str | None, *kinds: str) -> Fact:
        deadline = time.monotonic() + PATIENCE
        while True:
            for fact in self.facts:
                if fact["fact"] in kinds and handle in {None, fact.get("job")}:
                    return fact
            assert time.monotonic() < deadline, f"no {' or '.join(kinds)} of {handle} came"
            datagram = self.socket.recv(65_536)
            assert datagram, f"the line broke before {' or '.join(kinds)} of {handle} came"
            self.facts += json.loads(datagram)

    def started(self, handle: str) -> Fact:
        """Return the fact of a start; of a job that ended at once, that of its end, which says the same and is not removed."""
        fact = self._await(handle, "started", "ended")
        if fact["fact"] == "started":
            self.facts.remove(fact)
        return fact

    def ended(self, handle: str) -> Fact:
        return self.fact("ended", handle)

    def settle(self, *handles: str) -> None:
        self.wish(do="settled", jobs=handles)

    def folder(self, fact: Fact) -> Path:
        found = found_folders.find_run(str(self.logs), fact["pid"], fact["started_at_us"], fact.get("ended_at_us", 0))
        assert found is not None
        return Path(found)

    def run(self, *argv: str, **options: Any) -> tuple[Fact, bytes, bytes]:
        handle = self.start(*argv, **options)
        fact = self.ended(handle)
        self.settle(handle)
        return fact, *self.output(fact)

    def output(self, fact: Fact) -> tuple[bytes, bytes]:
        folder = self.folder(fact)
        return (folder / "stdout").read_bytes(), (folder / "stderr").read_bytes()

    def retire(self) -> None:
        """Stop the pair, which must leave nothing behind."""
        self.reconnect()
        self.recover()
        for fact in [one for one in self.facts if one["fact"] == "started"]:
            self.wish(do="end", job=fact["job"], signal=signal.SIGKILL, grace_ms=0)
            self.ended(fact["job"])
            self.settle(fact["job"])
        self.settle(*[one["job"] for one in self.facts if one["fact"] == "ended"])
        self.wish(do="retire")
        assert self.socket.recv(65_536) == b""


def start_pair(state: Path, *prefix: str, files_limit: int = 0) -> None:
    """Start keeper and supervisor from another program."""
    code = f"import sys; from jobwire.worker.keeper import process; process.start(sys.argv[1], {files_limit})"
    subprocess.run([*prefix, sys.executable, "-c", code, state], check=True)


def kill_and_wait(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), f"the end of process {pid}")


def kill_both(desk: RawDesk) -> None:
    """Kill keeper and supervisor, the latter before it can notice and become the next keeper."""
    os.kill(desk.supervisor, signal.SIGSTOP)
    kill_and_wait(desk.keeper)
    kill_and_wait(desk.supervisor)


def our_cgroups(state: Path) -> list[Path]:
    info = state.stat()
    name = f"jobwire-{info.st_dev:x}-{info.st_ino:x}"
    # Others are created and removed meanwhile, which os.walk tolerates.
    return [Path(folder, name) for folder, names, _ in os.walk("/sys/fs/cgroup") if name in names]


@contextmanager
def serving(state: Path) -> Iterator[RawDesk]:
    """Return a desk connected to the pair that was started for this folder; afterwards nothing of the pair is left."""
    one = RawDesk(state)
    try:
        yield one
        one.retire()
        wait_until(lambda: not is_alive(one.keeper) and not is_alive(one.supervisor), "the end of keeper and supervisor")
        assert our_cgroups(state) == []
    finally:
        one.socket.close()
        for pid in (one.keeper, one.supervisor):
            if pid and is_alive(pid):
                kill_and_wait(pid)
        for path in our_cgroups(state):
            for folder in [*path.iterdir(), path]:
                with suppress(OSError):
                    folder.rmdir()
        log = (state / layout.SUPERVISOR_LOG).read_text()
        print(log)
    assert "Traceback" not in log

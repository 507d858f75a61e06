"""A hundred concurrent `jobwire run -- true` of one user, in an empty home, compared with the same number in sequence."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Self

from stage import Ground
from table import Line, at_most, in_turns

_END_SECONDS = 20


def measure(ground: Ground) -> list[Line]:
    """Measure both from the first command, which starts the private worker, to the end of the last one; all must exit with 0."""
    commands = 30 if ground.quick else 100

    def one_after_the_other() -> float:
        with _Home(ground) as home:
            begun = perf_counter()
            for _ in range(commands):
                home.finish(home.start("run", "--", "true"))
            return perf_counter() - begun

    def at_once() -> float:
        with _Home(ground) as home:
            begun = perf_counter()
            started = [home.start("run", "--", "true") for _ in range(commands)]
            for process in started:
                home.finish(process)
            return perf_counter() - begun

    pairs = in_turns(one_after_the_other, at_once, 1 if ground.quick else 3)
    return [pairs.line(f"{commands} `jobwire run -- true` at once, in an empty home", "s", at_most(0.6, 0.4), note="limit: in turn")]


class _Home:
    """An empty home; at its exit, the processes of its private worker have ended."""

    def __init__(self, ground: Ground) -> None:
        folder = ground.fresh(ground.disk, "home")
        self._state = folder / "state"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBWIRE_")}
        self._environment = {**kept, "JOBWIRE_STATE": str(self._state), "JOBWIRE_CONFIG": str(folder / "config")}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        description = self._state / "worker" / "worker.json"
        if not description.exists():
            return
        fields = json.loads(description.read_bytes())
        pidfds = [os.pidfd_open(fields[name]) for name in ("pid", "supervisor_pid", "keeper_pid")]
        self.finish(self.start("worker", "stop"))
        for pidfd in pidfds:
            select.select([pidfd], [], [], _END_SECONDS)
            os.close(pidfd)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        script = Path(sys.executable).with_name("jobwire")
        command = [str(script), *words] if script.exists() else [sys.executable, "-m", "jobwire.client.cli.main", *words]
        return subprocess.Popen(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it has exited with 0."""
        if process.wait():
            raise RuntimeError(f"{process.args!r} ended {process.returncode}")

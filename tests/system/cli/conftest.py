"""A user for each test, who sees nothing of other users; a home without a worker; and terminals."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import stop_all_jobs, wait_until
from home import Home, Terminal
from homes import bytecode, home, own_home, shared_worker
from processes import is_alive

from jobwire.keys.identity import load, parse_public

__all__ = ["bytecode", "home", "own_home", "shared_worker"]


@pytest.fixture
def empty_home(tmp_path: Path, bytecode: Path) -> Iterator[Home]:
    """Return a home without a worker; afterwards no process of its private worker is left."""
    made = Home(tmp_path, bytecode)
    yield made
    description = made.state / "worker" / "worker.json"
    if description.exists():
        if not is_alive(json.loads(description.read_bytes())["pid"]):
            # A command starts it again, if a job or a supervisor is left.
            made.stop_all()
        worker = json.loads(description.read_bytes())
        pids = [worker[name] for name in ("pid", "supervisor_pid", "keeper_pid")]
        if is_alive(worker["pid"]):
            stop_all_jobs(worker["endpoint"], parse_public(worker["key"]), load(made.config / "identity"))
            os.kill(worker["pid"], signal.SIGTERM)
        for pid in pids:
            wait_until(lambda pid=pid: not is_alive(pid), f"{pid} ends")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Run commands on terminals."""
    opened: list[Terminal] = []

    def open_terminal(home: Home, *arguments: str) -> Terminal:
        opened.append(Terminal(home, *arguments))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()

"""A user for each test, who sees nothing of other users; a home without a worker; and terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemons import wait_until
from home import Home, Terminal
from homes import bytecode, home, own_home, shared_worker

__all__ = ["bytecode", "home", "own_home", "shared_worker"]


@pytest.fixture
def empty_home(tmp_path: Path, bytecode: Path) -> Iterator[Home]:
    """Return a home without a worker; afterwards no process of its private worker is left."""
    made = Home(tmp_path, bytecode)
    yield made
    if (made.state / "worker" / "worker.json").exists():
        made.stop_all()
        worker = made.records("worker", "status")[0]
        made.jobwire("worker", "stop")
        for name in ("pid", "supervisor_pid", "keeper_pid"):
            wait_until(lambda name=name: not Path(f"/proc/{worker[name]}").exists(), f"{name} ends")


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

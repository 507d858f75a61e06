"""Fixtures: a user for each test, who sees nothing of other users, and one worker for all of them, because its start takes a second."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, stop_all_jobs
from home import Home

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Return the worker that tests share; a test that stops or fills a worker uses one of its own."""
    with Worker(tmp_path_factory.mktemp("shared"), slots=8).start() as made:
        yield made


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def home(shared_worker: Worker, tmp_path: Path, bytecode: Path) -> Iterator[Home]:
    """Return the home of a submitter, who sees only their own jobs."""
    name = f"user{next(_numbers)}"
    made = Home(tmp_path / "home", bytecode, name)
    identity = shared_worker.admit(name, "submitter")
    made.use(shared_worker, identity)
    yield made
    stop_all_jobs(shared_worker.endpoint, shared_worker.public, identity)


@pytest.fixture
def own_home(worker: Worker, tmp_path: Path, bytecode: Path) -> Home:
    """Return the home of the admin of a worker of its own."""
    made = Home(tmp_path / "home", bytecode, "admin")
    made.use(worker, worker.admin)
    return made

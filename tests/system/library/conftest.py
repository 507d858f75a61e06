"""A member for each test, who sees nothing of others, of one worker for all of them; and a context of a worker that a test can kill."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker

from jobwire.client.library.client import Client
from jobwire.client.sockets.addressee import Context
from jobwire.keys.identity import Identity, save

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(tmp_path_factory.mktemp("shared"), slots=1).start() as made:
        yield made


def context_of(worker: Worker, identity: Identity, folder: Path) -> Context:
    path = folder / "identity"
    save(identity, path)
    return Context("lab", worker.endpoint, worker.public, path)


@pytest.fixture
def member(shared_worker: Worker) -> Iterator[Identity]:
    """Return a member whose jobs are stopped at the end: what a failed test leaves would hold the one slot that the next tests wait for."""
    made = shared_worker.admit(f"user{next(_numbers)}", "submitter")
    yield made
    with shared_worker.client(made) as stopping:
        if left := [stopping.job(info.id) for info in stopping.list()]:
            stopping.stop(left, grace=0)


@pytest.fixture
def context(shared_worker: Worker, member: Identity, tmp_path: Path) -> Context:
    """Return a context of a worker with one slot."""
    return context_of(shared_worker, member, tmp_path)


@pytest.fixture
def client(shared_worker: Worker, member: Identity) -> Iterator[Client]:
    with shared_worker.client(member) as made:
        yield made


@pytest.fixture
def own_context(worker: Worker, tmp_path: Path) -> Context:
    """Return a context of a worker with four slots, for this test alone."""
    return context_of(worker, worker.admin, tmp_path)

"""A daemon that pretends, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_daemon import FakeDaemon

from jobwire.client.library.client import Client
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity, generate


@pytest.fixture
def identity() -> Identity:
    return generate()


@pytest.fixture
def daemon(identity: Identity) -> Iterator[FakeDaemon]:
    made = FakeDaemon(identity.public)
    yield made
    made.close()


@pytest.fixture
def connection(daemon: FakeDaemon, identity: Identity) -> Iterator[Connection]:
    made = Connection(daemon.endpoint, daemon.public, identity)
    yield made
    made.close()


@pytest.fixture
def client(daemon: FakeDaemon, identity: Identity) -> Iterator[Client]:
    with Client.connect(daemon.endpoint, daemon.public, identity) as made:
        yield made

"""An asynchronous client of a daemon that pretends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_daemon import FakeDaemon

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.keys.identity import Identity


@pytest.fixture
async def aclient(daemon: FakeDaemon, identity: Identity) -> AsyncIterator[AsyncClient]:
    async with AsyncClient.connect(daemon.endpoint, daemon.public, identity) as made:
        yield made

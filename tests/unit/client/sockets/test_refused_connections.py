"""A connection that the worker refused as one too many: it refuses everything on it, also when there is room by now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from client_requests import listing, soon
from fake_daemon import FakeDaemon

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.protocol.subscription import Subscription
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import event_pb2, request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

LIMIT = "1 connections of this key are open"


@pytest.fixture
def crowd(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Who is there, besides the client under test. The daemon refuses a connection for good that comes while this is not empty."""
    others = {"somebody"}
    refused: set[bytes] = set()
    answer: Callable[..., None] = daemon._hello

    def hello(peer: bytes, request: request_pb2.Request, said: request_pb2.Hello) -> None:
        if others:
            refused.add(peer)
        if peer in refused:
            raise Refused(Code.RESOURCE_EXHAUSTED, LIMIT, reason=Reason.TOO_MANY_CONNECTIONS)
        answer(peer, request, said)

    monkeypatch.setattr(daemon, "_hello", hello)
    return others


def test_the_next_request_finds_room_if_there_is_some(connection: Connection, crowd: set[str]) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match=LIMIT):
            connection.call(listing(), soon())
    crowd.clear()
    assert connection.call(listing(), soon())


def test_a_subscription_is_refused_and_the_next_one_finds_room(connection: Connection, crowd: set[str]) -> None:
    refused = Subscription(event_pb2.Filter())
    connection.subscribe(refused)
    while refused.refusal is None:
        connection.pump(soon())
    crowd.clear()
    found = Subscription(event_pb2.Filter())
    connection.subscribe(found)
    while not found.granted:
        assert found.refusal is None
        connection.pump(soon())


def test_on_an_event_loop_too(daemon: FakeDaemon, identity: Identity, crowd: set[str]) -> None:
    async def ask() -> None:
        async with AsyncClient.connect(daemon.endpoint, daemon.public, identity) as client:
            with pytest.raises(Refused, match=LIMIT):
                [info async for info in client.list()]
            crowd.clear()
            assert [info async for info in client.list()] == []

    asyncio.run(ask())

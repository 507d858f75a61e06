"""A worker that is frozen, or loses power, before its first PING: it is asked whether it is alive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import BrokerSide, Wire, WorkerSide

from jobwire.broker.fleet.workers import first_sign


@pytest.fixture
async def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    monkeypatch.setattr(first_sign, "_ASK_SECONDS", 0.02)
    monkeypatch.setattr(first_sign, "_WAIT_SECONDS", 0.05)
    broker = BrokerSide(tmp_path / "broker")
    made = Wire(broker, WorkerSide(tmp_path / "worker", broker.identity.public))
    made.up()
    yield made
    for house in (made.worker.house, broker.house):
        house.close()


def _is_connected(wire: Wire) -> bool:
    return wire.broker.engine.workers.get(wire.worker.identity.public).link.is_up


@pytest.mark.parametrize("greeted", [False, True])
async def test_a_silence_before_the_first_ping_has_an_end(wire: Wire, *, greeted: bool) -> None:
    """Before it was greeted, and after that."""
    if greeted:
        await wire.broker.durable()
        assert _is_connected(wire)
    wire.arrive = 0
    await asyncio.wait_for(wire.is_cut.wait(), 10)
    assert not _is_connected(wire)
    # It is back.
    wire.up()
    await wire.broker.durable()
    assert _is_connected(wire)


async def test_a_silence_before_the_first_ping_of_an_earlier_connection_is_forgotten(wire: Wire) -> None:
    wire.arrive = 0
    await asyncio.sleep(0.03)
    wire.cut()
    wire.up()
    await wire.broker.durable()
    at_broker = wire.at_broker
    await asyncio.sleep(0.1)
    assert wire.at_broker is at_broker
    assert _is_connected(wire)

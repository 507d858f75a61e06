"""The further connection of a worker: what goes over it, and when it is not used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import BrokerSide, BulkWire, Wire, WorkerSide


class Lab:
    """A broker and a worker with two connections."""

    def __init__(self, folder: Path) -> None:
        self.broker = BrokerSide(folder / "broker")
        self.side = WorkerSide(folder / "worker", self.broker.identity.public, slots=1)
        self.wire, self.bulk = Wire(self.broker, self.side), BulkWire(self.broker, self.side)
        self.worker = self.broker.engine.workers.get(self.side.identity.public)

    async def joined(self) -> None:
        for wire in (self.wire, self.bulk):
            wire.up()
            await self.broker.durable()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for side in (made.side, made.broker):
        side.house.close()


async def test_a_worker_with_one_connection_uses_it_for_bytes_too(lab: Lab) -> None:
    lab.wire.up()
    await lab.broker.durable()
    assert lab.worker.link_for_bytes is lab.worker.link


async def test_bytes_go_over_the_further_connection_while_it_is_there(lab: Lab) -> None:
    await lab.joined()
    assert lab.worker.bulk is not None
    assert lab.worker.link_for_bytes is lab.worker.bulk
    lab.bulk.cut()
    assert lab.worker.link_for_bytes is lab.worker.link
    lab.bulk.up()
    await lab.broker.durable()
    assert lab.worker.link_for_bytes is lab.worker.bulk


async def test_the_connection_of_another_run_of_the_worker_is_not_used(lab: Lab) -> None:
    await lab.joined()
    bulk = lab.worker.bulk
    assert bulk is not None
    assert bulk._conversation.hello is not None
    bulk._conversation.hello.nonce = b"another run     "
    assert lab.worker.link_for_bytes is lab.worker.link


async def test_a_worker_that_cannot_be_reached_is_not_reached_over_its_further_connection(lab: Lab) -> None:
    await lab.joined()
    lab.wire.cut()
    assert lab.worker.link_for_bytes is lab.worker.link
    assert not lab.worker.link.is_up


async def test_a_further_connection_takes_the_place_of_the_one_before(lab: Lab) -> None:
    await lab.joined()
    before, bulk = lab.worker.bulk, lab.bulk
    dropped: list[str] = []
    bulk.drop = lambda _, reason: dropped.append(reason)  # type: ignore[method-assign] # reason: it is the connection that is dropped
    bulk.up()
    await lab.broker.durable()
    assert dropped == ["has joined again over another connection"]
    assert lab.worker.bulk is before
    assert lab.worker.link_for_bytes is before

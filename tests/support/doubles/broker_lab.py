"""A broker, a client, and any number of workers with their links: what tests of the engine of a broker begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from broker_house import BrokerSide, Wire, WorkerSide, signed_start

from jobwire.keys.identity import Identity, generate
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.workers.labels import Labels


class BrokerLab:
    """A broker, a client, and workers with their links."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: Identity = generate()
        self.broker = BrokerSide(folder / "broker")
        self.wires: list[Wire] = []

    def worker(self, *, slots: int = 2, labels: Labels = ()) -> Wire:
        worker = WorkerSide(self.folder / f"worker{len(self.wires)}", self.broker.identity.public, slots=slots, labels=labels)
        self.wires.append(Wire(self.broker, worker))
        return self.wires[-1]

    async def submit(self, *numbers: int, **fields: Any) -> None:
        await self.broker.accept(self.client, signed_start(self.client, self.broker.identity.public, *numbers, **fields))

    def name(self, number: int, attempt: int = 1) -> AttemptKey:
        return AttemptKey(self.client.public, bytes([number]) * 16, attempt)

    def state(self, number: int) -> str:
        return self.broker.state(self.client, number)


async def joined(lab: BrokerLab, *, slots: int = 2, labels: Labels = ()) -> Wire:
    wire = lab.worker(slots=slots, labels=labels)
    wire.up()
    await lab.broker.durable()
    return wire

"""A broker and a worker with the link between them, and one job of a client that it places there."""

from __future__ import annotations

from pathlib import Path

from broker_house import BrokerSide, Wire, WorkerSide, signed_start, started

from jobwire.keys.identity import generate
from jobwire.schemas.jobs.states import Outcome
from jobwire.schemas.naming import AttemptKey


class FleetLab:
    """What the tests of one job behind a broker have in common."""

    def __init__(self, folder: Path) -> None:
        self.client = generate()
        self.broker = BrokerSide(folder / "broker")
        self.wire = Wire(self.broker, WorkerSide(folder / "worker", self.broker.identity.public))
        self.worker = self.wire.worker
        self.name = AttemptKey(self.client.public, bytes([1]) * 16, 1)

    async def begin(self) -> None:
        """Have the job submitted, delivered and started."""
        self.wire.up()
        await self.broker.durable()
        await self.broker.accept(self.client, signed_start(self.client, self.broker.identity.public, 1))
        await self.worker.happen(started(self.name))

    @property
    def outcome(self) -> Outcome:
        found = self.broker.outcome(self.client, 1)
        assert found is not None
        return found

    @property
    def is_kept(self) -> bool:
        """Whether the worker keeps the job because its broker has not recorded all about it."""
        return self.worker.house.followed.holds(self.name.job)

    def close(self) -> None:
        for house in (self.worker.house, self.broker.house):
            house.close()

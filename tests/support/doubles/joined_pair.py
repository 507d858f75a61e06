"""A broker, a worker that has joined it, and a submitter of the broker: what the tests of features of both begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from broker_house import BrokerSide, Wire, WorkerSide

from jobwire.keys.members.rights import Member


class JoinedPair:
    """Their stores are below `folder`; `submitter` is a public key, `slots` those of the worker."""

    def __init__(self, folder: Path, submitter: bytes, slots: int = 2) -> None:
        self.broker = BrokerSide(folder / "broker")
        self.worker = WorkerSide(folder / "worker", self.broker.identity.public, slots=slots)
        self.wire = Wire(self.broker, self.worker)
        self.broker.house.members[submitter] = Member("ada", submitter, "submitter")

    async def connected(self) -> AsyncIterator[Self]:
        """Yield it while they are connected: the body of a fixture."""
        self.wire.up()
        await self.broker.durable()
        yield self
        for side in (self.broker, *self.broker.workers):
            side.house.close()

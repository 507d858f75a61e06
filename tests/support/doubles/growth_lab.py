"""A broker that grows, a cluster that a test plays, and the workers that come from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from broker_house import BrokerSide, Wire, WorkerSide, signed_start

from jobwire.broker.growth.book import Queue
from jobwire.broker.growth.cluster import NoAnswer, Phase, Seen
from jobwire.broker.growth.folders import Folders, folders_of
from jobwire.broker.growth.grower import Grower
from jobwire.broker.growth.life import State
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused


class ClusterDouble:
    """A cluster. What was asked for waits until a test says more."""

    poll_seconds = 10.0

    def __init__(self) -> None:
        self.jobs: dict[str, Seen] = {}
        self.cancelled: list[str] = []
        self.answers = True
        # The request arrives, and the answer does not.
        self.loses_answers = False
        self.refuses = ""

    async def check(self, queue: request_pb2.GrowthQueue) -> None: ...

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        if not self.answers:
            raise NoAnswer("it is down")
        if self.refuses:
            raise Refused(Code.FAILED_PRECONDITION, self.refuses)
        for own in folders_of(folder, max(1, queue.per_node)):
            assert (own / "token").stat().st_mode & 0o077 == 0
        assert name not in self.jobs, "asked for twice"
        self.jobs[name] = Seen(str(100 + len(self.jobs)), name, Phase.WAITING, "PENDING")
        if self.loses_answers:
            raise NoAnswer("the answer is lost")
        return self.jobs[name].cluster_id

    async def list(self, prefix: str) -> Sequence[Seen]:
        if not self.answers:
            raise NoAnswer("it is down")
        return [one for one in self.jobs.values() if one.name.startswith(prefix)]

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        self.cancelled += cluster_ids

    def become(self, name: str, phase: Phase, said: str = "", *, proves_end: bool = False) -> None:
        self.jobs[name] = self.jobs[name]._replace(phase=phase, said=said, proves_end=proves_end)


class DoorsDouble:
    def __init__(self) -> None:
        self.open: set[str] = set()

    async def invite(self, name: str, endpoint: str) -> tuple[bytes, str]:
        self.open.add(name)
        return b"t" * 32, "a token"

    async def close(self, name: str, token: bytes) -> None:
        self.open.discard(name)


class Lab:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: Identity = generate()
        self.side = BrokerSide(folder / "broker")
        self.cluster = ClusterDouble()
        self.doors = DoorsDouble()
        self.members = self.side.members
        self.wires: list[Wire] = []
        self.now = 1000.0
        self.submitted = 0
        self._grow()

    def _grow(self) -> None:
        house, engine = self.side.house, self.side.engine
        book = self.side.book
        book.count_from(self.now)
        self.grower = Grower(
            book, house.desk, engine, {"double": self.cluster}, self.doors, Folders(self.folder / "growth"), lambda: self.now
        )
        engine.drains.hold_back(one.name for one in book.allocations.values() if one.state in (State.LEAVING, State.ENDED))

    async def restart(self) -> None:
        """Kill the broker and start the next one; links are lost."""
        for wire in self.wires:
            wire.cut()
        await self.side.restart()
        self._grow()

    async def queue(
        self, name: str = "q", *, most: int = 10, cpus: int = 2, time_ms: int = 3_600_000, labels: Sequence[str] = (), per_node: int = 0
    ) -> Queue:
        assumed_ms = time_ms // 2
        settings = request_pb2.GrowthQueue(
            name=name, cluster="double", max_workers=most, time_ms=time_ms, idle_ms=60_000, assumed_ms=assumed_ms, cpus=cpus, labels=labels
        )
        settings.per_node = per_node
        made = Queue(name, settings, b"")
        await self.grower.add(made)
        return made

    async def submit(self, jobs: int, **fields: object) -> list[AttemptKey]:
        numbers = range(self.submitted + 1, self.submitted + jobs + 1)
        self.submitted += jobs
        await self.side.accept(self.client, signed_start(self.client, self.side.identity.public, *numbers, **fields))
        return [AttemptKey(self.client.public, bytes([number]) * 16, 1) for number in numbers]

    async def look(self, seconds: float = 0.0) -> None:
        self.now += seconds
        await self.grower.look()
        await self.side.durable()

    async def join(self, name: str, *, slots: int = 2, left_ms: int = 3_000_000) -> Wire:
        """Let the worker of an allocation join, as if its allocation had just started."""
        self.cluster.become(self.grower.book.allocations[name].asked_as, Phase.RUNNING, "RUNNING")
        worker = WorkerSide(self.folder / name, self.side.identity.public, slots=slots)
        self.members[worker.identity.public] = Member(name, worker.identity.public, "worker")
        wire = Wire(self.side, worker)
        self.wires.append(wire)
        self.up(wire, left_ms)
        await self.side.durable()
        return wire

    def up(self, wire: Wire, left_ms: int = 3_000_000) -> None:
        engine, enlist = self.side.engine, self.side.engine.enlist
        engine.enlist = lambda peer: enlist(peer, left_ms)  # type: ignore[assignment, misc]
        wire.up()
        engine.enlist = enlist  # type: ignore[method-assign]

    @property
    def states(self) -> list[State]:
        return [one.state for one in self.grower.book.allocations.values()]

    @property
    def names(self) -> list[str]:
        return list(self.grower.book.allocations)

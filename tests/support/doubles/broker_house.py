"""A broker and its workers without sockets: real desks and stores, and a link that a test cuts where it wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from desk_house import DepotDouble, EngineDouble, House

from jobwire.broker.access.notary import Notary
from jobwire.broker.desk.inputs import Accepted
from jobwire.broker.engine import Ended, Hashed, Run, Started
from jobwire.broker.fairness.sharing import NotShared
from jobwire.broker.fairness.turns import Turns
from jobwire.broker.fleet.engine import FleetEngine
from jobwire.broker.fleet.verbs import Broker
from jobwire.broker.growth.book import Book
from jobwire.broker.log_hashes import LogHashes
from jobwire.broker.relayed.permitted_verbs import RelayedVerbs, read
from jobwire.broker.requests.asked_jobs import read_jobs
from jobwire.broker.requests.dispatch import Dispatch
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.frames import refusal_from, refusal_message
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import Capacity
from jobwire.schemas.workers.labels import Labels

NONCE = b"n" * 16


def signed(client: Identity, audience: bytes, request: request_pb2.Request) -> bytes:
    """Return a request as a client sends it."""
    request.id = request.id or 1
    raw = request.SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(client, audience, NONCE, raw)).SerializeToString()


def signed_start(client: Identity, audience: bytes, *numbers: int, batch: Any = None, **fields: Any) -> bytes:
    """Return a start of jobs with these numbers."""
    spec = specs.to_wire(JobSpec(argv=(b"true",), **fields))
    jobs = [request_pb2.NewJob(id=bytes([number]) * 16, spec=spec) for number in numbers]
    return signed(client, audience, request_pb2.Request(start=request_pb2.Start(jobs=jobs, batch=batch)))


class HasherDouble:
    """Hashes output when a test says so."""

    def __init__(self) -> None:
        self.waiting: set[AttemptKey] = set()
        self.taken_up: list[AttemptKey] = []
        self.done: Callable[[Hashed], None] = lambda _: None

    def open(self, done: Callable[[Hashed], None]) -> None:
        self.done = done

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        assert sizes != (0, 0)
        self.waiting.add(run.key)
        self.taken_up.append(run.key)

    def recorded(self, key: AttemptKey) -> None:
        self.waiting.discard(key)

    def is_hashing(self, key: AttemptKey) -> bool:
        return key in self.waiting


class WorkerSide:
    """A worker: a desk whose engine is a double, and what a broker may ask it."""

    def __init__(
        self,
        folder: Path,
        broker: bytes,
        *,
        slots: int = 2,
        vouch: str = "submitter",
        labels: Labels = (),
        clock: Callable[[], int] = lambda: 0,
        depot: DepotDouble | None = None,
    ) -> None:
        """`clock`: what the worker tells its broker, 0: nothing."""
        self.clock = clock
        self.identity = generate()
        self.engine = EngineDouble(Capacity(slots, labels=labels))
        if depot is not None:
            self.engine.depot = depot
        folder.mkdir()
        self.house = House(folder / "state.db", self.engine)
        self.members = {broker: Member("broker", broker, "relay", vouch=vouch)}
        self.hasher = HasherDouble()
        self.house.open()
        self._receive()

    async def restart(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Restart the worker; `meanwhile` is called when its store is closed."""
        self.house.desk.close()
        self.house.store.close()
        meanwhile()
        self.house.open()
        await self.house.desk.recover()
        self.house.timetable.open()
        self.engine.effects.clear()
        self._receive()

    def _receive(self) -> None:
        house, turns = self.house, Turns(asyncio.get_running_loop())
        introduction = Introduction(
            "worker", "test", self.identity.public, house.store.id, NONCE, lambda: "tcp://127.0.0.1:1", lambda: 2, now_us=self.clock
        )
        self.relayed = verbs = RelayedVerbs(
            desk=house.desk,
            lookup=house.lookup,
            store=house.store,
            engine=self.engine,
            watchers=house.watchers,
            followed=house.followed,
            forgetting=house.forgetting,
            member_of=self.members.get,
            verbs=house.handlers(introduction, self.members.get),
            notary=Notary(self.identity, house.store.id),
            is_hashing=self.hasher.is_hashing,
        )
        house.usage_changed = verbs.usage_changed
        self.hasher.waiting.clear()
        LogHashes(house.store, house.lookup, self.hasher, verbs.hashed).open()
        self.dispatch = Dispatch(self.identity.public, NONCE, self.members.get, verbs.handlers, turns, read)

    @property
    def started(self) -> list[AttemptKey]:
        """What was started here, in order, since the last call of `happen`."""
        return [effect[1] for effect in self.engine.effects if effect[0] == "start"]  # type: ignore[misc]

    async def happen(self, *facts: Started | Ended) -> None:
        self.engine.effects.clear()
        self.hasher.waiting.update(fact.key for fact in facts if isinstance(fact, Ended) and fact.outcome.hash_follows)
        self.house.desk.hear(facts)
        await self.house.durable()
        await settle()

    async def ask(self, broker: bytes, **verb: Any) -> request_pb2.Reply:
        """Return the answer to a request of a broker, whatever that may be."""
        answers = _Answers()
        request = request_pb2.Request(id=7, **verb)
        frame = request_pb2.Envelope(request=request.SerializeToString()).SerializeToString()
        self.dispatch.take(Peer(b"", Meter(-1, b""), Account(broker), answers), frame, None, NotShared())
        for _ in range(2):
            await self.house.durable()
            await settle()
        (answer,) = answers.replies
        return answer

    async def refusal(self, broker: bytes, **verb: Any) -> Refused:
        """Return why a request of a broker is refused, or its first job is."""
        answer = await self.ask(broker, **verb)
        if answer.deliver.not_accepted:
            return refusal_from(answer.deliver.not_accepted[0].refusal)
        assert answer.HasField("refusal"), answer
        return refusal_from(answer.refusal)


class _Answers:
    """An outlet that keeps what is sent."""

    def __init__(self) -> None:
        self.replies: list[request_pb2.Reply] = []

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        self.replies.append(reply)
        return True

    def pass_on(self, peer: Peer, frames: Sequence[bytes | memoryview]) -> bool:
        raise AssertionError("nothing is passed on here")

    def refuse(self, peer: Peer, request_id: int, refused: Refused) -> None:
        self.send(peer, request_pb2.Reply(request_id=request_id, last=True, refusal=refusal_message(refused)))

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        self.refuse(peer, request_id, refused)

    def drop(self, peer: Peer, reason: str) -> None:
        raise AssertionError(reason)


class ContentsDouble(DepotDouble):
    """Contents that are read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_of: dict[bytes, bytes] = {}

    def read(self, owner: bytes, digest: bytes, start: int, length: int, then: Callable[[bytes | Refused], None]) -> None:
        asyncio.get_running_loop().call_soon(then, self.bytes_of[digest][start : start + length])


class BrokerSide:
    """A broker: a desk whose engine is a fleet."""

    def __init__(self, folder: Path) -> None:
        self.identity = generate()
        self.workers: list[WorkerSide] = []
        # By their keys; workers need not be among them.
        self.members: dict[bytes, Member] = {}
        folder.mkdir()
        self.contents = ContentsDouble()
        self.house = House(folder / "state.db", EngineDouble(), make_engine=self._make_engine)
        self._open()

    def _make_engine(self) -> Any:
        house = self.house
        self.book = Book.read(house.store)
        self.engine = FleetEngine(
            *(self.identity, self.contents, house.store),
            hear=lambda facts: house.desk.hear(facts),  # noqa: PLW0108 -- it is made later
            set_machine=lambda order: house.desk.take(order),  # noqa: PLW0108 -- as above
            accept_key=lambda said: house.delegates.told(said),  # noqa: PLW0108 -- as above
            member_of=self.members.get,
            named=lambda name: next((one for one in self.members.values() if one.name == name), None),
            book=self.book,
            now_us=lambda: house.now,
            gather_seconds=0,
        )
        house.stock = self.engine.stock
        house.check = Broker(self.engine, house, self.book).check  # type: ignore[arg-type] # reason: it has the parts of one
        return self.engine

    def _open(self) -> None:
        self.house.open()
        self.house.delegates.worker = self.identity
        LogHashes(self.house.store, self.house.lookup, self.engine.hasher, lambda _: None).open()

    async def restart(self) -> None:
        self.engine.close()
        self.house.close()
        self._open()
        await self.house.desk.recover()

    async def accept(self, client: Identity, raw: bytes) -> None:
        """Accept the jobs of a signed start, as the handler of the verb does."""
        request = request_pb2.Request.FromString(request_pb2.Envelope.FromString(raw).request)
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.house.desk.accept(client.public, list(read_jobs(request.start.jobs)), None, raw, done.set_result)
        assert isinstance(await done, Accepted)
        await self.durable()

    async def durable(self) -> None:
        """Wait until everything was said and written on all sides."""
        for _ in range(4):
            await self.house.durable()
            for worker in self.workers:
                await worker.house.durable()
            await settle()

    def state(self, client: Identity, number: int) -> str:
        job = self.house.lookup.job(JobKey(client.public, bytes([number]) * 16))
        assert job is not None
        return job.state.name

    def outcome(self, client: Identity, number: int) -> Outcome | None:
        job = self.house.lookup.job(JobKey(client.public, bytes([number]) * 16))
        assert job is not None
        return job.attempt.outcome

    def waits_for(self, client: Identity, number: int) -> str:
        job = self.house.lookup.job(JobKey(client.public, bytes([number]) * 16))
        assert job is not None
        return self.house.desk.why_waiting(job)


class Wire(_Answers):
    """The link between a broker and a worker; `up` connects it, `cut` loses it with all that is under way."""

    def __init__(self, broker: BrokerSide, worker: WorkerSide) -> None:
        super().__init__()
        self.broker = broker
        self.worker = worker
        if worker not in broker.workers:
            broker.workers.append(worker)
        self.at_broker: Peer | None = None
        self.at_worker: Peer | None = None
        # How many more messages arrive at the worker; None: all.
        self.arrive: int | None = None
        self.is_cut = asyncio.Event()

    def up(self) -> None:
        self.is_cut.clear()
        self.at_broker = Peer(b"id", Meter(-1, b""), Account(self.worker.identity.public), self)
        self.at_worker = Peer(b"", Meter(-1, b""), Account(self.broker.identity.public), self)
        self._turn(self.at_broker)

    def _turn(self, peer: Peer) -> None:
        self.broker.engine.enlist(peer)

    def _gone(self, peer: Peer) -> None:
        self.broker.engine.workers.get(self.worker.identity.public).link.gone(peer)

    def cut(self) -> None:
        at_broker, at_worker, self.at_broker, self.at_worker = self.at_broker, self.at_worker, None, None
        self.arrive = None
        self.is_cut.set()
        if at_broker is not None and at_worker is not None:
            at_worker.end()
            at_broker.gone = True
            self._gone(at_broker)

    def pass_on(self, peer: Peer, frames: Sequence[bytes | memoryview]) -> bool:
        asyncio.get_running_loop().call_soon(self._arrive, self.at_worker, *map(bytes, frames))
        return True

    def _arrive(self, at_worker: Peer | None, frame: bytes, bulk: bytes | None = None) -> None:
        if at_worker is None or at_worker.gone or at_worker is not self.at_worker or self.arrive == 0:
            return
        if self.arrive is not None:
            self.arrive -= 1
        self.worker.dispatch.take(at_worker, frame, memoryview(bulk) if bulk is not None else None, NotShared())

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        at_broker = self.at_broker
        if peer is self.at_worker and at_broker is not None and at_broker.turned is not None:
            # Later, as over a network.
            asyncio.get_running_loop().call_soon(self._answer, at_broker, reply.SerializeToString(), bulk)
            return True
        return False

    def _answer(self, at_broker: Peer, frame: bytes, bulk: bytes | None) -> None:
        if at_broker is self.at_broker and at_broker.turned is not None:
            at_broker.turned(frame, memoryview(bulk) if bulk is not None else None)

    def drop(self, peer: Peer, reason: str) -> None:
        self.cut()


class BulkWire(Wire):
    """The further connection of a worker, for bytes."""

    def _turn(self, peer: Peer) -> None:
        workers = self.broker.engine.workers
        workers.turn_bulk(workers.get(self.worker.identity.public), peer)

    def _gone(self, peer: Peer) -> None:
        bulk = self.broker.engine.workers.get(self.worker.identity.public).bulk
        assert bulk is not None
        bulk.gone(peer)


async def settle() -> None:
    """Let everything that was said arrive, on all sides."""
    for _ in range(30):
        await asyncio.sleep(0)


def started(key: AttemptKey, pid: int = 101) -> Started:
    return Started(key, pid, 2_000_000)


def ended(key: AttemptKey, status: int = 0, pid: int = 101) -> Ended:
    return Ended(key, pid, 2_000_000, 3_000_000, Outcome(OutcomeKind.EXITED, exit_status=status))

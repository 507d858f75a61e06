"""The input of jobs through a broker: byte for byte, wherever the link is cut; and what an evil broker cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from broker_house import NONCE, BrokerSide, Wire, WorkerSide, signed, signed_start, started

from jobwire.broker.fairness.sharing import NotShared
from jobwire.broker.fairness.turns import Turns
from jobwire.broker.fleet.transfers.inputs import PassedInputs
from jobwire.broker.requests.dispatch import Dispatch
from jobwire.broker.requests.transfers.feed import Feeders, feed, push
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Refused

CLIENT: Identity = generate()
OTHER: Identity = generate()
KEY = AttemptKey(CLIENT.public, b"\x01" * 16, 1)
TOKEN = b"t" * 16


class Seen:
    """A connection of the client to the broker, with what it was told. It sends each byte before the limit that it was told, once."""

    def __init__(self, house: House, *, seals: bool = False) -> None:
        self.house = house
        self.replies: list[request_pb2.Reply] = []
        self.dropped = ""
        self.peer = Peer(b"", Meter(-1, b""), Account(CLIENT.public), self)  # type: ignore[arg-type]
        self.ask(request_pb2.Request(id=5, feed=request_pb2.Feed(key=job_pb2.JobKey(id=KEY.id), token=TOKEN, sealed=seals)))

    def ask(self, request: request_pb2.Request, bulk: bytes | None = None) -> None:
        frame = signed(CLIENT, self.house.broker.identity.public, request)
        self.house.dispatch.take(self.peer, frame, memoryview(bulk) if bulk is not None else None, NotShared())

    def push(self, start: int, data: bytes, *, last: bool = False, seal: bytes = b"") -> None:
        self.ask(request_pb2.Request(id=6, push=request_pb2.Push(request_id=5, start=start, last=last, seal=seal)), data)

    @property
    def reached(self) -> int:
        return [reply.window.reached for reply in self.replies if reply.HasField("window")][-1]

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        self.replies.append(reply)
        return True

    def refuse(self, peer: Peer, request_id: int, refused: Refused) -> None:
        raise refused

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        raise refused

    def drop(self, peer: Peer, reason: str) -> None:
        self.dropped = reason


class House:
    """A broker, a worker that runs one job, and the client of that."""

    def __init__(self, folder: Path) -> None:
        self.broker = BrokerSide(folder / "broker")
        self.worker = WorkerSide(folder / "worker", self.broker.identity.public)
        self.wire = Wire(self.broker, self.worker)
        self.open()

    def open(self) -> None:
        """Take requests of clients, as a new run of the broker."""
        broker, feeders = self.broker, Feeders()
        inputs = PassedInputs(lambda _: broker.engine.workers.get(self.worker.identity.public))
        handlers: dict[str, Any] = {
            "feed": lambda call: feed(call, broker.house.lookup, broker.house.watchers, inputs, feeders),
            "push": push,
        }
        member = Member("ada", CLIENT.public, "submitter")
        turns = Turns(asyncio.get_running_loop())
        self.dispatch = Dispatch(broker.identity.public, NONCE, {CLIENT.public: member}.get, handlers, turns)

    async def run(self, **fields: Any) -> None:
        self.wire.up()
        await self.broker.durable()
        await self.broker.accept(CLIENT, signed_start(CLIENT, self.broker.identity.public, 1, **fields))
        await self.worker.happen(started(KEY))
        await self.broker.durable()

    @property
    def input(self) -> bytes:
        return bytes(self.worker.engine.inputs.get(KEY, b""))

    def close(self) -> None:
        for house in (self.broker.house, self.worker.house):
            house.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


async def test_input_arrives_and_its_end_is_told(house: House) -> None:
    await house.run(feed=True)
    client = Seen(house)
    await house.broker.durable()
    client.push(0, b"one ")
    client.push(4, b"two", last=True)
    await house.broker.durable()
    assert house.input == b"one two"
    assert client.replies[-1].feed_end == request_pb2.FeedEnd(reached=7)


def seal(data: bytes, signer: Identity = CLIENT, token: bytes = TOKEN, job: bytes = KEY.id) -> bytes:
    """What the client signs under an input."""
    told = RunningHash()
    told.add(data)
    return told.seal(signer, Fed(JobKey(CLIENT.public, job), token))


async def test_input_that_its_sender_has_sealed_arrives_whole_over_any_number_of_links(house: House) -> None:
    await house.run(feed=True)
    client = Seen(house, seals=True)
    await house.broker.durable()
    client.push(0, b"one ")
    await house.broker.durable()
    house.wire.cut()
    house.wire.up()
    await house.broker.durable()
    client.push(4, b"two", last=True, seal=seal(b"one two"))
    await house.broker.durable()
    assert house.input == b"one two"
    assert client.replies[-1].feed_end == request_pb2.FeedEnd(reached=7)


@pytest.mark.parametrize(
    ("passed_on", "with_seal"),
    [
        (b"one 2wo", seal(b"one two")),
        (b"one tw", seal(b"one two")),
        (b"one two three", seal(b"one two")),
        (b"one two", seal(b"one two", OTHER)),
        (b"one two", seal(b"one two", token=b"u" * 16)),
        (b"one two", seal(b"one two", job=b"\x02" * 16)),
        (b"one two", b"s" * 64),
        (b"one two", b""),
    ],
    ids=["altered", "shortened", "longer", "of another", "of another feed", "of another job", "invented", "dropped"],
)
async def test_input_that_is_not_what_its_sender_has_sealed_is_named(house: House, passed_on: bytes, with_seal: bytes) -> None:
    await house.run(feed=True)
    client = Seen(house, seals=True)
    await house.broker.durable()
    client.push(0, passed_on, last=True, seal=with_seal)
    await house.broker.durable()
    assert "are not what was sent" in client.replies[-1].feed_end.why


async def test_a_feeder_that_comes_in_between_changes_nothing_about_that(house: House) -> None:
    await house.run(feed=True)
    client, broker = Seen(house, seals=True), house.broker.identity.public
    await house.broker.durable()
    client.push(0, b"one ")
    await house.broker.durable()
    house.wire.cut()
    other = signed(CLIENT, broker, request_pb2.Request(feed=request_pb2.Feed(key=job_pb2.JobKey(id=KEY.id), token=b"u" * 16, sealed=True)))
    name = request_pb2.AttemptName(owner=KEY.owner, id=KEY.id, attempt=KEY.attempt)
    raw = request_pb2.Request(id=9, relay_feed=request_pb2.RelayFeed(job=name, request=other)).SerializeToString()
    evil = Peer(b"", Meter(-1, b""), Account(broker), client)  # type: ignore[arg-type]
    house.worker.dispatch.take(evil, request_pb2.Envelope(request=raw).SerializeToString(), None, NotShared())
    await house.broker.durable()
    assert len(evil.streams) == 1
    evil.end()
    house.wire.up()
    await house.broker.durable()
    client.push(4, b"2wo", last=True, seal=seal(b"one two"))
    await house.broker.durable()
    assert "are not what was sent" in client.replies[-1].feed_end.why


async def test_what_was_under_way_when_the_link_was_cut_is_sent_over_the_next_one(house: House) -> None:
    await house.run(feed=True)
    client = Seen(house)
    await house.broker.durable()
    client.push(0, b"one ")
    await house.broker.durable()
    house.wire.arrive = 0
    client.push(4, b"two ")
    await house.broker.durable()
    house.wire.cut()
    client.push(8, b"three")
    house.wire.up()
    await house.broker.durable()
    client.push(13, b"!", last=True)
    await house.broker.durable()
    assert house.input == b"one two three!"
    assert client.replies[-1].feed_end == request_pb2.FeedEnd(reached=14)


async def test_after_a_restart_of_the_broker_the_client_goes_on_where_the_worker_is(house: House) -> None:
    await house.run(feed=True)
    client = Seen(house)
    await house.broker.durable()
    client.push(0, b"one ")
    await house.broker.durable()
    house.wire.arrive = 0
    client.push(4, b"two ")
    await house.broker.durable()
    house.wire.cut()
    await house.broker.restart()
    house.open()
    client = Seen(house)
    house.wire.up()
    await house.broker.durable()
    assert client.reached == 4, "the worker has no more, and the broker keeps nothing"
    client.push(4, b"two", last=True)
    await house.broker.durable()
    assert house.input == b"one two"


async def test_a_client_that_is_connected_again_goes_on(house: House) -> None:
    await house.run(feed=True)
    first = Seen(house)
    await house.broker.durable()
    first.push(0, b"one ")
    await house.broker.durable()
    second = Seen(house)
    await house.broker.durable()
    assert second.reached == 4
    second.push(4, b"two", last=True)
    await house.broker.durable()
    assert house.input == b"one two"


async def test_more_than_was_allowed_is_not_passed_on(house: House) -> None:
    await house.run(feed=True)
    client = Seen(house)
    with pytest.raises(Refused, match="may be sent"):
        client.push(0, b"early")


async def test_who_types_is_disconnected_only_if_something_may_be_lost(house: House) -> None:
    await house.run(terminal=TerminalSize(24, 80))
    client = Seen(house)
    await house.broker.durable()
    client.push(0, b"ls\r")
    await house.broker.durable()
    await asyncio.sleep(0.05)
    await house.broker.durable()
    assert (house.input, client.reached) == (b"ls\r", 3)
    house.wire.cut()
    house.wire.up()
    await house.broker.durable()
    assert not client.dropped
    client.push(3, b"w\r")
    await house.broker.durable()
    assert house.input == b"ls\rw\r"
    house.wire.arrive = 0
    client.push(5, b"rm x\r")
    await house.broker.durable()
    house.wire.cut()
    house.wire.up()
    await house.broker.durable()
    assert client.dropped
    assert house.input == b"ls\rw\r", "it is never typed twice, and this was not typed at all"


@pytest.mark.parametrize(
    ("signer", "audience", "job"),
    [(OTHER, None, KEY.id), (CLIENT, OTHER.public, KEY.id), (CLIENT, None, b"\x02" * 16), (None, None, KEY.id)],
    ids=["somebody else", "for another", "another job", "the broker"],
)
@pytest.mark.parametrize("fields", [{"feed": True}, {"terminal": TerminalSize(24, 80)}], ids=["stream", "terminal"])
async def test_a_broker_feeds_no_job_whose_owner_has_not_signed_that(
    house: House, signer: Identity | None, audience: bytes | None, job: bytes, fields: dict[str, Any]
) -> None:
    await house.run(**fields)
    broker = house.broker.identity
    wanted = request_pb2.Feed(key=job_pb2.JobKey(owner=CLIENT.public, id=job), token=TOKEN)
    raw = signed(signer or broker, audience or broker.public, request_pb2.Request(feed=wanted))
    name = request_pb2.AttemptName(owner=CLIENT.public, id=KEY.id, attempt=1)
    answer = await house.worker.ask(broker.public, relay_feed=request_pb2.RelayFeed(job=name, request=raw))
    assert answer.HasField("refusal")
    assert KEY not in house.worker.engine.inputs

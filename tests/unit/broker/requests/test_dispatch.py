"""Requests about many jobs: what their sender sends meanwhile waits for the answer, and others go on."""

from __future__ import annotations

import asyncio

import pytest
from answers import Answers
from desk_house import House

from jobwire.broker.fairness.apart import Apart
from jobwire.broker.fairness.cpu_shares import Shares
from jobwire.broker.fairness.turns import Turns
from jobwire.broker.requests.dispatch import Dispatch
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys import identity
from jobwire.keys.identity import Identity
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs import signature
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey, new_id
from jobwire.schemas.refusal import Code, Reason

DAEMON = identity.from_seed(b"d" * 32)
ONE, OTHER = identity.from_seed(b"1" * 32), identity.from_seed(b"2" * 32)
NONCE = b"n" * 16
MANY = 20


class Room:
    """Two members who send requests to the handlers of a house."""

    def __init__(self, house: House) -> None:
        members = {one.public: Member("somebody", one.public, "submitter") for one in (ONE, OTHER)}
        introduction = Introduction("worker", "", DAEMON.public, house.store.id, NONCE, lambda: "", lambda: 1)
        table = house.handlers(introduction, members.get)
        dispatch = Dispatch(DAEMON.public, NONCE, members.get, table, Turns(asyncio.get_running_loop()), apart=Apart())
        self.shares = Shares(asyncio.get_running_loop().call_later, dispatch.take)
        self.answers = {one.public: Answers() for one in (ONE, OTHER)}
        self.peers = {public: Peer(public, Meter(-1, b""), Account(public), answers) for public, answers in self.answers.items()}

    def send(self, sender: Identity, nonce: bytes = NONCE, **verb: object) -> None:
        raw = request_pb2.Request(id=1, **verb).SerializeToString()  # type: ignore[arg-type] # reason: one of its verbs
        proof = signature.sign(sender, DAEMON.public, nonce, raw)
        self.shares.take(self.peers[sender.public], request_pb2.Envelope(request=raw, proof=proof).SerializeToString())

    def told(self, sender: Identity) -> list[str]:
        return [reply.WhichOneof("content") or "" for reply in self.answers[sender.public].replied]


@pytest.fixture
async def room(house: House) -> Room:
    return Room(house)


def held_jobs(count: int) -> list[request_pb2.NewJob]:
    return [request_pb2.NewJob(id=new_id(), spec=job_pb2.JobSpec(argv=[b"true"], held=True)) for _ in range(count)]


async def until_told(room: Room, count: int) -> None:
    answers = room.answers[ONE.public]
    async with asyncio.timeout(10):
        while len(answers.replied) < count:
            answers.came.clear()
            await answers.came.wait()


async def test_what_follows_a_start_of_many_jobs_waits_for_its_answer_and_others_do_not(house: House, room: Room) -> None:
    room.send(ONE, start=request_pb2.Start(jobs=held_jobs(MANY)))
    room.send(ONE, list=request_pb2.List())
    room.send(OTHER, list=request_pb2.List())
    assert (room.told(ONE), room.told(OTHER)) == ([], ["list"])
    await until_told(room, 2)
    assert room.told(ONE) == ["acknowledged", "list"]
    assert len(room.answers[ONE.public].replied[1].list.jobs) == MANY
    await house.durable()


async def test_what_follows_a_start_of_few_jobs_does_not_wait(house: House, room: Room) -> None:
    room.send(ONE, start=request_pb2.Start(jobs=held_jobs(2)))
    room.send(ONE, list=request_pb2.List())
    assert room.told(ONE) == ["list"]
    await house.durable()


async def test_only_one_start_of_many_jobs_of_a_member_is_written_at_once(house: House, room: Room) -> None:
    for _ in range(3):
        room.send(ONE, start=request_pb2.Start(jobs=held_jobs(MANY)))
    for number in range(1, 4):
        assert sum(house.state.arriving.values()) <= MANY
        await until_told(room, number)
        assert len(house.live) == number * MANY


@pytest.mark.parametrize("verb", ["start", "stop", "change", "forget", "pause"])
async def test_what_follows_a_request_about_many_jobs_that_is_refused_goes_on(house: House, room: Room, verb: str) -> None:
    keys = [job_pb2.JobKey(owner=ONE.public, id=new_id()) for _ in range(MANY)]
    twice = held_jobs(MANY - 1)
    refused = {
        "start": request_pb2.Start(jobs=[*twice, twice[0]]),
        "stop": request_pb2.Stop(keys=keys),
        "change": request_pb2.Change(keys=keys, held=True),
        "forget": request_pb2.Forget(keys=keys),
        "pause": request_pb2.Pause(keys=keys),
    }
    room.send(ONE, **{verb: refused[verb]})
    room.send(ONE, list=request_pb2.List())
    await until_told(room, 1)
    assert room.told(ONE) == ["list"]
    assert [one.code for one in room.answers[ONE.public].refused] in ([Code.INVALID_ARGUMENT], [Code.NOT_FOUND])
    assert not house.live


async def test_what_follows_a_start_of_many_jobs_that_is_not_signed_for_this_run_of_the_worker_goes_on(
    house: House, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender signs it anew at once."""
    monkeypatch.setattr("jobwire.broker.fairness.apart._MOST_HELD_SECONDS", 1000)
    jobs = held_jobs(MANY)
    room.send(ONE, b"o" * 16, start=request_pb2.Start(jobs=jobs))
    assert [one.reason for one in room.answers[ONE.public].refused] == [Reason.STALE_NONCE]
    room.send(ONE, start=request_pb2.Start(jobs=jobs))
    await until_told(room, 1)
    assert room.told(ONE) == ["acknowledged"]
    await house.durable()


async def test_what_follows_a_request_whose_sender_is_gone_goes_on(house: House, room: Room) -> None:
    keys = [job_pb2.JobKey(owner=ONE.public, id=new_id()) for _ in range(MANY)]
    room.send(ONE, query_proof=request_pb2.QueryProof(keys=keys))
    room.peers[ONE.public].end()
    room.peers[ONE.public] = Peer(b"again", Meter(-1, b""), Account(ONE.public), room.answers[ONE.public])
    room.send(ONE, list=request_pb2.List())
    await until_told(room, 1)
    assert room.told(ONE)[-1] == "list"
    await house.durable()


async def test_while_the_disk_is_full_a_change_of_many_jobs_keeps_its_sender_waiting_for_a_moment_only(
    house: House, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobwire.broker.fairness.apart._MOST_HELD_SECONDS", 0.02)
    jobs = held_jobs(MANY)
    room.send(ONE, start=request_pb2.Start(jobs=jobs))
    await until_told(room, 1)
    written = house.store.submit
    monkeypatch.setattr(house.store, "submit", lambda *_: None)
    keys = [job_pb2.JobKey(owner=ONE.public, id=job.id) for job in jobs]
    room.send(ONE, change=request_pb2.Change(keys=keys, priority=3))
    room.send(ONE, list=request_pb2.List())
    await until_told(room, 2)
    assert room.told(ONE) == ["acknowledged", "list"]
    assert house.live[JobKey(ONE.public, jobs[0].id)].priority == 3
    monkeypatch.setattr(house.store, "submit", written)
    await house.durable()

"""Any request of a member, however absurd, is answered or refused, and no handler fails."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from answers import Answers
from desk_house import OWNER, EngineDouble, House, asked, ended, started
from example_counts import briefly, scratch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import messages

from jobwire.broker.fairness.sharing import NotShared
from jobwire.broker.fairness.turns import Turns
from jobwire.broker.requests.dispatch import Dispatch
from jobwire.broker.requests.held_requests import HeldRequests
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys import identity
from jobwire.keys.members.rights import DELEGATE, Member, acting_for
from jobwire.keys.proofs import signature
from jobwire.schemas.frames import SIGNED_VERBS
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity

DAEMON = identity.from_seed(b"d" * 32)
CLIENT = identity.from_seed(b"c" * 32)
NONCE = b"n" * 16
IDS = st.sampled_from([CLIENT.public, OWNER, *(bytes([number]) * 16 for number in range(1, 5))])
REQUESTS = messages(request_pb2.Request, ids=IDS)


class Engine(EngineDouble):
    def follow_log(self, *_: object) -> None:  # type: ignore[override] # reason: there are no logs here
        raise Refused(Code.NOT_FOUND, "no log")


async def ask(requests: list[request_pb2.Request], role: str, *, recovers: bool = False) -> None:
    folder = scratch()
    house = House(folder / "state.db", Engine(Capacity(4)))
    house.open()
    try:
        await house.accept(asked(1), asked(2), owner=CLIENT.public)
        await house.accept(asked(1))
        house.desk.hear([started(1), ended(1)])
        introduction = Introduction("worker", "", DAEMON.public, house.store.id, NONCE, lambda: "", lambda: 1)
        member = Member("somebody", CLIENT.public, role)
        if role == DELEGATE:
            # The first job of the client acts for it.
            member = acting_for(Member("somebody", CLIENT.public, "operator"), "a job", bytes([1]) * 16, CLIENT.public)
        turns = Turns(asyncio.get_running_loop())
        table = house.handlers(introduction, lambda _: member)
        held = HeldRequests(turns)
        if recovers:
            await house.durable()
            house.desk.close()
            house.store.close()
            house.open()
            house.desk.await_recovery()
            held.hold_back()
            table = house.handlers(introduction, lambda _: member)
        dispatch = Dispatch(DAEMON.public, NONCE, lambda _: member, table, turns, held=held)
        answers = Answers()
        peer = Peer(b"r", Meter(-1, b""), Account(CLIENT.public), answers)
        for request in requests:
            if request.HasField("start"):
                request.start.first_store = house.store.id
            if request.HasField("replay"):
                request.replay.after.store = house.store.id
            raw = request.SerializeToString()
            proof = signature.sign(CLIENT, DAEMON.public, NONCE, raw) if request.WhichOneof("verb") in SIGNED_VERBS else None
            dispatch.take(peer, request_pb2.Envelope(request=raw, proof=proof).SerializeToString(), None, NotShared())
        if recovers:
            await house.desk.recover()
            held.let_in(dispatch.take)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not held.holds("start")
        await house.durable()
        # What waits in the queue, and a stream that waits for its start.
        await house.accept(asked(5), asked(6))
        peer.end()
        assert not [refused for refused in answers.refused if refused.code is Code.INTERNAL]
    finally:
        house.store.close()
        shutil.rmtree(folder)


@settings(briefly(60))
@given(st.lists(REQUESTS, min_size=1, max_size=8), st.sampled_from(("admin", "viewer", "submitter", DELEGATE)))
def test_any_request_is_answered_or_refused(requests: list[request_pb2.Request], role: str) -> None:
    asyncio.run(ask(requests, role))


@settings(briefly(30))
@given(st.lists(REQUESTS, min_size=1, max_size=8), st.sampled_from(("admin", "submitter")))
def test_so_is_one_that_comes_before_all_jobs_are_found(requests: list[request_pb2.Request], role: str) -> None:
    asyncio.run(ask(requests, role, recovers=True))


@pytest.mark.soak
@pytest.mark.timeout(900)
@settings(max_examples=3000, deadline=None, derandomize=False)
@given(st.lists(REQUESTS, min_size=1, max_size=8), st.sampled_from(("admin", "viewer", "submitter", DELEGATE)))
def test_any_request_is_answered_or_refused_at_length(requests: list[request_pb2.Request], role: str) -> None:
    asyncio.run(ask(requests, role))


@pytest.mark.parametrize(
    "request_",
    [
        request_pb2.Request(replay=request_pb2.Replay(after={"seq": 2**64 - 1})),
        request_pb2.Request(list=request_pb2.List(page=b"\xff" * 8)),
        request_pb2.Request(add_schedule=request_pb2.AddSchedule(spec={"rlimits": [{"name": "nofile", "soft": 2**63}]})),
    ],
)
def test_numbers_that_no_store_can_hold_are_refused(request_: request_pb2.Request) -> None:
    asyncio.run(ask([request_], "admin"))

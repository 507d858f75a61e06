import asyncio
from typing import Any

import pytest
from answers import Answers
from desk_house import OWNER, House

from jobwire.broker.fairness.turns import Turns
from jobwire.broker.requests.call import Call
from jobwire.broker.requests.slots import set_slots
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Refused


def call(role: str = "admin", **sets: object) -> Call:
    request = request_pb2.Request(set_slots=request_pb2.SetSlots(**sets))  # type: ignore[arg-type] # reason: some of its fields
    peer = Peer(b"r", Meter(-1, b""), Account(OWNER), Answers())
    return Call(Member("root", OWNER, role), peer, request, b"proof", None, Turns(asyncio.get_running_loop()))


@pytest.mark.parametrize("name", ["slots", "memory", "gpus", "", "a b", "x" * 65])
@pytest.mark.parametrize("amount", [0, 1])
async def test_what_is_taken_away_must_have_the_name_of_a_resource_too(house: House, name: str, amount: int) -> None:
    # Stored under its name, 0 slots would have been read back as the number of slots.
    with pytest.raises(Refused) as refused:
        set_slots(call(resources=[{"name": name, "amount": amount}]), house.desk, lambda: None)
    assert refused.value.code is Code.INVALID_ARGUMENT
    await house.durable()
    assert house.store.read("SELECT count(*) FROM capacity") == [(0,)]


async def test_a_resource_is_set_and_taken_away(house: House) -> None:
    for amount in (3, 0):
        changed = asyncio.Event()
        set_slots(call(resources=[{"name": "licence", "amount": amount}]), house.desk, changed.set)
        await house.durable()
        assert changed.is_set()
        assert dict(house.desk.stock.capacity.resources).get("licence", 0) == amount


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({}, "sets nothing"),
        ({"slots": 0}, "slots, not 0"),
        ({"slots": 2**32 - 1}, "slots, not 4294967295"),
        ({"memory_bytes": 2**64 - 1}, "no machine has so much memory"),
        ({"gpus": {"ids": ["0", "0"]}}, "the same GPU is named twice"),
        ({"gpus": {"ids": ["a b"]}}, "'a b' is not the id of a GPU"),
        ({"resources": [{"name": "licence", "amount": 1}] * 2}, "a resource is named twice"),
        ({"resources": [{"name": "licence", "amount": 2**32 - 1}]}, "the amount of licence must be from 1 to"),
        ({"resources": [{"name": f"r{number}", "amount": 1} for number in range(65)]}, "at most 64"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_what_there_cannot_be_is_refused_and_nothing_is_set(house: House, sets: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        set_slots(call(**sets), house.desk, lambda: None)
    assert refused.value.code is Code.INVALID_ARGUMENT
    await house.durable()
    assert house.desk.stock.capacity.slots == 2


async def test_only_who_operates_a_worker_sets_what_it_has(house: House) -> None:
    for role in ("viewer", "submitter"):
        with pytest.raises(Refused, match="may not set how much") as refused:
            set_slots(call(role, slots=3), house.desk, lambda: None)
        assert refused.value.code is Code.PERMISSION_DENIED
    set_slots(call("operator", slots=3), house.desk, lambda: None)
    await house.durable()
    assert house.desk.stock.capacity.slots == 3
    # What it began with counts again.
    set_slots(call(reset=True), house.desk, lambda: None)
    await house.durable()
    assert house.desk.stock.capacity.slots == 2

"""Requests wait while the desk looks for its jobs, in their order; what only tells how things are does not."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from answers import Answers

from jobwire.broker.fairness.turns import Turns
from jobwire.broker.requests.held_requests import HeldRequests
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter


def nothing(key: bytes, seconds: float) -> None:
    del key, seconds


class Gate:
    """Held requests of two members, and what of them was handled."""

    def __init__(self) -> None:
        self.held = HeldRequests(Turns(asyncio.get_running_loop()))
        self.answers = Answers()
        self.ada, self.bob = (Peer(name, Meter(-1, b""), Account(name * 32), self.answers) for name in (b"a", b"b"))
        self.taken: list[tuple[bytes, bytes]] = []

    def hold(self, peer: Peer, *frames: bytes) -> None:
        for frame in frames:
            self.held.hold(peer, frame, None, nothing)

    def take(self, peer: Peer, frame: bytes, *_: object) -> None:
        # What is let in is not held again.
        assert not self.held.holds("start")
        self.taken.append((peer.public[:1], frame))

    async def let_in(self) -> None:
        self.held.let_in(self.take)
        await turns()


async def turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
async def gate() -> Gate:
    return Gate()


def test_nothing_waits_before_it_is_held_back_nor_what_is_answered_at_once(gate: Gate) -> None:
    assert not gate.held.holds("start")
    gate.held.hold_back()
    assert gate.held.holds("start")
    assert not any(map(gate.held.holds, ("hello", "list", "query_one", "status", "replay")))


async def test_new_jobs_of_who_waits_for_nothing_are_accepted_at_once(gate: Gate) -> None:
    gate.held.hold_back()
    gate.hold(gate.ada, b"1")
    ada, bob = gate.ada.public, gate.bob.public
    assert not any(gate.held.holds(verb, bob, needs_others=False) for verb in ("start", "credit", "cancel"))
    assert all(gate.held.holds(verb, ada, needs_others=False) for verb in ("start", "credit", "cancel"))
    assert gate.held.holds("start", bob)
    assert gate.held.holds("stop", bob, needs_others=False)


async def test_what_waited_is_handled_in_its_order(gate: Gate) -> None:
    gate.held.hold_back()
    gate.hold(gate.ada, b"1", b"2")
    gate.hold(gate.bob, b"3")
    await gate.let_in()
    assert gate.taken == [(b"a", b"1"), (b"a", b"2"), (b"b", b"3")]
    assert not gate.held.holds("start")


async def test_what_comes_while_others_are_let_in_waits_behind_them(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    times = count()
    # Each turn of the loop is over when its first request is handled.
    monkeypatch.setattr("time.monotonic", lambda: float(next(times)))
    gate.held.hold_back()
    gate.hold(gate.ada, b"1", b"2")
    gate.held.let_in(gate.take)
    for _ in range(30):
        if not gate.taken:
            await asyncio.sleep(0)
    assert gate.held.holds("start")
    gate.hold(gate.ada, b"3")
    await turns()
    assert [frame for _, frame in gate.taken] == [b"1", b"2", b"3"]
    assert not gate.held.holds("start")


async def test_of_who_is_gone_nothing_is_handled(gate: Gate) -> None:
    gate.held.hold_back()
    gate.hold(gate.ada, b"1")
    gate.hold(gate.bob, b"2")
    gate.ada.end()
    await gate.let_in()
    assert gate.taken == [(b"b", b"2")]


async def test_who_sends_more_than_can_wait_is_disconnected(gate: Gate) -> None:
    gate.held.hold_back()
    frame = bytes(1 << 20)
    gate.hold(gate.ada, *[frame] * 31)
    assert not gate.answers.dropped
    gate.hold(gate.ada, frame)
    assert gate.answers.dropped
    gate.hold(gate.bob, b"2")
    await gate.let_in()
    assert (b"b", b"2") in gate.taken

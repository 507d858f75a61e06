"""Work of a request on a thread: what happens to further requests of its sender, and to those of others."""

from __future__ import annotations

import asyncio
import threading

import pytest
from answers import Answers

from jobwire.broker.fairness import apart as apart_module
from jobwire.broker.fairness.apart import Apart
from jobwire.broker.fairness.cpu_shares import Shares
from jobwire.broker.fairness.sharing import Sharing
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.schemas.refusal import Code, Refused


class Worked:
    """Requests of which one named `long` is worked on apart until `gate` is open, and what was done in which order."""

    def __init__(self) -> None:
        self.shares = Shares(asyncio.get_running_loop().call_later, self._work)
        self.apart = Apart()
        self.done: list[bytes] = []
        self.raised: list[Exception | None] = []
        self.gate = threading.Event()
        self.why: Exception | None = None
        self.ended = asyncio.Event()

    def peer(self, name: bytes) -> Peer:
        return Peer(name, Meter(-1, name), Account(name * 32), Answers())

    def _work(self, peer: Peer, frame: bytes, _bulk: memoryview | None, sharing: Sharing) -> None:
        if frame == b"long":
            self.apart.run(sharing, peer.public, self._long, self._then)
        else:
            self.done.append(frame)
            if frame == b"last":
                self.ended.set()

    def _long(self) -> None:
        self.gate.wait(10)
        if self.why is not None:
            raise self.why

    def _then(self, raised: Exception | None) -> None:
        self.done.append(b"long")
        self.raised.append(raised)


async def test_further_requests_of_one_wait_for_what_is_done_apart_and_those_of_others_do_not() -> None:
    worked = Worked()
    one, other = worked.peer(b"a"), worked.peer(b"b")
    assert worked.shares.take(one, b"long") == 0
    assert worked.shares.take(one, b"last") > 0
    assert worked.shares.take(other, b"of another") == 0
    assert worked.done == [b"of another"]
    worked.gate.set()
    await asyncio.wait_for(worked.ended.wait(), 10)
    assert worked.done == [b"of another", b"long", b"last"]
    assert worked.raised == [None]
    assert worked.shares.take(one, b"next") == 0


@pytest.mark.parametrize("why", [Refused(Code.UNAUTHENTICATED, "no"), ValueError("a bug")])
async def test_what_is_raised_apart_is_told_and_the_next_request_goes_on(why: Exception) -> None:
    worked = Worked()
    one = worked.peer(b"a")
    worked.why = why
    worked.gate.set()
    worked.shares.take(one, b"long")
    worked.shares.take(one, b"last")
    await asyncio.wait_for(worked.ended.wait(), 10)
    assert [str(raised) for raised in worked.raised] == [str(why)]


async def test_what_no_thread_can_be_made_for_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(apart_module, "on_thread", no_thread)
    worked = Worked()
    worked.gate.set()
    worked.shares.take(worked.peer(b"a"), b"long")
    worked.shares.take(worked.peer(b"a"), b"last")
    await asyncio.wait_for(worked.ended.wait(), 10)
    assert worked.done == [b"long", b"last"]


async def test_further_requests_of_one_wait_for_an_answer_and_those_of_others_do_not() -> None:
    worked = Worked()
    one, other = worked.peer(b"a"), worked.peer(b"b")
    let_go = worked.apart.hold(worked.shares, one.public)
    assert worked.shares.take(one, b"last") > 0
    assert worked.shares.take(other, b"of another") == 0
    assert worked.done == [b"of another"]
    let_go(0.0)
    # It may be answered more than once.
    let_go(0.0)
    await asyncio.wait_for(worked.ended.wait(), 10)
    assert worked.done == [b"of another", b"last"]
    assert worked.shares.take(one, b"next") == 0


async def test_nobody_waits_for_long_for_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart_module, "_MOST_HELD_SECONDS", 0.02)
    worked = Worked()
    one = worked.peer(b"a")
    let_go = worked.apart.hold(worked.shares, one.public)
    worked.shares.take(one, b"last")
    await asyncio.wait_for(worked.ended.wait(), 10)
    let_go(1.0)
    assert worked.shares.take(one, b"next") == 0

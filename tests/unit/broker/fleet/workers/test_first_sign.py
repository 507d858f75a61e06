"""A worker that is frozen, or loses power, before its first PING: it is asked whether it is alive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from broker_house import BrokerSide, Wire, WorkerSide

from jobwire.broker.fleet.link import Link
from jobwire.broker.fleet.workers import first_sign
from jobwire.broker.sockets.peers import Peer


class Timers:
    """Calls what is due when the test says so, however slow the machine is."""

    def __init__(self) -> None:
        self.pending: list[Timer] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        assert seconds > 0
        self.pending.append(Timer(self, callback))
        return self.pending[-1]

    def pass_time(self) -> None:
        """Call what is pending now, not what that adds."""
        due, self.pending = self.pending, []
        for timer in due:
            timer.callback()


class Timer:
    def __init__(self, timers: Timers, callback: Callable[[], None]) -> None:
        self._timers = timers
        self.callback = callback

    def cancel(self) -> None:
        self._timers.pending.remove(self)


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    made, expect = Timers(), first_sign.expect

    def expect_in_time_of_test(link: Link, peer: Peer, _: object) -> None:
        expect(link, peer, made)

    monkeypatch.setattr(first_sign, "expect", expect_in_time_of_test)
    return made


@pytest.fixture
async def wire(tmp_path: Path, timers: Timers) -> AsyncIterator[Wire]:
    assert not timers.pending
    broker = BrokerSide(tmp_path / "broker")
    made = Wire(broker, WorkerSide(tmp_path / "worker", broker.identity.public))
    made.up()
    yield made
    for house in (made.worker.house, broker.house):
        house.close()


def _is_connected(wire: Wire) -> bool:
    return wire.broker.engine.workers.get(wire.worker.identity.public).link.is_up


@pytest.mark.parametrize("greeted", [False, True])
async def test_a_silence_before_the_first_ping_has_an_end(wire: Wire, timers: Timers, *, greeted: bool) -> None:
    """Before it was greeted, and after that."""
    if greeted:
        await wire.broker.durable()
        assert _is_connected(wire)
    wire.arrive = 0
    timers.pass_time()
    await wire.broker.durable()
    assert not wire.is_cut.is_set()
    timers.pass_time()
    assert wire.is_cut.is_set()
    assert not _is_connected(wire)
    # It is back.
    wire.up()
    await wire.broker.durable()
    assert _is_connected(wire)


async def test_one_that_answers_is_waited_for_no_more(wire: Wire, timers: Timers) -> None:
    await wire.broker.durable()
    timers.pass_time()
    await wire.broker.durable()
    assert not timers.pending
    assert _is_connected(wire)


async def test_a_silence_before_the_first_ping_of_an_earlier_connection_is_forgotten(wire: Wire, timers: Timers) -> None:
    wire.arrive = 0
    timers.pass_time()
    wire.cut()
    wire.up()
    await wire.broker.durable()
    at_broker = wire.at_broker
    # The old connection would be given up now, and the new one is asked.
    timers.pass_time()
    await wire.broker.durable()
    assert wire.at_broker is at_broker
    assert _is_connected(wire)

"""Many events are sent in several turns of the loop, so that nobody waits for what others have asked to hear."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pytest
import zmq

from jobwire.broker.sockets import publisher
from jobwire.broker.sockets.publisher import Publisher
from jobwire.keys.identity import generate
from jobwire.keys.members.limits import Limits
from jobwire.keys.sockets import new_context
from jobwire.schemas.generated import event_pb2


class Listeners:
    """An audience whose grants take long: two events are a turn's work."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def wanted(self, topic: bytes, public: bytes) -> bool:
        raise AssertionError

    def arrived(self, topic: bytes) -> tuple[bytes, bytes]:
        raise AssertionError

    def left(self, topic: bytes) -> None:
        raise AssertionError

    def beat(self) -> Sequence[tuple[bytes, bytes]]:
        raise AssertionError

    def part_of(self, events: Iterable[event_pb2.Event]) -> Sequence[event_pb2.Event]:
        return list(islice(events, 2))

    def tell(self, events: Sequence[event_pb2.Event]) -> Sequence[tuple[bytes, bytes]]:
        self.told += [event.seq for event in events]
        return []


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made = new_context()
    yield made
    made.destroy(linger=0)


def events(*seqs: int) -> list[event_pb2.Event]:
    return [event_pb2.Event(seq=seq) for seq in seqs]


async def test_others_have_their_turns_while_many_events_are_told_and_none_is_told_before_an_earlier_one(
    context: zmq.Context[zmq.Socket[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_TURN_SECONDS", -1.0)
    listeners = Listeners()
    made = Publisher(context, generate(), asyncio.get_running_loop(), listeners, lambda _: Limits(), lambda _: None)
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(len(listeners.told)))
    made.publish(events(*range(1, 7)))
    assert listeners.told == [1, 2], "the first are told at once"
    await asyncio.sleep(0)
    made.publish(events(7))
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == [2]
    assert listeners.told == [*range(1, 8)]
    made.publish(events(8))
    assert listeners.told[-1] == 8, "few are told at once"
    made.publish(events(9, 10, 11))
    made.close()
    await asyncio.sleep(0)
    assert listeners.told[-1] == 10


async def test_events_that_come_faster_than_they_are_told_do_not_pile_up(
    context: zmq.Context[zmq.Socket[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_TURN_SECONDS", -1.0)
    monkeypatch.setattr(publisher, "_MOST_UNTOLD", 10)
    listeners = Listeners()
    made = Publisher(context, generate(), asyncio.get_running_loop(), listeners, lambda _: Limits(), lambda _: None)
    for first in range(1, 100, 3):
        made.publish(events(*range(first, first + 3)))
        assert first + 2 - len(listeners.told) <= 10
    for _ in range(6):
        await asyncio.sleep(0)
    assert listeners.told == [*range(1, 100)]
    made.close()

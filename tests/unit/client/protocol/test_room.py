"""What waits for room at a worker, and what is refused at once. Whole conversations that wait: test_reconnects.py."""

from __future__ import annotations

import pytest
from conversation_house import follow

from jobwire.client.protocol.exchange import Exchange
from jobwire.client.protocol.room import Room
from jobwire.schemas.refusal import Code, Reason, Refused


def refused(reason: Reason | None) -> Refused:
    return Refused(Code.RESOURCE_EXHAUSTED, "no", reason=reason)


@pytest.mark.parametrize(
    ("waits_outside", "waits_for_room", "was_in", "waits"),
    [(True, False, False, True), (False, True, True, True), (False, True, False, False), (False, False, True, False)],
)
def test_a_connection_waits_where_it_was_before_or_anywhere_if_it_is_to(
    *, waits_outside: bool, waits_for_room: bool, was_in: bool, waits: bool
) -> None:
    room = Room(waits_outside=waits_outside, waits_for_room=waits_for_room)
    assert room.turn_away(refused(Reason.TOO_MANY_CONNECTIONS), was_in=was_in) is waits
    assert (room.turned_away is not None) is waits
    assert room.is_shut_out is not waits
    room.lost()
    assert (room.turned_away, room.is_shut_out) == (None, False)


def test_a_connection_that_is_refused_for_another_reason_waits_for_nothing_even_if_it_waited_before() -> None:
    room = Room(waits_outside=True, waits_for_room=True)
    assert room.turn_away(refused(Reason.TOO_MANY_CONNECTIONS), was_in=True)
    assert not room.turn_away(refused(Reason.NOT_ON_ROSTER), was_in=True)


@pytest.mark.parametrize(("reason", "waits"), [(Reason.TOO_MANY_STREAMS, True), (Reason.TOO_MANY_GRANTS, True), (Reason.DISK_FULL, False)])
def test_a_stream_waits_only_where_it_was_open_before(reason: Reason, *, waits: bool) -> None:
    room, exchange = Room(waits_outside=True, waits_for_room=True), Exchange(follow())
    assert not room.postpone(exchange, refused(reason))
    exchange.resumes = True
    assert room.postpone(exchange, refused(reason)) is waits
    assert list(room.postponed) == ([exchange] if waits else [])
    room.lost()
    assert not room.postponed

"""What is repeated when the connection comes back, or another run of the worker answers, and what is not."""

from __future__ import annotations

from conversation_house import DAEMON, ME, STORE, House, follow, listing, stale, start

from jobwire.client.protocol.conversation import Greeted
from jobwire.keys.proofs import signature
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

NO_ROOM = Refused(Code.RESOURCE_EXHAUSTED, "ann has 1 streams open, which is the limit", reason=Reason.TOO_MANY_STREAMS)


def test_after_a_reconnect_everything_unanswered_is_repeated_oldest_first(house: House) -> None:
    house.conversation.ask(listing())
    answered = house.conversation.ask(listing())
    house.conversation.ask(start(b"a" * 16))
    first, second, third = house.sent()
    house.say(second, last=True, list=request_pb2.ListReply())
    assert answered.ended
    house.conversation.lost()
    house.nonce = b"m" * 16
    house.connect()

    envelopes = [request_pb2.Envelope.FromString(frame) for (frame,) in house.conversation.outgoing()]
    again = [request_pb2.Request.FromString(envelope.request) for envelope in envelopes]
    # The start is a stream: had it slipped through before, the daemon would serve it twice.
    assert [request.WhichOneof("verb") for request in again] == ["list", "cancel", "start"]
    assert {first.id, third.id}.isdisjoint({again[0].id, again[2].id})
    assert signature.check(envelopes[2], DAEMON.public, house.nonce) == ME.public


def test_an_answer_to_an_earlier_attempt_is_ignored(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (first,) = house.sent()
    house.connect()
    (second,) = house.sent()

    assert house.say(first, last=True, list=request_pb2.ListReply()) == []
    assert house.say(second, last=True, list=request_pb2.ListReply()) == [exchange]


def test_nothing_is_sent_while_the_connection_is_lost(house: House) -> None:
    house.conversation.lost()
    house.conversation.ask(listing())

    assert house.sent() == []


def test_another_run_of_the_daemon_is_reported() -> None:
    house = House()
    (first,) = house.connect()
    (same,) = house.connect()
    house.nonce = b"m" * 16
    (other,) = house.connect()

    assert [what.new_run for what in (first, same, other) if isinstance(what, Greeted)] == [False, False, True]


def test_a_stale_nonce_leads_to_hello_and_one_more_try(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()

    assert house.refuse(first, stale()) == []
    (hello,) = house.sent()
    house.nonce = b"m" * 16
    house.greet(hello)
    again = [request for request in house.sent() if request.WhichOneof("verb") == "start"]

    assert len(again) == 1
    assert house.say(again[0], acknowledged=request_pb2.Acknowledged()) == [exchange]


def test_the_reason_of_a_refusal_counts_and_not_its_words(house: House) -> None:
    house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    assert house.refuse(first, Refused(Code.FAILED_PRECONDITION, "in any words", reason=Reason.STALE_NONCE)) == []
    (hello,) = house.sent()
    house.nonce = b"m" * 16
    house.greet(hello)
    (again,) = [request for request in house.sent() if request.WhichOneof("verb") == "start"]
    (exchange,) = house.refuse(again, Refused(Code.FAILED_PRECONDITION, stale().message))
    assert str(exchange.refusal) == stale().message


def test_a_refusal_as_stale_under_the_same_nonce_counts(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    house.refuse(first, stale())
    (hello,) = house.sent()

    assert exchange in house.greet(hello)
    assert exchange.refusal is not None
    assert exchange.refusal.code is Code.FAILED_PRECONDITION


def test_any_other_failed_precondition_is_an_answer(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()

    assert house.refuse(first, Refused(Code.FAILED_PRECONDITION, "may have run")) == [exchange]
    assert str(exchange.refusal) == "may have run"


def test_the_first_store_is_kept_from_the_first_attempt(house: House) -> None:
    house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    assert first.start.first_store == STORE

    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, store=b"t" * 16, nonce=b"m" * 16)

    assert [request.start.first_store for request in house.sent() if request.HasField("start")] == [STORE]


def test_what_was_open_on_a_lost_connection_waits_for_room_on_the_next() -> None:
    house = House(waits_for_room=True)
    house.connect()
    exchange = house.conversation.ask(follow())
    house.sent()
    house.connect()
    *_, again = house.sent()

    assert house.refuse(again, NO_ROOM) == []
    assert list(house.conversation.room.postponed) == [exchange]
    assert house.sent() == []
    house.conversation.ask_again()
    *_, third = house.sent()
    assert (third.WhichOneof("verb"), third.id != again.id, exchange.ended) == ("follow_log", True, False)
    assert house.say(third, b"hi", log_chunk=request_pb2.LogChunk(start=0)) == [exchange]


def test_what_finds_no_room_at_first_is_refused() -> None:
    house = House(waits_for_room=True)
    house.connect()
    exchange = house.conversation.ask(follow())
    (first,) = house.sent()

    assert house.refuse(first, NO_ROOM) == [exchange]
    assert exchange.refusal is not None


def test_what_waits_for_room_can_be_forgotten_and_is_repeated_on_the_next_connection() -> None:
    house = House(waits_for_room=True)
    house.connect()
    forgotten, kept = house.conversation.ask(follow()), house.conversation.ask(follow())
    house.sent()
    house.connect()
    for request in house.sent():
        if request.WhichOneof("verb") == "follow_log":
            house.refuse(request, NO_ROOM)
    house.conversation.forget(forgotten)
    assert list(house.conversation.room.postponed) == [kept]
    house.connect()

    assert not house.conversation.room.postponed
    assert [request.WhichOneof("verb") for request in house.sent()].count("follow_log") == 1


def test_what_a_repeated_greeting_sends_again_does_not_wait_for_room_any_more() -> None:
    house = House(waits_for_room=True)
    house.connect()
    house.conversation.ask(follow())
    house.sent()
    house.connect()
    *_, again = house.sent()
    house.refuse(again, NO_ROOM)
    house.conversation.ask(start(b"a" * 16))
    *_, signed = house.sent()
    house.nonce = b"m" * 16
    house.refuse(signed, Refused(Code.UNAUTHENTICATED, "signed for an earlier run", reason=Reason.STALE_NONCE))
    (hello,) = house.sent()
    house.greet(hello)
    assert [request.WhichOneof("verb") for request in house.sent()].count("follow_log") == 1

    house.conversation.ask_again()
    assert house.sent() == []


def test_a_client_that_was_let_in_before_waits_outside_and_a_new_one_is_refused() -> None:
    house = House(waits_for_room=True)
    crowd = Refused(Code.RESOURCE_EXHAUSTED, "2 connections of this key are open, which is the limit", reason=Reason.TOO_MANY_CONNECTIONS)
    exchange = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()
    assert house.refuse(hello, crowd) == [exchange]
    house.connect()
    later = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()

    assert house.refuse(hello, crowd) == []
    assert house.conversation.room.turned_away is not None
    assert not later.ended

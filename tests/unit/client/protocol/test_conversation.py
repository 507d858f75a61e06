"""The conversation with a worker: hello first, then requests, each signed if it changes something, and an answer for each."""

from __future__ import annotations

import pytest
from conversation_house import DAEMON, ME, House, listing, start

from jobwire.client.protocol.conversation import Exchange, Greeted
from jobwire.keys.proofs import signature
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.private_parts.frozen import replace
from jobwire.schemas.refusal import Code, Refused


def test_hello_comes_first_and_everything_else_waits_for_its_answer() -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    assert house.sent() == []

    house.conversation.connected()
    (hello,) = house.sent()
    assert hello.hello.newest_version == 1
    happened = house.greet(hello)

    assert [type(what) for what in happened] == [Greeted]
    assert [request.WhichOneof("verb") for request in house.sent()] == ["list"]
    assert not exchange.ended


def test_a_reply_is_taken_once_and_ends_its_exchange(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (sent,) = house.sent()

    assert house.say(sent, last=True, list=request_pb2.ListReply()) == [exchange]
    assert exchange.ended
    assert house.conversation.take(exchange) is not None
    assert house.conversation.take(exchange) is None
    assert not house.conversation.waits


def test_replies_to_unknown_requests_are_ignored(house: House) -> None:
    assert house.say(4711, last=True, done=request_pb2.Done()) == []
    # What a daemon says of a frame that it could not read.
    assert house.say(0, last=True, refusal=request_pb2.Refusal(code=request_pb2.CODE_INVALID_ARGUMENT)) == []


def test_what_is_no_reply_is_refused(house: House) -> None:
    with pytest.raises(Refused, match="not a jobwire reply"):
        house.conversation.receive(b"\xff\xff\xff")


def test_only_what_changes_something_is_signed(house: House) -> None:
    house.conversation.ask(listing())
    house.conversation.ask(start(b"a" * 16))
    plain, signed = (request_pb2.Envelope.FromString(frame) for (frame,) in house.conversation.outgoing())

    assert not plain.HasField("proof")
    assert signature.check(signed, DAEMON.public, house.nonce) == ME.public


def test_a_refused_hello_ends_everything_that_waits() -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()

    assert house.refuse(hello, Refused(Code.PERMISSION_DENIED, "expired")) == [exchange]
    assert str(exchange.refusal) == "expired"


def test_after_a_refused_hello_the_next_request_sends_it_again() -> None:
    house = House()
    house.conversation.connected()
    (hello,) = house.sent()
    house.refuse(hello, Refused(Code.UNAVAILABLE, "not yet"))
    house.conversation.ask(listing())
    house.conversation.ask(listing())

    (again,) = house.sent()
    house.greet(again)

    assert [request.WhichOneof("verb") for request in house.sent()] == ["list", "list"]


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("daemon", b"z" * 32)])
def test_a_hello_of_another_kind_ends_everything_that_waits(field: str, value: object) -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()

    assert house.greet(hello, **{field: value}) == [exchange]
    assert exchange.refusal is not None


def test_a_hello_without_a_sound_nonce_refuses_only_what_is_signed() -> None:
    house = House()
    house.nonce = b""
    house.connect()
    signed = house.conversation.ask(start(b"a" * 16))
    plain = house.conversation.ask(listing())

    assert signed.refusal is not None
    assert plain.refusal is None


def test_events_in_replies_pass_through(house: House) -> None:
    exchange: Exchange = house.conversation.ask(request_pb2.Request(replay=request_pb2.Replay()))
    (sent,) = house.sent()

    house.say(sent, last=True, replay=request_pb2.ReplayReply(events=[event_pb2.Event(seq=1)]))

    item = house.conversation.take(exchange)
    assert isinstance(item, request_pb2.Reply)
    assert [event.seq for event in item.replay.events] == [1]


@pytest.mark.parametrize("owner", [b"", b"o" * 32])
@pytest.mark.parametrize("kind", ["broker", "worker"])
def test_an_input_is_sealed_where_it_goes_through_a_broker(kind: str, owner: bytes) -> None:
    # The key of a job signs for the owner of that.
    identity = replace(ME, acts_for=owner)
    house = House(identity)
    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, kind=kind)
    asked = request_pb2.Feed(key=job_pb2.JobKey(id=b"i" * 16), token=b"t" * 16)
    exchange = house.conversation.ask(request_pb2.Request(feed=asked))
    (feed,) = house.sent()
    assert feed.feed.sealed is (kind == "broker")
    house.say(feed, window=request_pb2.Window(reached=0, limit=100))
    told = RunningHash()
    for data in (b"one ", b"two"):
        told.add(data)
        house.conversation.feed(exchange, data)
    house.sent()
    # Over the next connection, the second half is sent again, and hashed once.
    house.conversation.lost()
    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, kind=kind)
    *_, feed = house.sent()
    house.say(feed, window=request_pb2.Window(reached=4, limit=100))
    house.conversation.feed(exchange, b"")
    pushes = [one.push for one in house.sent()]
    assert pushes[-1].last
    assert told.is_sealed(Fed(JobKey(owner or ME.public, b"i" * 16), b"t" * 16, ME.public), pushes[-1].seal) is (kind == "broker")
    assert not any(push.seal for push in pushes[:-1])

"""Streams of answers: reports and logs come once and whole, whatever happens to the connection, and get credit as they are taken."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest
from conversation_house import House, follow, listing, report, reports, start
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.client.protocol.conversation import Chunk, Exchange
from jobwire.client.protocol.flow_control import WINDOW_BYTES, WINDOW_MESSAGES
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Refused


def test_reports_of_a_repeated_start_come_once(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16, b"b" * 16))
    (sent,) = house.sent()
    house.say(sent, acknowledged=request_pb2.Acknowledged())
    house.say(sent, reports=reports(report(b"a" * 16), report(b"b" * 16)))
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    assert house.say(again, acknowledged=request_pb2.Acknowledged(known=2)) == []
    assert house.say(again, reports=reports(report(b"a" * 16))) == []
    finished = report(b"a" * 16, job_pb2.STATE_FINISHED)
    assert house.say(again, reports=reports(report(b"b" * 16), finished)) == [exchange]
    items = [house.conversation.take(exchange) for _ in range(3)]
    last = items[2]
    assert isinstance(last, request_pb2.Reply)
    assert list(last.reports.reports) == [finished]


def test_each_reason_why_a_job_waits_is_reported_and_each_once(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    started, stuck, full = (report(b"a" * 16) for _ in range(3))
    stuck.waits_for = "process 1 cannot be ended"
    full.waits_for = "its end cannot be recorded"
    for number, part in enumerate((started, stuck, full)):
        assert house.say(sent, reports=reports(part)) == [exchange], number
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    assert house.say(again, reports=reports(started, stuck, full)) == []


def test_a_report_of_a_worker_that_is_upgraded_meanwhile_is_the_same_one(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    finished = report(b"a" * 16, job_pb2.STATE_FINISHED)
    assert house.say(sent, reports=reports(finished)) == [exchange]
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    finished.attempt = 1
    assert house.say(again, reports=reports(finished)) == []


def test_credit_for_reports_is_granted_as_they_are_taken(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    assert sent.start.credit_messages == WINDOW_MESSAGES
    for number in range(WINDOW_MESSAGES):
        house.say(sent, reports=reports(report(bytes([number]) * 16)))
    assert house.sent() == []

    while house.conversation.take(exchange) is not None:
        pass

    grants = [request.credit for request in house.sent()]
    assert sum(grant.messages for grant in grants) >= WINDOW_MESSAGES // 2
    assert {grant.request_id for grant in grants} == {sent.id}


def test_credit_for_a_log_is_granted_by_halves_as_it_is_taken(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()
    assert sent.follow_log.credit_bytes == WINDOW_BYTES
    half = bytes(WINDOW_BYTES // 2)
    house.say(sent, half, log_chunk=request_pb2.LogChunk(start=0))
    house.say(sent, half, log_chunk=request_pb2.LogChunk(start=len(half)))
    assert house.sent() == []

    house.conversation.take(exchange)

    assert [request.credit.bytes for request in house.sent()] == [len(half)]


def test_both_logs_continue_at_the_bytes_reached_in_each() -> None:
    hello = request_pb2.HelloReply()
    both = request_pb2.FollowLog(stream=request_pb2.STREAM_BOTH, start=10, stderr_start=4)
    exchange = Exchange(request_pb2.Request(follow_log=both))
    out, err = request_pb2.STREAM_STDOUT, request_pb2.STREAM_STDERR

    def chunk(start: int, *pieces: tuple[request_pb2.Stream, int]) -> request_pb2.Reply:
        parts = [request_pb2.LogPiece(stream=stream, size=size) for stream, size in pieces]
        return request_pb2.Reply(log_chunk=request_pb2.LogChunk(start=start, pieces=parts))

    exchange.prepare(1, hello)
    exchange.receive(chunk(10, (out, 1), (err, 2)), b"oee")
    exchange.take()
    exchange.receive(chunk(13, (err, 1), (out, 1)), b"eo")
    again = request_pb2.Request.FromString(exchange.prepare(2, hello)).follow_log
    assert (again.start, again.stderr_start) == (15, 7)
    with pytest.raises(Refused, match="does not fit"):
        exchange.receive(chunk(15, (err, 1)), b"xy")


def test_a_followed_log_continues_at_the_byte_reached(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()
    house.say(sent, b"abc", log_chunk=request_pb2.LogChunk(start=0))
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("follow_log"))

    assert again.follow_log.start == 3
    # Nothing was taken: the window is as full as it was.
    assert again.follow_log.credit_bytes == WINDOW_BYTES - 3
    house.say(again, b"bcde", log_chunk=request_pb2.LogChunk(start=1))
    assert [bytes(item.data) for item in exchange.items if isinstance(item, Chunk)] == [b"abc", b"de"]


def test_a_log_with_a_gap_is_an_error_and_not_passed_on(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()

    assert house.say(sent, b"x", log_chunk=request_pb2.LogChunk(start=5)) == [exchange]
    assert exchange.refusal is not None
    assert exchange.refusal.code is Code.INTERNAL


def test_reports_that_were_not_asked_for_end_their_request(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (sent,) = house.sent()

    assert house.say(sent, reports=reports(report(b"a" * 16))) == [exchange]
    assert exchange.refusal is not None


def test_a_forgotten_stream_is_cancelled(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()

    house.conversation.forget(exchange)

    assert [request.cancel.request_id for request in house.sent()] == [sent.id]
    assert house.say(sent, b"x", log_chunk=request_pb2.LogChunk(start=0)) == []


def test_a_range_of_a_log_comes_with_its_bytes(house: House) -> None:
    exchange = house.conversation.ask(request_pb2.Request(read_log=request_pb2.ReadLog()))
    (sent,) = house.sent()

    house.say(sent, b"bytes", last=True, log_range=request_pb2.LogRange(start=3, size=8))

    item = house.conversation.take(exchange)
    assert isinstance(item, Chunk)
    assert (item.start, item.data, item.reply.log_range.size) == (3, b"bytes", 8)


class LogDaemon:
    """The other end of one followed log: never sends more than was granted, and forgets everything at a reconnect."""

    def __init__(self, log: bytes) -> None:
        self.log = log
        self.number = 0
        self.position = 0
        self.credit = 0

    def hear(self, requests: Sequence[request_pb2.Request]) -> None:
        for request in requests:
            if request.HasField("follow_log"):
                self.number = request.id
                self.position = request.follow_log.start
                self.credit = request.follow_log.credit_bytes
            elif request.HasField("credit") and request.credit.request_id == self.number:
                self.credit += request.credit.bytes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["send", "take", "reconnect"]), max_size=60), st.integers(1, 3 * 1024 * 1024))
def test_a_log_arrives_whole_whatever_happens(steps: list[str], chunk: int) -> None:
    house = House()
    house.connect()
    daemon = LogDaemon(secrets.token_bytes(1024) * (6 * 1024))
    exchange = house.conversation.ask(follow())
    daemon.hear(house.sent())
    taken: list[bytes] = []

    def send() -> None:
        data = daemon.log[daemon.position : daemon.position + min(chunk, daemon.credit)]
        if data:
            start_at = daemon.position
            daemon.position += len(data)
            daemon.credit -= len(data)
            house.say(daemon.number, data, log_chunk=request_pb2.LogChunk(start=start_at))

    def take() -> None:
        item = house.conversation.take(exchange)
        if isinstance(item, Chunk):
            taken.append(bytes(item.data))

    def reconnect() -> None:
        house.connect()

    actions = {"send": send, "take": take, "reconnect": reconnect}
    chunk_before = chunk
    for step in steps:
        actions[step]()
        daemon.hear(house.sent())
        waiting = sum(len(item.data) for item in exchange.items if isinstance(item, Chunk))
        assert waiting <= WINDOW_BYTES + steps.count("reconnect")
    chunk = max(chunk_before, 256 * 1024)
    while len(b"".join(taken)) < len(daemon.log):
        send()
        take()
        daemon.hear(house.sent())
    assert b"".join(taken) == daemon.log

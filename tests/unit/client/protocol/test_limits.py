"""Requests that never leave: over a limit of the worker, or such that no message can hold them."""

from __future__ import annotations

import pytest
from conversation_house import House, listing, start

from jobwire.client.protocol.proving import ROOTS
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code


def test_a_request_over_a_limit_never_leaves(house: House) -> None:
    house.limits.message_bytes = 1000
    house.limits.jobs_per_start = 2
    house.limits.stdin_bytes = 10
    house.connect()
    many = house.conversation.ask(start(*(bytes([number]) * 16 for number in range(3))))
    large = house.conversation.ask(request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * 2000)))
    fed = start(b"a" * 16, b"b" * 16)
    fed.start.jobs[1].spec.stdin = b"x" * 11
    fed_exchange = house.conversation.ask(fed)

    assert house.sent() == []
    assert [exchange.refusal and exchange.refusal.code for exchange in (many, large, fed_exchange)] == [Code.INVALID_ARGUMENT] * 3
    assert "3 jobs" in str(many.refusal)
    assert "accepts at most 2; start at most 2 at a time" in str(many.refusal)
    assert "at most 1000" in str(large.refusal)
    assert fed_exchange.refusal is not None
    assert fed_exchange.refusal.job_index == 1


def test_a_request_for_which_the_worker_would_close_the_connection_never_leaves(house: House) -> None:
    limit = house.limits.other_message_bytes
    named = house.conversation.ask(request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * limit)))
    signed = house.conversation.ask(request_pb2.Request(pause=request_pb2.Pause(keys=[job_pb2.JobKey(id=b"j" * 16)] * (limit // 20))))
    large = start(b"a" * 16)
    large.start.jobs[0].spec.argv.append(b"x" * limit)
    house.conversation.ask(large)

    assert [request.WhichOneof("verb") for request in house.sent()] == ["start"]
    assert [exchange.refusal and exchange.refusal.code for exchange in (named, signed)] == [Code.INVALID_ARGUMENT] * 2
    assert f"at most {limit}" in str(named.refusal)


@pytest.mark.parametrize("field", ["start_in_ms", "not_after_ms", "start_at_us"])
def test_a_start_with_an_endless_time_is_sent_and_spoils_no_other_request(field: str) -> None:
    house = House()
    house.features = [ROOTS, "at", "not_after"]
    house.connect()
    far = start(b"a" * 16)
    setattr(far.start.jobs[0].spec, field, (1 << 63) - 1)
    house.conversation.ask(far)
    house.conversation.ask(listing())

    assert [request.WhichOneof("verb") for request in house.sent()] == ["start", "list"]


def test_what_no_request_can_hold_fails_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> request_pb2.Proof:
        raise ValueError("Value out of range: 9223372036854775808")

    monkeypatch.setattr("jobwire.client.protocol.conversation.prove", too_large)
    spoilt = house.conversation.ask(start(b"a" * 16))
    house.connect()
    house.conversation.ask(listing())

    assert spoilt.ended
    assert "Value out of range" in str(spoilt.refusal)
    assert [request.WhichOneof("verb") for request in house.sent()] == ["list"]

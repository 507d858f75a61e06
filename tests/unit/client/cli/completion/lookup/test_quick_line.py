"""The connection of a Tab, beside a socket of libzmq: what is asked, what is answered, and how long it is waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from curve_router import OURS, WORKERS

from jobwire.client.cli.completion.lookup.quick_line import QuickLine
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused

SECONDS = 60


def soon() -> float:
    return time.monotonic() + SECONDS


@contextmanager
def line_to(endpoint: str) -> Iterator[QuickLine]:
    line = QuickLine(endpoint, WORKERS.public, OURS, soon())
    try:
        yield line
    finally:
        line.close()


def endpoint_of(router: zmq.Socket[bytes]) -> str:
    return router.get_string(zmq.LAST_ENDPOINT)


@contextmanager
def answering(router: zmq.Socket[bytes], *replies: request_pb2.Reply | bytes) -> Iterator[list[request_pb2.Request]]:
    """Read as many questions as there are replies, then send these; return what was asked."""
    asked: list[request_pb2.Request] = []

    def answer() -> None:
        for _ in replies:
            route, frame = router.recv_multipart()
            asked.append(request_pb2.Request.FromString(request_pb2.Envelope.FromString(frame).request))
        for reply in replies:
            router.send_multipart([route, reply if isinstance(reply, bytes) else reply.SerializeToString()])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield asked
    finally:
        thread.join(SECONDS)


def test_answers_belong_to_questions_in_whatever_order_they_come(router: zmq.Socket[bytes]) -> None:
    with line_to(endpoint_of(router)) as line:
        number = line.ask(request_pb2.Request(list=request_pb2.List(name="x")))
        replies = (
            request_pb2.Reply(request_id=number, list=request_pb2.ListReply(next_page=b"2")),
            request_pb2.Reply(request_id=1, hello=request_pb2.HelloReply(features=["list"])),
        )
        with answering(router, *replies) as asked:
            assert list(line.hello(soon()).features) == ["list"]
            assert line.next(number, soon()).list.next_page == b"2"
        assert [request.WhichOneof("verb") for request in asked] == ["hello", "list"]
        # What is asked later is sent at once too.
        further = line.ask(request_pb2.Request(list_runs=request_pb2.ListRuns()))
        refusal = request_pb2.Reply(request_id=further, refusal=request_pb2.Refusal(message="no"))
        with answering(router, refusal), pytest.raises(Refused, match="no"):
            line.next(further, soon())


# Nobody listens at the first, and there is no way for TCP to the second.
@pytest.mark.parametrize("addresses", [("127.0.0.9", "127.0.0.1"), ("224.0.0.1", "127.0.0.1")])
def test_of_several_addresses_one_that_leads_nowhere_is_no_hindrance(
    router: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    def found(_host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr("_socket.getaddrinfo", found)
    endpoint = endpoint_of(router).replace("127.0.0.1", "lab.example.org")
    hello = request_pb2.Reply(request_id=1, hello=request_pb2.HelloReply(software="there"))
    with line_to(endpoint) as line, answering(router, hello):
        assert line.hello(soon()).software == "there"


def test_a_worker_that_has_let_it_in_is_listened_to_for_longer(router: zmq.Socket[bytes]) -> None:
    with line_to(endpoint_of(router)) as line:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            line.hello(begun)
        until = soon()
        while not any(connection.is_let_in for connection in line._connections.values()):
            line._wait(until)
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            line.hello(begun)
        assert time.monotonic() - begun >= 0.03


def test_an_answer_to_what_was_not_asked_yet_is_ignored(router: zmq.Socket[bytes]) -> None:
    with line_to(endpoint_of(router)) as line:
        asked = line.ask(request_pb2.Request(list=request_pb2.List()))
        with answering(router, request_pb2.Reply(request_id=asked + 1), request_pb2.Reply(request_id=1)):
            line.hello(soon())
        assert line.ask(request_pb2.Request(list=request_pb2.List())) == asked + 1
        with pytest.raises(TimeoutError):
            line.next(asked + 1, time.monotonic())


def test_whoever_sends_what_is_no_reply_is_left(router: zmq.Socket[bytes]) -> None:
    with line_to(endpoint_of(router)) as line, answering(router, b"\xff"), pytest.raises(Refused, match="nobody there"):
        line.hello(soon())


def test_nobody_is_waited_for_who_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with line_to(endpoint) as line:
            listener.accept()[0].close()
            with pytest.raises(Refused, match="nobody there"):
                line.hello(soon())
    # To a multicast address, there is no way for TCP.
    for nowhere in (endpoint, "tcp://224.0.0.1:9"):
        with line_to(nowhere) as line, pytest.raises(Refused, match="nobody there"):
            line.hello(soon())

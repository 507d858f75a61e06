"""What a connection can send is bounded, before and after its authentication; and so is the number of connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq
from curve_client import COMMAND, GREETING, MORE, CurveClient
from daemons import Worker, wait_until
from insiders import mute_connections, send_inside_handshake, send_without_end, subscribe_ungranted
from processes import descriptors, many_descriptors, peak_bytes
from raw_client import RawClient

from jobwire.broker.sockets.bans import BAN_SECONDS
from jobwire.broker.sockets.connections import MOST_STRANGERS
from jobwire.broker.sockets.handshake_gate import A_SECOND, AT_ONCE
from jobwire.keys.identity import generate
from jobwire.keys.sockets import client_socket
from jobwire.schemas.generated import job_pb2, request_pb2

MOST_BYTES = 128 * 1024 * 1024
# No peer may send this many bytes that are not a message; they may be in this process, in two kernels and in transit.
ENOUGH = 400_000_000


@contextmanager
def small_and_serving(worker: Worker) -> Iterator[None]:
    """Run an attack; afterwards the worker is small, and a member who was connected before is answered."""
    with RawClient(worker.endpoint, worker.public, worker.admin) as other:
        other.hello()
        yield
        assert other.ask(other.request(list=request_pb2.List())).WhichOneof("content") == "list"
        assert other.ask(other.start(b"true")).WhichOneof("content") == "acknowledged"
    assert worker.process is not None
    assert peak_bytes(worker.process.pid) < MOST_BYTES


def connected(endpoint: str, stack: ExitStack) -> socket.socket:
    address = urlsplit(endpoint)
    # A sender that is cut off may not notice that for a minute: its kernel waits for buffer space.
    return stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=2))


@pytest.mark.parametrize("which", ["endpoint", "event_endpoint"])
def test_a_hundred_strangers_get_next_to_nothing_in_before_the_handshake_is_over(worker: Worker, which: str) -> None:
    with small_and_serving(worker), ExitStack() as stack:
        strangers = [connected(getattr(worker, which), stack) for _ in range(100)]
        threads = [threading.Thread(target=send_inside_handshake, args=(one, 8_000_000)) for one in strangers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_a_stranger_who_sends_a_byte_now_and_then_is_disconnected(worker: Worker) -> None:
    with small_and_serving(worker), ExitStack() as stack:
        slow = connected(worker.endpoint, stack)
        slow.settimeout(0.1)

        def hung_up() -> bool:
            try:
                slow.sendall(GREETING[:1])
                return slow.recv(100) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(hung_up, "it is hung up on")


@pytest.mark.parametrize("size", [200, 10_000])
def test_a_message_in_parts_without_end_is_cut_off(worker: Worker, size: int) -> None:
    insider = worker.admit("insider", "viewer")
    with small_and_serving(worker), CurveClient(worker.endpoint, worker.public, insider) as raw:
        raw.send(b"hello")
        assert send_without_end(raw, bytes(size), MORE, ENOUGH) < ENOUGH


def test_a_message_that_never_ends_is_counted_over_all_connections_of_a_member(worker: Worker) -> None:
    insider = worker.admit("insider", "viewer")
    with small_and_serving(worker), ExitStack() as stack:
        many = [stack.enter_context(CurveClient(worker.endpoint, worker.public, insider)) for _ in range(12)]
        begun = many[0].encode(bytes(7_000_000))
        for raw in many:
            raw.send(b"hello")
        # Most of a frame each, and then nothing more.
        for raw in many:
            with suppress(OSError):
                raw.socket.sendall(begun[:-1])
        wait_until(lambda: any(raw.was_cut_off() for raw in many), "one of them is cut off")


def test_subscriptions_in_parts_without_end_are_cut_off(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    with small_and_serving(worker), CurveClient(worker.event_endpoint, worker.public, viewer, b"XSUB") as raw:
        raw.send(b"\x01" + bytes(16))
        assert send_without_end(raw, b"\x01" + bytes(400), MORE, ENOUGH) < ENOUGH


@pytest.mark.parametrize("which", ["endpoint", "event_endpoint"])
def test_a_flood_of_heartbeats_is_cut_off(worker: Worker, which: str) -> None:
    insider = worker.admit("insider", "viewer")
    kind = b"DEALER" if which == "endpoint" else b"XSUB"
    with small_and_serving(worker), CurveClient(getattr(worker, which), worker.public, insider, kind) as raw:
        raw.send(b"hello" if which == "endpoint" else b"\x01" + bytes(16))
        assert send_without_end(raw, b"\x04PING\x00\x00" + bytes(10_000), COMMAND, ENOUGH) < ENOUGH


@pytest.mark.parametrize("which", ["endpoint", "event_endpoint"])
def test_who_was_cut_off_for_a_flood_comes_back_only_after_a_while_and_its_other_clients_stay(worker: Worker, which: str) -> None:
    insider = worker.admit("insider", "viewer")
    kind = b"DEALER" if which == "endpoint" else b"XSUB"
    with small_and_serving(worker), RawClient(worker.endpoint, worker.public, insider) as other:
        other.hello()
        begun = time.monotonic()
        with CurveClient(getattr(worker, which), worker.public, insider, kind) as raw:
            # What it says first is answered: its member is known from then on.
            raw.send(b"hello" if which == "endpoint" else b"\x01" + other.grant())
            assert raw.receive()
            assert send_without_end(raw, b"\x04PING\x00\x00" + bytes(200), COMMAND, ENOUGH) < ENOUGH
        assert other.ask(other.request(list=request_pb2.List())).WhichOneof("content") == "list"
        with RawClient(worker.endpoint, worker.public, insider) as newcomer:
            newcomer.hello()
        # It was banned before it noticed, on a busy machine long before.
        assert time.monotonic() - begun > BAN_SECONDS


def test_a_member_who_shakes_hands_and_then_sends_nothing_makes_way(worker: Worker) -> None:
    insider = worker.admit("insider", "viewer")
    with small_and_serving(worker), ExitStack() as stack:
        first = stack.enter_context(CurveClient(worker.endpoint, worker.public, insider))
        for _ in range(MOST_STRANGERS):
            stack.enter_context(CurveClient(worker.endpoint, worker.public, insider))
        wait_until(first.was_cut_off, "the oldest is cut off")


@pytest.mark.parametrize("which", ["endpoint", "event_endpoint"])
def test_handshakes_from_one_address_begin_no_faster_than_they_may(worker: Worker, which: str) -> None:
    insider = worker.admit("insider", "viewer")
    many = AT_ONCE + 50
    with small_and_serving(worker), ExitStack() as stack:
        begun = time.monotonic()
        for _ in range(many):
            stack.enter_context(CurveClient(getattr(worker, which), worker.public, insider, b"DEALER" if which == "endpoint" else b"XSUB"))
        # One is the member that watches.
        assert time.monotonic() - begun >= (many - AT_ONCE - 1) / A_SECOND


def test_handshakes_of_unknown_keys_count_too(worker: Worker) -> None:
    stranger = generate()
    many = AT_ONCE + 50
    with small_and_serving(worker):
        begun = time.monotonic()
        for _ in range(many):
            with pytest.raises((AssertionError, OSError)):
                CurveClient(worker.endpoint, worker.public, stranger)
        assert time.monotonic() - begun >= (many - AT_ONCE - 1) / A_SECOND


def test_a_client_at_the_same_address_gets_in_beside_three_hundred_that_reconnect_at_once(worker: Worker) -> None:
    insider = worker.admit("insider", "viewer")
    with small_and_serving(worker), many_descriptors(), zmq.Context(1) as context:
        many = [client_socket(context, zmq.DEALER, insider, worker.public) for _ in range(300)]
        for one in many:
            one.setsockopt(zmq.RECONNECT_IVL, 1)
            one.connect(worker.endpoint)
        wait_until(lambda: "strangers were disconnected" in worker.logged(), "there are too many")
        for _ in range(3):
            with worker.client() as newcomer:
                assert newcomer.hello().kind == "worker"
        context.destroy(linger=0)


def test_a_member_who_uses_each_connection_may_connect_again_and_again(worker: Worker) -> None:
    many = 3 * AT_ONCE
    with small_and_serving(worker):
        for _ in range(many):
            with worker.client() as client:
                assert client.hello().kind == "worker"


def test_a_member_who_asks_for_topics_that_were_never_granted_is_cut_off(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    with small_and_serving(worker), RawClient(worker.endpoint, worker.public, viewer) as raw:
        raw.hello()
        crooked = [raw.subscriber(zmq.XSUB) for _ in range(2)]
        subscribe_ungranted(crooked, 50_000)
        # By their number or by their bytes, whichever bound the worker meets first.
        wait_until(lambda: worker.logged().count("and was disconnected") >= 2, "both are cut off")


def test_a_member_who_subscribes_and_unsubscribes_without_end_is_cut_off(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    with small_and_serving(worker), RawClient(worker.endpoint, worker.public, viewer) as raw:
        raw.hello()
        topic = raw.grant()
        crooked = raw.subscriber(zmq.XSUB)
        crooked.setsockopt(zmq.RECONNECT_IVL, -1)
        for _ in range(1000):
            crooked.send(b"\x01" + topic)
            crooked.send(b"\x00" + topic)
        wait_until(lambda: "and was disconnected" in worker.logged(), "it is cut off")


def test_a_subscription_that_is_repeated_counts_once(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    with RawClient(worker.endpoint, worker.public, viewer) as raw:
        raw.hello()
        topics = [raw.grant(), raw.grant()]
        with CurveClient(worker.event_endpoint, worker.public, viewer, b"SUB") as crooked:
            for topic in [topics[0]] * 300 + [topics[1]]:
                crooked.send(b"\x01" + topic)
            first = crooked.receive()
            assert first.endswith(topics[0]), first
            while not crooked.receive().endswith(topics[1]):
                pass


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Worker]:
    """A worker that may have few descriptors."""
    with Worker(tmp_path) as made:
        made.prefix = ["prlimit", "--nofile=256:256"]
        made.start()
        yield made


def test_three_times_as_many_connections_as_descriptors_leave_members_who_were_there_before_alone(narrow: Worker) -> None:
    assert narrow.process is not None
    with narrow.client() as before, mute_connections(narrow.endpoint, 800), mute_connections(narrow.event_endpoint, 200):
        for _ in range(3):
            assert before.hello().kind == "worker"
            assert before.run(["echo", "here"]).stdout == b"here\n"
        with narrow.client() as after:
            assert after.hello().kind == "worker"
        assert descriptors(narrow.process.pid) < 230, "some are kept back"


def test_members_cannot_use_up_all_descriptors_either(narrow: Worker) -> None:
    insiders = [narrow.admit(f"insider-{number}", "viewer") for number in range(3)]
    assert narrow.process is not None
    with RawClient(narrow.endpoint, narrow.public, narrow.admin) as before, ExitStack() as stack:
        before.hello()
        for insider in insiders:
            for _ in range(40):
                raw = stack.enter_context(RawClient(narrow.endpoint, narrow.public, insider, lazy=True))
                raw.send(raw.envelope(raw.request(list=request_pb2.List())))
                # Answered or cut off: among many silent connections, each new one replaces another.
                raw.receive_frames(1000)
        wait_until(lambda: "the most connections while there are too many" in narrow.logged(), "somebody is cut off")
        assert before.ask(before.start(b"true")).WhichOneof("content") == "acknowledged"
        assert descriptors(narrow.process.pid) < 230, "some are kept back"


def test_followed_logs_leave_descriptors_for_others(narrow: Worker) -> None:
    insider = narrow.admit("insider", "submitter")
    assert narrow.process is not None
    with RawClient(narrow.endpoint, narrow.public, insider) as raw:
        raw.hello()
        start = raw.start(b"sleep", b"60")
        raw.ask(start)
        key = job_pb2.JobKey(owner=insider.public, id=start.start.jobs[0].id)
        follow = request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1000)
        for _ in range(100):
            raw.send(raw.envelope(raw.request(follow_log=follow)))
        replies = [raw.receive() for _ in range(100 - 64 // 4)]
        assert {reply.refusal.code for reply in replies} == {request_pb2.CODE_RESOURCE_EXHAUSTED}
        assert descriptors(narrow.process.pid) < 230, "some are kept back"
        with narrow.client() as other:
            assert other.run(["echo", "here"]).stdout == b"here\n"

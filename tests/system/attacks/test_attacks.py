"""Attacks of members and strangers. Each of these once worked against some ZeroMQ service, or against prototypes of jobwire."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
import zmq
from daemons import Worker
from raw_client import SILENCE_MS, RawClient, news

from jobwire.keys.identity import generate
from jobwire.schemas.frames import LARGEST_MESSAGE, MOST_STREAMS
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import new_id


def answers(worker: Worker) -> None:
    """Check that all other clients continue to work."""
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        assert raw.ask(raw.request(list=request_pb2.List())).WhichOneof("content") == "list"


def refused(reply: request_pb2.Reply) -> int:
    assert reply.WhichOneof("content") == "refusal", reply
    assert reply.last
    assert reply.refusal.message
    return reply.refusal.code


def test_a_malformed_frame_is_refused_and_costs_nobody_anything(worker: Worker) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        for frame in (b"\xff" * 100, b"\x0a\x03\xff\xff\xff"):
            raw.send(frame)
            assert refused(raw.receive()) == request_pb2.CODE_INVALID_ARGUMENT
        for frame, sentence in (
            (b"", "the frame is empty"),
            (raw.start(b"true").SerializeToString(), "a Request without an Envelope"),
            (raw.envelope(request_pb2.Request(list=request_pb2.List())), "the request has no id"),
            (raw.envelope(request_pb2.Request(id=9)), "the request has no verb"),
        ):
            raw.send(frame)
            reply = raw.receive()
            assert refused(reply) == request_pb2.CODE_INVALID_ARGUMENT
            assert sentence in reply.refusal.message
        # Field 99 of `Request`: a verb of a newer version.
        raw.send(request_pb2.Envelope(request=b"\x08\x09" + b"\x9a\x06\x00").SerializeToString())
        reply = raw.receive()
        assert (refused(reply), reply.refusal.reason) == (request_pb2.CODE_UNIMPLEMENTED, request_pb2.REASON_UNKNOWN_VERB)
        assert reply.request_id == 9
        assert raw.hello().kind == "worker"
    answers(worker)


def test_two_frames_are_refused_and_six_hundred_are_cut_off(worker: Worker) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        raw.send(raw.envelope(raw.request(list=request_pb2.List())), b"more")
        assert refused(raw.receive()) == request_pb2.CODE_INVALID_ARGUMENT
        monitor = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        for frames in (3, 600):
            raw.send(*[b"x"] * frames)
            assert f"not {frames}" in raw.receive().refusal.message
            assert monitor.poll(60_000), "still connected"
            monitor.recv_multipart()
        raw.socket.disable_monitor()
        monitor.close(0)
    answers(worker)


def test_a_frame_that_is_too_large_ends_its_connection(worker: Worker) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        monitor = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        raw.send(b"x" * (LARGEST_MESSAGE + 100_000))
        assert monitor.poll(60_000), "still connected"
        raw.socket.disable_monitor()
        monitor.close(0)
    answers(worker)


def test_a_chosen_routing_id_is_refused(worker: Worker) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin, routing_id=b"mine") as raw:
        raw.send(raw.envelope(raw.request(list=request_pb2.List())))
        reply = raw.receive_frames(2000)
        assert reply is None or "routing id" in request_pb2.Reply.FromString(reply[0]).refusal.message
    answers(worker)


def test_a_request_must_be_signed_by_whoever_is_connected(worker: Worker) -> None:
    other = worker.admit("other", "admin")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        start = raw.start(b"true")
        unsigned = request_pb2.Envelope(request=start.SerializeToString())
        for envelope in (unsigned.SerializeToString(), raw.envelope(start, signer=other)):
            raw.send(envelope)
            assert refused(raw.receive()) == request_pb2.CODE_UNAUTHENTICATED
        raw.send(raw.envelope(start, nonce=b"0" * 16))
        assert refused(raw.receive()) == request_pb2.CODE_FAILED_PRECONDITION
        altered = request_pb2.Envelope.FromString(raw.envelope(start))
        altered.request = raw.start(b"false").SerializeToString()
        raw.send(altered.SerializeToString())
        assert refused(raw.receive()) == request_pb2.CODE_UNAUTHENTICATED
        assert not raw.ask(raw.request(list=request_pb2.List(all=True))).list.jobs


def test_a_stranger_gets_no_byte_in_on_either_socket(worker: Worker) -> None:
    stranger = generate()
    with RawClient(worker.endpoint, worker.public, stranger) as raw:
        raw.send(raw.envelope(raw.request(list=request_pb2.List())))
        assert raw.receive_frames(SILENCE_MS) is None
        raw.event_endpoint = worker.event_endpoint
        subscriber = raw.subscriber()
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        assert news(subscriber, SILENCE_MS) is None
    answers(worker)


def test_silent_strangers_are_disconnected(worker: Worker) -> None:
    address = urlsplit(worker.endpoint)
    connections = [socket.create_connection((address.hostname, address.port)) for _ in range(50)]
    answers(worker)
    for connection in connections:
        connection.settimeout(60)
        while connection.recv(1024):
            pass
        connection.close()


@pytest.mark.parametrize("topic", [b"", b"\0", b"x" * 16])
def test_only_a_granted_topic_is_served(worker: Worker, topic: bytes) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        subscriber = raw.subscriber()
        subscriber.setsockopt(zmq.SUBSCRIBE, topic)
        granted = raw.subscriber()
        granted.setsockopt(zmq.SUBSCRIBE, raw.grant())
        assert news(granted) is not None, "no ready"
        raw.ask(raw.start(b"true"))
        assert news(granted) is not None
        assert news(subscriber, SILENCE_MS) is None


def test_a_grant_is_of_no_use_to_somebody_else(worker: Worker) -> None:
    thief = worker.admit("thief", "admin")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, thief) as stealing:
        raw.hello()
        stealing.hello()
        topic = raw.grant()
        stolen = stealing.subscriber()
        stolen.setsockopt(zmq.SUBSCRIBE, topic)
        owned = raw.subscriber()
        owned.setsockopt(zmq.SUBSCRIBE, topic)
        assert news(owned) is not None
        raw.ask(raw.start(b"true"))
        assert news(owned) is not None
        assert news(stolen, SILENCE_MS) is None


def test_a_frame_that_is_no_subscription_does_not_shift_topics_to_others(worker: Worker) -> None:
    """An XSUB sends `\\x02zz`; without a guard, the next peer's topic is then given to the one that was read before."""
    victim = worker.admit("victim", "submitter")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, victim) as other:
        raw.hello()
        other.hello()
        topic = raw.grant()
        listener = other.subscriber()
        listener.setsockopt(zmq.SUBSCRIBE, other.grant())
        assert news(listener) is not None
        crooked = other.subscriber(zmq.XSUB)
        for _ in range(20):
            crooked.send(b"\x02zz")
            crooked.send(b"")
        subscriber = raw.subscriber()
        subscriber.setsockopt(zmq.SUBSCRIBE, topic)
        # A client that missed `ready` because of another client's garbage subscribes again.
        while news(subscriber, 1000) is None:
            subscriber.setsockopt(zmq.UNSUBSCRIBE, topic)
            subscriber.setsockopt(zmq.SUBSCRIBE, topic)
        raw.ask(raw.start(b"true"))
        assert news(subscriber) is not None
        assert news(listener, SILENCE_MS) is None, "the submitter saw the admin's job"
        assert not crooked.poll(0)


def test_a_mute_peer_does_not_receive_the_late_reply_of_one_that_left(worker: Worker) -> None:
    """libzmq gives automatic routing ids in ascending order; a mute peer may claim one that has just become free."""
    for _ in range(10):
        with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
            raw.hello()
            request = raw.start(b"sleep", b"0.3", watch=True)
            raw.send(raw.envelope(request))
            assert raw.receive().WhichOneof("content") == "acknowledged"
        with RawClient(worker.endpoint, worker.public, worker.admin) as mute:
            mute.socket.poll(1)
            assert mute.receive_frames(SILENCE_MS + 200) is None, "a reply of somebody else's"


def test_another_identitys_job_is_as_unknown_as_none(worker: Worker) -> None:
    submitter = worker.admit("submitter", "submitter")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, submitter) as other:
        raw.hello()
        other.hello()
        start = raw.start(b"sleep", b"30")
        raw.ask(start)
        real = job_pb2.JobKey(owner=worker.admin.public, id=start.start.jobs[0].id)
        invented = job_pb2.JobKey(owner=worker.admin.public, id=new_id())
        for key in (real, invented):
            verbs = [
                other.request(stop=request_pb2.Stop(keys=[key])),
                other.request(signal=request_pb2.Signal(key=key, signal=9)),
                other.request(query_one=request_pb2.QueryOne(key=key)),
                other.request(read_log=request_pb2.ReadLog(key=key, stream=request_pb2.STREAM_STDOUT, tail_lines=1)),
                other.request(follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=10)),
            ]
            answers_given = {(reply.refusal.code, reply.refusal.message.replace(_text(key), "X")) for reply in map(other.ask, verbs)}
            assert answers_given == {(request_pb2.CODE_NOT_FOUND, "there is no job X")}
        assert not other.ask(other.request(list=request_pb2.List(all=True))).list.jobs
        assert not other.ask(other.request(replay=request_pb2.Replay(after=event_pb2.Cursor(seq=0)))).replay.events
        taken = other.ask(other.start(b"true", job_id=real.id))
        assert taken.WhichOneof("content") == "acknowledged", "an id is its owner's: another may use the same"


def _text(key: job_pb2.JobKey) -> str:
    digits = key.id.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def test_a_viewer_sees_everything_and_changes_nothing(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, viewer) as other:
        raw.hello()
        other.hello()
        start = raw.start(b"sleep", b"30")
        raw.ask(start)
        key = job_pb2.JobKey(owner=worker.admin.public, id=start.start.jobs[0].id)
        assert len(other.ask(other.request(list=request_pb2.List())).list.jobs) == 1
        for request in (
            other.start(b"true"),
            other.request(stop=request_pb2.Stop(keys=[key])),
            other.request(signal=request_pb2.Signal(key=key, signal=9)),
        ):
            assert refused(other.ask(request)) == request_pb2.CODE_PERMISSION_DENIED


def test_a_key_taken_off_the_roster_is_cut_off_on_both_sockets_at_once(worker: Worker) -> None:
    fired = worker.admit("fired", "viewer")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, fired) as other:
        raw.hello()
        other.hello()
        subscriber = other.subscriber()
        subscriber.setsockopt(zmq.SUBSCRIBE, other.grant())
        assert news(subscriber) is not None
        monitor = other.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        text = worker.roster.read_text()
        worker.roster.write_text(text[: text.rindex("[[member]]")])
        assert monitor.poll(60_000), "still connected"
        other.socket.disable_monitor()
        monitor.close(0)
        raw.ask(raw.start(b"true"))
        assert news(subscriber, SILENCE_MS) is None
    answers(worker)


def test_streams_are_bounded(worker: Worker) -> None:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        start = raw.start(b"sleep", b"30")
        raw.ask(start)
        key = job_pb2.JobKey(owner=worker.admin.public, id=start.start.jobs[0].id)
        for _ in range(MOST_STREAMS):
            raw.send(raw.envelope(raw.request(follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1))))
        follow = request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1)
        assert refused(raw.ask(raw.request(follow_log=follow))) == request_pb2.CODE_RESOURCE_EXHAUSTED

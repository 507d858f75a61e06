"""Standard input that arrives as a stream, sent by clients that do not keep to what they were told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq
from daemons import Worker, wait_until
from raw_client import SILENCE_MS, RawClient

from jobwire.schemas.frames import LARGEST_FEED_WINDOW, LARGEST_PUSH
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import new_id

MIB = 1024 * 1024
NEVER_READS = ("sleep", "100")


@pytest.fixture
def raw(worker: Worker) -> Iterator[RawClient]:
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        yield raw
    # All other clients continue to work.
    with RawClient(worker.endpoint, worker.public, worker.add("other", "submitter")) as other:
        wait_until(other.hello, "another member is answered")
        assert other.ask(other.request(list=request_pb2.List())).WhichOneof("content") == "list"


def start(raw: RawClient, *argv: str, feed: bool = True) -> bytes:
    job_id = new_id()
    spec = job_pb2.JobSpec(argv=[word.encode() for word in argv], feed=feed)
    reply = raw.ask(raw.request(start=request_pb2.Start(jobs=[request_pb2.NewJob(id=job_id, spec=spec)])))
    assert reply.HasField("acknowledged"), reply
    return job_id


def feed(raw: RawClient, job_id: bytes, token: bytes = b"t" * 16, owner: bytes = b"") -> int:
    """Ask to feed a job, and return the number of the request."""
    request = raw.request(feed=request_pb2.Feed(key={"id": job_id, "owner": owner}, token=token))
    raw.send(raw.envelope(request))
    return request.id


def window(raw: RawClient) -> request_pb2.Window:
    reply = raw.receive()
    assert reply.HasField("window"), reply
    return reply.window


def push(raw: RawClient, number: int, start: int, *more: bytes, last: bool = False) -> None:
    request = raw.request(push=request_pb2.Push(request_id=number, start=start, last=last))
    raw.send(request_pb2.Envelope(request=request.SerializeToString()).SerializeToString(), *more)


def refusal(raw: RawClient, number: int) -> request_pb2.Refusal:
    reply = raw.receive()
    assert (reply.request_id, reply.last, reply.WhichOneof("content")) == (number, True, "refusal"), reply
    return reply.refusal


def is_cut_off(raw: RawClient, send: object) -> bool:
    monitor = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        send()  # type: ignore[operator] # reason: what is to be cut off
        assert refusal(raw, raw.last_feed).code == request_pb2.CODE_INVALID_ARGUMENT  # type: ignore[attr-defined] # reason: set by the test
        return bool(monitor.poll(60_000))
    finally:
        raw.socket.disable_monitor()
        monitor.close(0)


def outcome(raw: RawClient, job_id: bytes) -> job_pb2.Outcome:
    def ended() -> job_pb2.Outcome | None:
        job = raw.ask(raw.request(query_one=request_pb2.QueryOne(key={"id": job_id}))).query_one.job
        return job.outcome if job.HasField("outcome") else None

    return wait_until(ended, "the job ends")


def test_what_is_pushed_arrives_and_what_comes_twice_counts_once(raw: RawClient) -> None:
    job_id = start(raw, "cat")
    number = feed(raw, job_id)
    first = window(raw)
    assert (first.reached, first.limit) == (0, LARGEST_FEED_WINDOW)
    push(raw, number, 0, b"hello ")
    push(raw, number, 0, b"hello ")
    push(raw, number, 3, b"lo world")
    push(raw, number, 11, b"", last=True)
    end = raw.receive()
    assert (end.last, end.feed_end.reached, end.feed_end.why) == (True, 11, "")
    assert outcome(raw, job_id).kind == job_pb2.OUTCOME_KIND_EXITED
    read = raw.request(read_log=request_pb2.ReadLog(key={"id": job_id}, stream=request_pb2.STREAM_STDOUT, range={"length": 100}))
    raw.send(raw.envelope(read))
    frames = raw.receive_frames()
    assert frames is not None
    assert frames[1] == b"hello world"


def test_a_push_without_its_bytes_ends_the_feed(raw: RawClient) -> None:
    number = feed(raw, start(raw, *NEVER_READS))
    window(raw)
    push(raw, number, 0)
    assert "followed by one frame" in refusal(raw, number).message


def test_a_push_after_a_gap_ends_the_feed_and_another_may_go_on(raw: RawClient) -> None:
    job_id = start(raw, *NEVER_READS)
    number = feed(raw, job_id)
    window(raw)
    push(raw, number, 0, b"12345")
    push(raw, number, 6, b"7")
    assert "bytes 5 to 6" in refusal(raw, number).message
    feed(raw, job_id)
    assert window(raw).reached == 5


def test_a_push_without_a_feed_is_dropped(raw: RawClient) -> None:
    push(raw, 77, 0, b"x" * MIB)
    push(raw, 0, 0)
    assert raw.receive_frames(SILENCE_MS) is None
    assert raw.ask(raw.request(list=request_pb2.List())).WhichOneof("content") == "list"


def test_a_push_beyond_the_window_is_cut_off(raw: RawClient) -> None:
    number = raw.last_feed = feed(raw, start(raw, *NEVER_READS))  # type: ignore[attr-defined] # reason: for `is_cut_off`
    # The pipe takes some, and nothing more: the window is counted from there.
    limit = window(raw).limit
    for at in range(0, limit, LARGEST_PUSH):
        push(raw, number, at, b"x" * LARGEST_PUSH)
    assert is_cut_off(raw, lambda: push(raw, number, limit, b"x" * LARGEST_PUSH))


def test_a_push_that_is_too_large_is_cut_off(raw: RawClient) -> None:
    number = raw.last_feed = feed(raw, start(raw, *NEVER_READS))  # type: ignore[attr-defined] # reason: for `is_cut_off`
    window(raw)
    assert is_cut_off(raw, lambda: push(raw, number, 0, b"x" * (LARGEST_PUSH + 1)))


def test_a_push_before_the_first_window_is_cut_off(worker: Worker, raw: RawClient) -> None:
    for _ in range(worker.slots):
        start(raw, *NEVER_READS, feed=False)
    # It waits for its turn.
    number = raw.last_feed = feed(raw, start(raw, "cat"))  # type: ignore[attr-defined] # reason: for `is_cut_off`
    assert is_cut_off(raw, lambda: push(raw, number, 0, b"x"))


def test_another_feeder_is_refused_while_the_first_feeds_and_after_it_has_gone(worker: Worker, raw: RawClient) -> None:
    job_id = start(raw, *NEVER_READS)
    number = feed(raw, job_id)
    window(raw)
    push(raw, number, 0, b"1")
    assert refusal(raw, feed(raw, job_id, b"u" * 16)).reason == request_pb2.REASON_FED_BY_ANOTHER
    raw.send(raw.envelope(raw.request(cancel=request_pb2.Cancel(request_id=number))))
    assert refusal(raw, feed(raw, job_id, b"u" * 16)).reason == request_pb2.REASON_FED_BY_ANOTHER
    worker.kill()
    worker.start()
    with RawClient(worker.endpoint, worker.public, worker.admin) as later:
        later.hello()
        assert refusal(later, feed(later, job_id, b"u" * 16)).reason == request_pb2.REASON_FED_BY_ANOTHER
        feed(later, job_id)
        assert window(later).reached == 1
    raw.endpoint = worker.endpoint


def test_only_the_owner_feeds_a_job_and_only_one_that_wants_it(worker: Worker, raw: RawClient) -> None:
    job_id = start(raw, "cat")
    other = worker.admit("operator", "operator")
    with RawClient(worker.endpoint, worker.public, other) as theirs:
        theirs.hello()
        number = feed(theirs, job_id, owner=worker.admin.public)
        assert refusal(theirs, number).code == request_pb2.CODE_PERMISSION_DENIED
    for token in (b"", b"t" * 15, b"t" * 64):
        assert refusal(raw, feed(raw, job_id, token)).code == request_pb2.CODE_INVALID_ARGUMENT
    plain = start(raw, *NEVER_READS, feed=False)
    assert refusal(raw, feed(raw, plain)).code == request_pb2.CODE_FAILED_PRECONDITION
    assert refusal(raw, feed(raw, new_id())).code == request_pb2.CODE_NOT_FOUND


@pytest.mark.parametrize("worker", [{"slots": 40}], indirect=True)
def test_many_feeds_of_a_member_share_what_may_be_under_way(raw: RawClient) -> None:
    limits = []
    for _ in range(40):
        feed(raw, start(raw, *NEVER_READS))
        limits.append(window(raw).limit)
    assert limits[0] == LARGEST_FEED_WINDOW
    assert limits == sorted(limits, reverse=True)
    # What all of them may send at once, even if nothing of it is read.
    assert sum(limits) < 32 * MIB
    assert limits[-1] < 256 * 1024

"""Members of the roster who take what they can get.

Each time the worker stays small, others are served, and the offender is told or cut off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from daemons import Worker, wait_until
from insiders import follow, list_all, mute_connections, watched
from processes import descriptors, peak_bytes
from raw_client import SILENCE_MS, WAIT_MS, RawClient, news

from jobwire.keys.identity import Identity
from jobwire.keys.proofs import signature
from jobwire.schemas.frames import MOST_GRANTS, MOST_JOBS_PER_FILTER, MOST_KEYS, MOST_STREAMS
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.spec import JobSpec

MOST_BYTES = 256 * 1024 * 1024
# Not a measurement (tests/benchmarks/groups/hostile.py is one), but what users would notice as an interruption.
SERVED_SECONDS = 60


@pytest.fixture
def insider(worker: Worker) -> Identity:
    return worker.admit("insider", "submitter")


@contextmanager
def attacked(worker: Worker, identity: Identity) -> Iterator[RawClient]:
    """Run an attack; afterwards the worker is small, and has answered others meanwhile."""
    with (
        RawClient(worker.endpoint, worker.public, worker.admin) as other,
        RawClient(worker.endpoint, worker.public, identity, lazy=True) as raw,
    ):
        other.hello()
        raw.hello()
        yield raw
        begun = time.monotonic()
        assert other.ask(other.request(list=request_pb2.List())).WhichOneof("content") == "list"
        assert other.ask(other.start(b"true")).WhichOneof("content") == "acknowledged"
        assert time.monotonic() - begun < SERVED_SECONDS
        assert worker.process is not None
        assert peak_bytes(worker.process.pid) < MOST_BYTES


def writing_job(raw: RawClient) -> job_pb2.JobKey:
    """A job that writes 200 MB and continues to run."""
    start = raw.start(b"sh", b"-c", b"head -c 200000000 /dev/zero; sleep 60")
    assert raw.ask(start).WhichOneof("content") == "acknowledged"
    return job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)


def code(reply: request_pb2.Reply) -> int:
    return reply.refusal.code if reply.HasField("refusal") else 0


def await_cut_off(worker: Worker) -> None:
    """Wait for it in the worker's log: a client that does not read does not notice it."""
    wait_until(lambda: "was disconnected" in worker.logged(), "the one who reads nothing is cut off")


def test_a_member_who_follows_two_hundred_logs_and_reads_none_is_cut_off(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        follow(raw, writing_job(raw), 200)
        await_cut_off(worker)


def test_streams_are_counted_over_all_connections(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw, RawClient(worker.endpoint, worker.public, insider) as second:
        second.hello()
        start = raw.start(b"sleep", b"60")
        raw.ask(start)
        key = job_pb2.JobKey(owner=insider.public, id=start.start.jobs[0].id)
        follow(raw, key, MOST_STREAMS)
        raw.ask(raw.request(list=request_pb2.List()))
        refused = second.ask(second.request(follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1)))
        assert code(refused) == request_pb2.CODE_RESOURCE_EXHAUSTED
        raw.send(raw.envelope(raw.request(cancel=request_pb2.Cancel(request_id=raw._next_id - 2))))


def test_a_member_who_subscribes_without_end_is_refused(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        codes = [code(raw.ask(raw.request(subscribe=request_pb2.Subscribe()))) for _ in range(MOST_GRANTS + 50)]
        assert codes == [0] * MOST_GRANTS + [request_pb2.CODE_RESOURCE_EXHAUSTED] * 50


def test_grants_cannot_name_jobs_without_end(worker: Worker, insider: Identity) -> None:
    jobs = [job_pb2.JobKey(id=number.to_bytes(16, "big")) for number in range(60_000)]
    with attacked(worker, insider) as raw:
        filters = [event_pb2.Filter(jobs=jobs[:count]) for count in (MOST_JOBS_PER_FILTER, MOST_JOBS_PER_FILTER + 1)]
        filters += [event_pb2.Filter(batch=bytes(100_000)), event_pb2.Filter(labels=[job_pb2.Label(name="x" * 100_000)])]
        # After this one, nothing large is answered.
        filters.append(event_pb2.Filter(jobs=jobs))
        codes = [code(raw.ask(raw.request(subscribe=request_pb2.Subscribe(filter=filter_)))) for filter_ in filters]
        assert codes == [0, *[request_pb2.CODE_INVALID_ARGUMENT] * 4]


def test_subscriptions_of_grants_that_were_given_back_do_not_pile_up(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        hoarder = raw.subscriber()
        for number in range(2 * MOST_GRANTS + 1):
            topic = raw.grant()
            hoarder.setsockopt(zmq.SUBSCRIBE, topic)
            ready = news(hoarder, WAIT_MS if number < 2 * MOST_GRANTS else SILENCE_MS)
            assert (ready is not None) is (number < 2 * MOST_GRANTS)
            raw.ask(raw.request(unsubscribe=request_pb2.Unsubscribe(topic=topic)))


def test_a_grant_is_not_for_a_crowd(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        topic = raw.grant()
        crowd = [raw.subscriber() for _ in range(6)]
        for one in crowd:
            one.setsockopt(zmq.SUBSCRIBE, topic)
        # Whoever comes first: they come in at the same time.
        first = wait_until(lambda: next((one for one in crowd if one.poll(0)), None), "one of them is subscribed")
        assert news(first) is not None
        raw.ask(raw.start(b"true"))
        wait_until(lambda: sum(one.poll(0) > 0 for one in crowd) == 4, "four of them hear")


def test_a_member_who_sends_six_hundred_frames_in_one_message_is_cut_off(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw, watched(raw) as cut_off:
        raw.send(*[bytes(64 * 1024)] * 600)
        assert cut_off.poll(60_000), "still connected"


def test_two_thousand_connections_that_never_shake_hands_are_closed(worker: Worker, insider: Identity) -> None:
    assert worker.process is not None
    pid = worker.process.pid
    with attacked(worker, insider):
        before = descriptors(pid)
        with mute_connections(worker.endpoint, 2000), worker.client() as client:
            assert client.hello().kind == "worker"
            wait_until(lambda: descriptors(pid) < before + 50, "they are hung up on")


def test_a_member_who_asks_for_ten_thousand_lists_and_reads_none_is_cut_off(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        with worker.client(insider) as client:
            client.submit_many([JobSpec((b"true", b"x" * 400))] * 200)
        list_all(raw, 10_000)
        await_cut_off(worker)


def test_one_connection_too_many_learns_why_and_is_cut_off(worker: Worker) -> None:
    worker.roster.write_text(worker.roster.read_text() + "connections = 2\n")
    with (
        RawClient(worker.endpoint, worker.public, worker.admin) as first,
        RawClient(worker.endpoint, worker.public, worker.admin) as second,
    ):
        first.hello()
        wait_until(lambda: first.hello().limits.connections == 2, "the roster is in force")
        second.hello()
        with RawClient(worker.endpoint, worker.public, worker.admin) as third, watched(third) as cut_off:
            for _ in range(3):
                refused = third.ask(third.request(list=request_pb2.List()))
                assert code(refused) == request_pb2.CODE_RESOURCE_EXHAUSTED
                assert "2 connections" in refused.refusal.message
            assert cut_off.poll(60_000), "still connected"
    # What was closed is counted no more.
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        wait_until(lambda: code(raw.ask(raw.request(list=request_pb2.List()))) == 0, "a place is free")


def test_a_members_jobs_are_bounded_and_a_changed_bound_counts_at_once(worker: Worker, insider: Identity) -> None:
    before = worker.roster.read_text()
    worker.roster.write_text(before + "running_jobs = 1\nqueued_jobs = 2\n")
    with RawClient(worker.endpoint, worker.public, insider) as raw:
        wait_until(lambda: raw.hello().limits.running_jobs == 1, "the roster is in force")
        assert raw.hello().limits.queued_jobs == 2
        starts = [raw.start(b"sleep", b"60") for _ in range(4)]
        codes = []
        for start in starts:
            codes.append(code(raw.ask(start)))
            wait_until(lambda: _states(raw)[:1] == [job_pb2.STATE_RUNNING], "the first runs")
        assert codes == [0, 0, 0, request_pb2.CODE_RESOURCE_EXHAUSTED]
        assert code(raw.ask(starts[1])) == 0, "a start that is repeated is answered as before"
        waits = raw.ask(raw.request(list=request_pb2.List())).list.jobs[1].waits_for
        assert waits == "its owner runs 1 job at once, which is the limit in the roster"
    worker.roster.write_text(before)
    with RawClient(worker.endpoint, worker.public, insider) as raw:
        raw.hello()
        wait_until(lambda: _states(raw) == [job_pb2.STATE_RUNNING] * 3, "all run now")


def _states(raw: RawClient) -> list[int]:
    return [job.state for job in raw.ask(raw.request(list=request_pb2.List())).list.jobs]


def test_a_stop_that_names_one_job_without_end_is_refused_at_once(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        start = raw.start(b"true")
        raw.ask(start)
        key = job_pb2.JobKey(owner=insider.public, id=start.start.jobs[0].id)
        assert (
            code(raw.ask(raw.request(stop=request_pb2.Stop(keys=[key] * (MOST_KEYS + 1), credit_messages=1))))
            == request_pb2.CODE_INVALID_ARGUMENT
        )
        raw.send(raw.envelope(raw.request(stop=request_pb2.Stop(keys=[key] * MOST_KEYS, credit_messages=1))))
        assert raw.receive().WhichOneof("content") == "acknowledged"
        assert len(raw.receive().reports.reports) == 1


def test_a_large_request_that_is_no_start_is_refused_and_its_sender_disconnected(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw, watched(raw) as monitor:
        stop = raw.request(stop=request_pb2.Stop(keys=[job_pb2.JobKey(owner=insider.public, id=bytes(16))] * 120_000))
        refused = raw.ask(stop)
        assert (refused.request_id, code(refused)) == (stop.id, request_pb2.CODE_INVALID_ARGUMENT)
        assert monitor.poll(WAIT_MS)


def test_who_was_told_and_sends_something_large_again_is_cut_off_without_another_answer(worker: Worker, insider: Identity) -> None:
    """What is small is answered as before, until the connection is closed: its sender may not have read it yet."""
    with attacked(worker, insider) as raw, watched(raw) as monitor:
        stop = request_pb2.Stop(keys=[job_pb2.JobKey(owner=insider.public, id=bytes(16))] * 120_000)
        for _ in range(2):
            assert code(raw.ask(raw.request(stop=stop))) == request_pb2.CODE_INVALID_ARGUMENT
            stop = request_pb2.Stop(keys=stop.keys[:1000])
        start = raw.start(b"true")
        start.start.jobs[0].spec.stdin = bytes(1_000_000)
        raw.send(raw.envelope(start))
        assert raw.receive_frames(SILENCE_MS) is None
        assert monitor.poll(WAIT_MS)


def test_a_job_that_is_large_and_means_little_is_not_kept(worker: Worker, insider: Identity) -> None:
    """Unknown fields next to the verb, in the start and in its job; and one of the job's own fields repeated many times."""
    with attacked(worker, insider) as raw:
        start = raw.start(b"true")
        job = start.start.jobs[0].SerializeToString()
        unknown = b"\xfa\x01\xc0\x84\x3d" + bytes(1_000_000)
        name = b"\x2a\x04name" * 150_000
        again = start.start.jobs[0].spec.SerializeToString() + name
        request = start.SerializeToString()
        inside = request_pb2.Request(id=start.id).SerializeToString() + _field(3, _field(1, _field(1, b"2" * 16) + _field(2, again)))
        # After the last one, nothing large is answered.
        for raw_request in (request_pb2.Request(id=9).SerializeToString() + _field(3, _field(1, job) + unknown), inside, request + unknown):
            proof = signature.sign(insider, worker.public, raw.nonce, raw_request)
            raw.send(request_pb2.Envelope(request=raw_request, proof=proof).SerializeToString())
            assert code(raw.receive()) == request_pb2.CODE_INVALID_ARGUMENT
    assert (worker.state / "state.db-wal").stat().st_size < 1_000_000


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field as it travels."""
    length, left = b"", len(content)
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def test_a_peer_that_asks_again_under_the_same_number_has_one_stream(worker: Worker, insider: Identity) -> None:
    with attacked(worker, insider) as raw:
        key = writing_job(raw)
        follow_one = raw.request(follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDERR, credit_bytes=2**63))
        for _ in range(MOST_STREAMS + 10):
            raw.send(raw.envelope(follow_one))
        assert code(raw.ask(raw.request(list=request_pb2.List()))) == 0

"""Whatever happens to a subscriber, it gets every event that its filter lets through, in order and once; or nothing, once it is revoked.

Truth is the store's own order, as it is replayed to somebody else afterwards.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zmq
from daemons import Worker, wait_until
from home import Home
from insiders import watched
from processes import peak_bytes
from raw_client import SILENCE_MS, RawClient, news

from jobwire.client.library.client import Client
from jobwire.client.library.events import EventStream
from jobwire.client.library.values.event import Event, EventCursor
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import EventKind
from jobwire.schemas.refusal import Refused

SECONDS = 60
# Its label makes an event large: a subscriber that does not read then has more unread than it may have, and more than a pipe holds.
BULKY = JobSpec((b"true",), labels=tuple((f"label{number}", "x" * 240) for number in range(60)))
EVENTS_A_JOB = 3


def run(client: Client, count: int, spec: JobSpec = BULKY) -> None:
    """Run jobs to their end."""
    client.wait(client.submit_many([spec] * count), timeout=SECONDS * 4)


def all_events(worker: Worker, after: EventCursor) -> list[EventCursor]:
    """Return the events of the store after a cursor, replayed page by page."""
    found: list[EventCursor] = []
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw:
        raw.hello()
        at, more = event_pb2.Cursor(store=after.store, seq=after.seq), True
        while more:
            reply = raw.ask(raw.request(replay=request_pb2.Replay(after=at))).replay
            found += [EventCursor(after.store, event.seq) for event in reply.events]
            at, more = reply.upto, reply.more
    return found


def read(stream: EventStream, count: int) -> list[Event]:
    """Return this many events. Raises TimeoutError if they do not arrive."""
    return [next(stream) for _ in range(count)]


def expect_all(worker: Worker, stream: EventStream, begun: EventCursor) -> None:
    """Check that the stream returns all events of the store, in order and once, and nothing else."""
    truth = all_events(worker, begun)
    assert [event.cursor for event in read(stream, len(truth))] == truth
    assert stream.take() is None


def test_a_subscriber_that_does_not_read_for_a_while_gets_all_events(worker: Worker) -> None:
    with worker.client() as slow, worker.client() as busy:
        stream = slow.events(timeout=SECONDS)
        begun = stream.cursor
        run(busy, 100)
        expect_all(worker, stream, begun)


@pytest.fixture
def reader(worker: Worker, tmp_path: Path) -> Home:
    """A user of the command line who may leave at most 5 MiB unread."""
    identity = worker.add("reader", "viewer")
    worker.roster.write_text(worker.roster.read_text() + f"unread_bytes = {5 * 1024 * 1024}\n")
    home = Home(tmp_path / "home", tmp_path / "bytecode", "reader")
    home.use(worker, identity)
    wait_until(lambda: home.jobwire("list", status=None).returncode == 0, "the roster is in force")
    return home


def test_a_subscriber_that_is_suspended_under_load_affects_only_itself_and_gets_all_events(worker: Worker, reader: Home) -> None:
    stand_still(worker, reader, lambda busy: run(busy, 300))


def stand_still(worker: Worker, reader: Home, load: Callable[[Client], None]) -> None:
    with worker.client() as busy:
        begun = busy.events(timeout=SECONDS).cursor
        run(busy, 1)
        with reader.start("events", "--json", "--from", str(begun)) as process:
            assert process.stdout
            for _ in range(EVENTS_A_JOB):
                process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            load(busy)
            process.send_signal(signal.SIGCONT)
            truth = [str(cursor) for cursor in all_events(worker, begun)][EVENTS_A_JOB:]
            lines = [process.stdout.readline() for _ in truth]
            process.kill()
    assert [json.loads(line)["cursor"] for line in lines] == truth
    assert worker.process is not None
    assert peak_bytes(worker.process.pid) < 256 * 1024 * 1024


def test_a_subscriber_that_reconnects_continues_after_its_cursor(worker: Worker) -> None:
    with worker.client() as busy:
        with worker.client() as first:
            stream = first.events(timeout=SECONDS)
            begun = stream.cursor
            run(busy, 20)
            seen = [event.cursor for event in read(stream, 31)]
        run(busy, 20)
        with worker.client() as second:
            again = second.events(seen[-1], timeout=SECONDS)
            truth = all_events(worker, begun)
            assert [*seen, *(event.cursor for event in read(again, len(truth) - len(seen)))] == truth


def test_a_subscriber_whose_connections_are_lost_gets_all_events(worker: Worker) -> None:
    """A changed entry in the roster closes its connections and removes its grant."""
    listener = worker.admit("listener", "viewer")
    before = worker.roster.read_text()
    with worker.client(listener) as client, worker.client() as busy:
        stream = client.events(timeout=SECONDS)
        begun = stream.cursor
        for number in range(1, 4):
            run(busy, 5)
            worker.roster.write_text(f"{before}streams = {number}\n")
            run(busy, 5)
        expect_all(worker, stream, begun)


class Listener(threading.Thread):
    """A subscriber with a connection of its own, until it receives the end of a job."""

    def __init__(self, worker: Worker, last: str) -> None:
        super().__init__()
        self._worker = worker
        self._last = last
        self.listens = threading.Event()
        self.heard: list[EventCursor] = []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            with self._worker.client() as client, client.events(timeout=SECONDS) as stream:
                self.listens.set()
                for event in stream:
                    self.heard.append(event.cursor)
                    if event.name == self._last and event.kind is EventKind.FINISHED:
                        return
        except BaseException as problem:  # noqa: BLE001 -- told by the test
            self.problem = problem
        finally:
            self.listens.set()


@contextmanager
def listeners(worker: Worker, count: int) -> Iterator[list[Listener]]:
    """This many subscribers at once, until all have received the end of the job `the-end`."""
    made = [Listener(worker, "the-end") for _ in range(count)]
    for one in made:
        one.start()
    for one in made:
        assert one.listens.wait(SECONDS)
    try:
        yield made
    finally:
        for one in made:
            one.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_fifty_subscribers_get_all_events_when_the_worker_is_restarted(worker: Worker, number: signal.Signals) -> None:
    with listeners(worker, 50) as heard:
        with worker.client() as busy:
            begun = busy.events(timeout=SECONDS).cursor
            run(busy, 10)
            waiting = [str(job.id) for job in busy.submit_many([JobSpec((b"sleep", b"0.2"))] * 8)]
        worker.kill(number)
        worker.start()
        with worker.client() as busy:
            for job in waiting:
                busy.job(job).wait(SECONDS)
            run(busy, 1, JobSpec((b"true",), name="the-end"))
    assert [one.problem for one in heard if one.problem] == []
    truth = all_events(worker, begun)
    assert all(one.heard == truth for one in heard)


def test_a_subscriber_that_is_revoked_gets_no_more_events(worker: Worker) -> None:
    fired = worker.admit("fired", "viewer")
    with RawClient(worker.endpoint, worker.public, worker.admin) as raw, RawClient(worker.endpoint, worker.public, fired) as other:
        raw.hello()
        other.hello()
        start = raw.start(b"sh", b"-c", b"while :; do echo still here; sleep 0.01; done")
        raw.ask(start)
        subscriber = other.subscriber()
        subscriber.setsockopt(zmq.SUBSCRIBE, other.grant())
        assert news(subscriber) is not None
        key = job_pb2.JobKey(owner=worker.admin.public, id=start.start.jobs[0].id)
        wanted = request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1_000_000)
        other.send(other.envelope(other.request(follow_log=wanted)))
        assert other.receive().WhichOneof("content") == "log_chunk"
        with watched(other) as cut_off:
            text = worker.roster.read_text()
            worker.roster.write_text(text[: text.rindex("[[member]]")])
            assert cut_off.poll(60_000), "still connected"
        while other.receive_frames(0) is not None:
            pass
        after = raw.start(b"true")
        raw.ask(after)
        while (told := news(subscriber, SILENCE_MS)) is not None:
            assert all(event.key.id != after.start.jobs[0].id for event in told.events.events), "an event after the key was taken off"
        assert other.receive_frames(SILENCE_MS) is None, "a chunk after the key was taken off"
    with pytest.raises(Refused), worker.client(fired) as client:
        client.hello()


@pytest.mark.soak
def test_a_subscriber_that_is_suspended_for_a_minute_under_load_gets_all_events(worker: Worker, reader: Home) -> None:
    def load(busy: Client) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            run(busy, 200)

    stand_still(worker, reader, load)


@pytest.mark.soak
def test_a_burst_of_ten_thousand_jobs_is_reported_completely(worker: Worker) -> None:
    with ExitStack() as stack:
        busy = stack.enter_context(worker.client())
        streams = [stack.enter_context(worker.client()).events(timeout=SECONDS * 4) for _ in range(5)]
        begun = streams[0].cursor
        run(busy, 10_000, JobSpec((b"true",)))
        for stream in streams:
            expect_all(worker, stream, begun)

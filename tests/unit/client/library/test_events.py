from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from fake_daemon import FakeDaemon
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.library.client import Client
from jobwire.client.library.events import START, CursorTooOld, ask_for_position, read_start
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.values.event import EventCursor
from jobwire.schemas.generated import event_pb2, request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

STORE = b"s" * 16
NOW_US = 1_800_000_000_000_000
# As many events as a worker looks through for one answer.
ROWS = 3


class Worker:
    """Keeps events from `oldest` on; those of `ours` pass the filter. Event N happened N seconds after the first."""

    def __init__(self, head: int, oldest: int, ours: frozenset[int]) -> None:
        self.head, self.oldest, self.ours = head, oldest, ours
        self.asked = 0

    def answer(self, request: request_pb2.Request) -> request_pb2.Reply:
        self.asked += 1
        match request.WhichOneof("verb"):
            case "subscribe":
                head = event_pb2.Cursor(store=STORE, seq=self.head)
                return request_pb2.Reply(subscribe=request_pb2.SubscribeReply(topic=b"t" * 16, head=head))
            case "unsubscribe":
                return request_pb2.Reply(done=request_pb2.Done())
            case "hello":
                return request_pb2.Reply(hello=request_pb2.HelloReply(now_us=NOW_US))
        after = request.replay.after.seq
        if after + 1 < self.oldest:
            raise Refused(Code.OUT_OF_RANGE, "no longer kept", reason=Reason.CURSOR_TOO_OLD)
        upto = min(after + ROWS, self.head)
        found = [seq for seq in range(after + 1, upto + 1) if seq in self.ours][: request.replay.limit]
        upto = found[-1] if found else upto
        events = [event_pb2.Event(seq=seq, at_us=at_us(seq)) for seq in found]
        cursor = event_pb2.Cursor(store=STORE, seq=upto)
        return request_pb2.Reply(replay=request_pb2.ReplayReply(events=events, upto=cursor, more=upto < self.head))


def at_us(seq: int) -> int:
    return NOW_US - 1_000_000_000 + seq * 1_000_000


def position(worker: Worker, start: str | timedelta | datetime) -> int:
    return int(carry_out(worker.answer, ask_for_position(event_pb2.Filter(), start)).seq)


@st.composite
def workers(draw: st.DrawFn) -> Worker:
    head = draw(st.integers(0, 60))
    oldest = draw(st.integers(1, head + 1))
    return Worker(head, oldest, draw(st.frozensets(st.integers(oldest, max(oldest, head)))))


@given(workers(), st.integers(0, 61))
def test_nothing_since_a_time_is_missing_and_nothing_before_it_comes(worker: Worker, since: int) -> None:
    moment = datetime.fromtimestamp(at_us(since) / 1_000_000, UTC)
    after = position(worker, moment)
    assert after + 1 >= worker.oldest
    assert {seq for seq in worker.ours if worker.head >= seq > after} == {seq for seq in worker.ours if worker.head >= seq >= since}
    ago = timedelta(microseconds=NOW_US - at_us(since))
    assert position(worker, ago) == after


@given(workers())
def test_the_start_is_the_first_position_after_which_everything_is_kept(worker: Worker) -> None:
    assert position(worker, START) == worker.oldest - 1


def test_a_time_among_a_million_events_is_found_with_few_questions() -> None:
    worker = Worker(1_000_000, 1, frozenset(range(1, 1_000_001)))
    assert position(worker, timedelta(microseconds=NOW_US - at_us(777_777))) == 777_776
    assert worker.asked < 30


def test_the_clock_of_an_older_worker_is_taken_for_ours() -> None:
    worker = Worker(10, 1, frozenset(range(1, 11)))
    worker.answer = lambda request, answer=worker.answer: (  # type: ignore[method-assign] # reason: an older one
        request_pb2.Reply(hello=request_pb2.HelloReply()) if request.HasField("hello") else answer(request)
    )
    # Its events are of the future by our clock.
    assert position(worker, timedelta(0)) == 0


def test_a_start_is_read_as_it_is_typed() -> None:
    cursor = EventCursor(STORE, 7)
    assert read_start("now") is None
    assert read_start("start") == START
    assert read_start(str(cursor)) == cursor == read_start(cursor)
    with pytest.raises(Refused):
        read_start("yesterday")


def test_events_from_now_on_tell_what_happens_after_the_call(client: Client, daemon: FakeDaemon) -> None:
    client.run(["echo"])
    events = client.events(timeout=60)
    job = client.submit(["wait"])
    daemon.finish(job.key.id, 1)

    told = [next(events) for _ in range(2)]
    events.close()

    assert [(event.kind.name, event.key.id) for event in told] == [("STARTED", job.key.id), ("FINISHED", job.key.id)]
    assert told[1].outcome is not None


def test_events_continue_after_a_cursor(client: Client, daemon: FakeDaemon) -> None:
    daemon.tell(*[event_pb2.EVENT_KIND_STARTED] * 10)
    with client.events(f"{daemon.store.hex()}:0") as events:
        first = next(events)
    with client.events(str(first.cursor), timeout=60) as events:
        assert [next(events).cursor.seq for _ in range(9)] == list(range(2, 11))
        with pytest.raises(Refused, match="is not a cursor"):
            client.events("nonsense")


def test_a_cursor_of_another_store_is_refused_at_once(client: Client) -> None:
    with pytest.raises(Refused) as caught:
        client.events(f"{bytes(16).hex()}:0")

    assert caught.value.code is Code.OUT_OF_RANGE


@pytest.mark.parametrize("first_seq", [1, 2, 3, 4, 6])
def test_events_come_from_the_oldest_that_is_kept(client: Client, daemon: FakeDaemon, first_seq: int) -> None:
    client.run(["echo", "1"])
    client.run(["echo", "2"])
    client.run(["echo", "3"])
    daemon.do(lambda: setattr(daemon, "first_seq", first_seq))
    with client.events("start") as events:
        assert next(events).cursor.seq == first_seq


def test_a_cursor_that_is_too_old_says_where_to_continue_and_the_state_of_the_jobs(client: Client, daemon: FakeDaemon) -> None:
    client.run(["echo", "1"], name="one", labels={"team": "blue"})
    client.run(["echo", "2"], name="two")
    before = EventCursor(daemon.store, 1)
    daemon.do(lambda: setattr(daemon, "first_seq", 3))
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before))
    assert caught.value.cursor == EventCursor(daemon.store, 4)
    assert f"events --from {caught.value.cursor}" in str(caught.value)
    assert [job.name for job in caught.value.jobs()] == ["one", "two"]
    with client.events(caught.value.cursor) as events:
        client.run(["echo", "3"])
        assert next(events).cursor.seq == 5
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before, labels={"team": "blue"}))
    assert [job.name for job in caught.value.jobs()] == ["one"]
    one, gone = client.job("one"), client.job_by_key(b"o" * 32, bytes(16))
    with pytest.raises(CursorTooOld) as caught:
        next(client.events(before, jobs=[one, gone]))
    assert [job.name for job in caught.value.jobs()] == ["one"]
    assert type(pickle.loads(pickle.dumps(caught.value))) is Refused


def test_lost_news_are_replayed(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        daemon.tell(event_pb2.EVENT_KIND_STARTED)
        assert next(events).cursor.seq == 1
        daemon.tell(event_pb2.EVENT_KIND_STARTED, event_pb2.EVENT_KIND_STARTED, deaf=True)
        daemon.beat()

        assert [next(events).cursor.seq for _ in range(2)] == [2, 3]


def test_news_survive_restarts_of_the_daemon(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        for seq in range(1, 6, 2):
            daemon.tell(event_pb2.EVENT_KIND_STARTED)
            daemon.restart()
            daemon.tell(event_pb2.EVENT_KIND_STARTED)

            assert [next(events).cursor.seq for _ in range(2)] == [seq, seq + 1]


def test_events_of_a_kind_that_is_not_known_are_left_out(client: Client, daemon: FakeDaemon) -> None:
    with client.events(timeout=60) as events:
        daemon.tell(99, event_pb2.EVENT_KIND_STARTED)  # type: ignore[arg-type]

        assert next(events).cursor.seq == 2


def test_a_closed_event_stream_gives_its_grant_back(client: Client, daemon: FakeDaemon) -> None:
    events = client.events()
    events.close()
    client.hello()
    list(client.list())

    assert daemon.do(lambda: daemon.grants) == {}
    assert list(events) == []


def test_events_can_be_limited_in_time(client: Client) -> None:
    with pytest.raises(TimeoutError):
        next(client.events(timeout=0.05))

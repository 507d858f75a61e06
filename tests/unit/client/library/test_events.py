from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.library.events import START, ask_for_position, read_start
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.values.results import EventCursor
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

from __future__ import annotations

import secrets

import pytest
from example_counts import at_length
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.client.protocol import subscription as rules
from jobwire.client.protocol.subscription import TABLE, Input, Phase, Subscription
from jobwire.schemas.generated import event_pb2, request_pb2
from jobwire.schemas.refusal import Code, Refused

STORE = b"s" * 16
TOPIC = b"t" * 16


def cursor(seq: int, store: bytes = STORE) -> event_pb2.Cursor:
    return event_pb2.Cursor(store=store, seq=seq)


def events(*seqs: int) -> list[event_pb2.Event]:
    return [event_pb2.Event(seq=seq) for seq in seqs]


def live(count: int, *seqs: int) -> event_pb2.News:
    return event_pb2.News(count=count, events=event_pb2.Events(events=events(*seqs)))


def ready(count: int, head: int) -> event_pb2.News:
    return event_pb2.News(count=count, ready=event_pb2.Ready(head=cursor(head)))


def heartbeat(count: int) -> event_pb2.News:
    return event_pb2.News(count=count, heartbeat=event_pb2.Heartbeat(head=cursor(99)))


def grant(head: int, store: bytes = STORE) -> request_pb2.Reply:
    return request_pb2.Reply(subscribe=request_pb2.SubscribeReply(topic=TOPIC, head=cursor(head, store)))


def replayed(upto: int, *seqs: int, more: bool = False) -> request_pb2.Reply:
    return request_pb2.Reply(replay=request_pb2.ReplayReply(events=events(*seqs), upto=cursor(upto), more=more))


def taken(subscription: Subscription) -> list[int]:
    seqs = []
    while (event := subscription.take()) is not None:
        seqs.append(event.seq)
    return seqs


def asked(subscription: Subscription) -> str | None:
    request = subscription.request()
    return None if request is None else request.WhichOneof("verb")


@pytest.fixture
def now() -> Subscription:
    """From now on, granted at 10, ready, live."""
    made = Subscription(event_pb2.Filter())
    assert asked(made) == "subscribe"
    made.receive(grant(10))
    made.hear(ready(0, 10))
    assert made.phase is Phase.LIVE
    return made


def test_the_table_has_an_answer_for_a_lost_grant_and_an_end_in_every_phase() -> None:
    for phase in Phase:
        assert (phase, Input.GRANT_LOST) in TABLE
        assert (phase, Input.ENDED) in TABLE


def test_from_now_on_no_earlier_event_is_delivered(now: Subscription) -> None:
    assert asked(now) is None
    now.hear(live(1, 11))

    assert taken(now) == [11]
    assert now.cursor == cursor(11)


def test_from_a_cursor_what_lies_before_the_head_is_replayed() -> None:
    subscription = Subscription(event_pb2.Filter(), cursor(3))
    subscription.request()
    subscription.receive(grant(6))

    request = subscription.request()
    assert request is not None
    assert request.replay.after == cursor(3)
    subscription.receive(replayed(5, 4, 5, more=True))
    request = subscription.request()
    assert request is not None
    assert request.replay.after == cursor(5)
    subscription.receive(replayed(6, 6))

    assert taken(subscription) == [4, 5, 6]
    assert subscription.phase is Phase.LIVE


def test_a_hole_in_the_count_is_replayed_and_what_came_behind_it_held_back(now: Subscription) -> None:
    now.hear(live(1, 11))
    now.hear(live(3, 13))

    assert taken(now) == [11]
    assert asked(now) == "replay"
    now.hear(live(4, 14))
    now.receive(replayed(13, 12, 13))
    assert taken(now) == [12, 13, 14]


def test_a_hole_during_a_replay_leads_to_one_more(now: Subscription) -> None:
    now.hear(live(2, 12))
    assert asked(now) == "replay"
    now.hear(live(4, 14))
    now.receive(replayed(12, 11, 12))

    assert asked(now) == "replay"
    assert taken(now) == [11, 12]
    now.receive(replayed(14, 13, 14))
    assert taken(now) == [13, 14]
    assert asked(now) is None


def test_a_heartbeat_with_a_higher_count_is_replayed(now: Subscription) -> None:
    now.hear(heartbeat(0))
    assert asked(now) is None
    now.hear(heartbeat(1))

    assert asked(now) == "replay"


def test_a_heartbeat_does_not_move_the_cursor(now: Subscription) -> None:
    """Its head may be durable and not yet published."""
    now.hear(heartbeat(0))

    assert now.cursor == cursor(10)


def test_a_late_ready_is_replayed_up_to(now: Subscription) -> None:
    now.hear(ready(2, 12))

    assert asked(now) == "replay"


def test_news_before_any_ready_are_doubted() -> None:
    subscription = Subscription(event_pb2.Filter())
    subscription.request()
    subscription.receive(grant(10))
    subscription.hear(live(5, 15))

    assert taken(subscription) == []
    assert asked(subscription) == "replay"


def test_events_at_or_before_the_cursor_are_dropped(now: Subscription) -> None:
    now.hear(live(2, 10, 11))
    now.hear(live(2, 11))

    assert taken(now) == [11]


def test_a_lost_grant_is_replaced_and_nothing_is_delivered_twice(now: Subscription) -> None:
    now.hear(live(1, 11))
    now.grant_lost()
    now.hear(live(2, 12))

    assert now.topic == b""
    assert asked(now) == "subscribe"
    now.receive(grant(12))
    assert asked(now) == "replay"
    now.receive(replayed(12, 12))
    assert taken(now) == [11, 12]


def test_an_answer_to_a_replay_before_the_grant_was_lost_no_longer_counts(now: Subscription) -> None:
    now.hear(heartbeat(1))
    now.request()
    now.grant_lost()
    now.receive(replayed(12, 11, 12))

    assert taken(now) == []


def test_a_cursor_of_another_store_is_out_of_range() -> None:
    subscription = Subscription(event_pb2.Filter(), cursor(3, b"o" * 16))
    subscription.request()
    subscription.receive(grant(6))

    assert subscription.phase is Phase.ENDED
    assert subscription.refusal is not None
    assert subscription.refusal.code is Code.OUT_OF_RANGE
    assert "rebuilt" in str(subscription.refusal)


def test_a_cursor_ahead_of_the_store_is_out_of_range() -> None:
    subscription = Subscription(event_pb2.Filter(), cursor(7))
    subscription.request()
    subscription.receive(grant(6))

    assert subscription.refusal is not None
    assert subscription.refusal.code is Code.OUT_OF_RANGE


def test_what_came_before_a_refusal_can_still_be_taken(now: Subscription) -> None:
    now.hear(live(1, 11))
    now.end(Refused(Code.PERMISSION_DENIED, "revoked"))

    assert taken(now) == [11]
    assert asked(now) is None
    assert str(now.refusal) == "revoked"


@pytest.mark.parametrize("reply", [replayed(9, more=False), replayed(10, more=True)])
def test_a_replay_that_does_not_continue_ends_with_an_error(now: Subscription, reply: request_pb2.Reply) -> None:
    now.hear(heartbeat(1))
    now.request()
    now.receive(reply)

    assert now.refusal is not None
    assert now.refusal.code is Code.INTERNAL


def test_a_reader_that_takes_nothing_costs_a_bound(now: Subscription, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_WAITING", 4)
    for number in range(100):
        now.hear(live(number + 1, 11 + number))
    waiting = len(now._waiting) + len(now._held)
    assert waiting <= 8
    assert asked(now) is None

    told = taken(now)
    while asked(now) == "replay":
        at = now._seq
        upto = min(at + 3, 110)
        now.receive(replayed(upto, *range(at + 1, upto + 1), more=upto < 110))
        told += taken(now)

    assert told == list(range(11, 111))


class Daemon:
    """As much of a daemon as publishes: durable events, one grant, and messages under way that may be lost."""

    def __init__(self) -> None:
        self.store = STORE
        self.head = 0
        self.published = 0
        self.matching: list[int] = []
        self.topic = b""
        self.count = 0
        self.arrived = False
        self.wire: list[event_pb2.News] = []

    def publish(self) -> None:
        new = [seq for seq in self.matching if seq > self.published]
        self.published = self.head
        if self.topic and new:
            self.count += len(new)
            self._send(events=event_pb2.Events(events=events(*new)))

    def _send(self, **content: object) -> None:
        if self.arrived:
            self.wire.append(event_pb2.News(count=self.count, **content))  # type: ignore[arg-type]

    def ready(self) -> None:
        self.arrived = True
        self._send(ready=event_pb2.Ready(head=cursor(self.published, self.store)))

    def beat(self) -> None:
        self._send(heartbeat=event_pb2.Heartbeat(head=cursor(self.head, self.store)))

    def answer(self, request: request_pb2.Request, page: int) -> request_pb2.Reply:
        if request.HasField("subscribe"):
            self.topic = secrets.token_bytes(16)
            self.count = 0
            self.arrived = False
            self.wire.clear()
            return request_pb2.Reply(subscribe=request_pb2.SubscribeReply(topic=self.topic, head=cursor(self.head, self.store)))
        after = request.replay.after.seq
        found = [seq for seq in self.matching if seq > after]
        more = len(found) > page
        upto = found[page - 1] if more else self.head
        return replayed(max(upto, after), *found[:page], more=more)

    def restart(self) -> None:
        self.topic = b""
        self.arrived = False
        self.wire.clear()
        self.published = self.head


class EveryEventOnce(RuleBasedStateMachine):
    """Whatever is lost, delayed, repeated or restarted: each event that matches is delivered once, in order, and in the end all are."""

    def __init__(self) -> None:
        super().__init__()
        self.daemon = Daemon()
        self.subscription = Subscription(event_pb2.Filter(), cursor(0))
        self.answers: list[tuple[bytes, request_pb2.Reply]] = []
        self.told: list[int] = []
        # Of the store that was lost.
        self.before: list[int] = []

    @rule(matching=st.booleans())
    def something_happens(self, *, matching: bool) -> None:
        self.daemon.head += 1
        if matching:
            self.daemon.matching.append(self.daemon.head)

    @rule()
    def it_is_published(self) -> None:
        self.daemon.publish()

    @rule()
    def a_heartbeat_is_published(self) -> None:
        self.daemon.beat()

    @precondition(lambda self: self.daemon.topic and self.daemon.topic == self.subscription.topic)
    @rule()
    def the_subscription_arrives(self) -> None:
        self.daemon.ready()

    @precondition(lambda self: self.daemon.wire)
    @rule()
    def a_message_arrives(self) -> None:
        news = self.daemon.wire.pop(0)
        if self.daemon.topic == self.subscription.topic:
            self.subscription.hear(news)

    @precondition(lambda self: self.daemon.wire)
    @rule()
    def a_message_arrives_twice(self) -> None:
        self.daemon.wire.insert(0, self.daemon.wire[0])
        self.a_message_arrives()

    @precondition(lambda self: self.daemon.wire)
    @rule()
    def a_message_is_lost(self) -> None:
        self.daemon.wire.pop(0)

    @rule(page=st.integers(1, 3))
    def the_request_that_is_due_is_answered_later(self, page: int) -> None:
        request = self.subscription.request()
        if request is not None:
            self.answers = [(self.daemon.topic, self.daemon.answer(request, page))]

    @precondition(lambda self: self.answers)
    @rule()
    def an_answer_arrives(self) -> None:
        self.subscription.receive(self.answers.pop()[1])

    @rule()
    def the_event_socket_reconnects(self) -> None:
        self.daemon.wire.clear()
        self.subscription.grant_lost()
        self.answers.clear()

    @rule()
    def the_daemon_restarts(self) -> None:
        self.daemon.restart()
        self.subscription.grant_lost()
        self.answers.clear()

    @precondition(lambda self: self.daemon.store == STORE and self.daemon.head > 3)
    @rule()
    def the_store_is_lost_and_rebuilt(self) -> None:
        """What happens from here on cannot be delivered to subscribers of the old one: they must get an error, and no other events."""
        self.daemon.restart()
        self.daemon.store, self.daemon.head, self.daemon.published = b"r" * 16, 0, 0
        self.before, self.daemon.matching = self.daemon.matching, []
        self.subscription.grant_lost()
        self.answers.clear()

    @rule()
    def the_reader_reads(self) -> None:
        self.told += taken(self.subscription)

    @invariant()
    def what_was_told_is_a_beginning_of_what_happened(self) -> None:
        told = self.told + [event.seq for event in self.subscription._waiting]
        assert told == (self.before or self.daemon.matching)[: len(told)]

    def teardown(self) -> None:
        """Nothing goes wrong any more: then everything is delivered."""
        self.daemon.publish()
        for _ in range(1000):
            if self.answers:
                self.an_answer_arrives()
            self.the_request_that_is_due_is_answered_later(2)
            if self.daemon.topic and self.daemon.topic == self.subscription.topic and not self.daemon.arrived:
                self.daemon.ready()
            while self.daemon.wire:
                self.a_message_arrives()
            if not self.answers:
                self.daemon.beat()
                while self.daemon.wire:
                    self.a_message_arrives()
                if self.subscription.phase in (Phase.LIVE, Phase.ENDED):
                    break
        self.the_reader_reads()
        if self.daemon.store != STORE:
            assert self.subscription.refusal is not None
            assert self.subscription.refusal.code is Code.OUT_OF_RANGE
            return
        assert self.subscription.refusal is None
        assert self.told == self.daemon.matching


EveryEventOnce.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestEveryEventOnce = EveryEventOnce.TestCase
TestEveryEventOnceAtLength = at_length(EveryEventOnce, 1000, 150)


def test_what_may_not_have_arrived_is_asked_for(now: Subscription) -> None:
    assert now.is_up_to_date
    now.look_again()
    assert not now.is_up_to_date
    assert asked(now) == "replay"
    now.receive(replayed(11, 11))
    assert not now.is_up_to_date
    assert taken(now) == [11]
    assert now.is_up_to_date
    # What comes now over the other socket was told already.
    now.hear(live(1, 11))
    assert taken(now) == []


def test_nothing_is_asked_for_without_a_grant() -> None:
    subscription = Subscription(event_pb2.Filter())
    subscription.look_again()
    assert (asked(subscription), subscription.is_up_to_date) == ("subscribe", False)
    subscription.end()
    subscription.look_again()
    assert (asked(subscription), subscription.is_up_to_date) == (None, False)

import pytest

from jobwire.broker.streams.news import Message, News, NewsFilter, read_filter
from jobwire.keys.members.rights import Member
from jobwire.schemas.frames import MOST_GRANTS
from jobwire.schemas.generated import event_pb2, job_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused

ME, OTHER = b"m" * 32, b"x" * 32


class Paper:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, event_pb2.News]] = []
        self.now = 0.0
        self.news = News(b"s" * 16, b"n" * 16, 0, lambda: self.now)

    def subscribed(self, wanted: NewsFilter, public: bytes = ME) -> bytes:
        topic = self.news.grant(public, wanted)
        assert self.news.wanted(topic, public)
        self.news.arrived(topic)
        return topic

    def send(self, *messages: Message) -> None:
        self.sent += [(topic, event_pb2.News.FromString(news)) for topic, news in messages]

    def tell(self, *events: event_pb2.Event) -> None:
        self.send(*self.news.tell(events))

    def seqs(self, topic: bytes) -> list[int]:
        return [event.seq for sent, news in self.sent if sent == topic for event in news.events.events]


def event(seq: int, owner: bytes = ME, job: int = 1, batch: bytes = b"", **labels: str) -> event_pb2.Event:
    return event_pb2.Event(
        seq=seq,
        kind=event_pb2.EVENT_KIND_STARTED,
        key=job_pb2.JobKey(owner=owner, id=bytes([job]) * 16),
        batch=batch,
        labels=[job_pb2.Label(name=name, value=value) for name, value in labels.items()],
    )


def test_each_filter_gets_its_own_and_nothing_else() -> None:
    paper = Paper()
    everything = paper.subscribed(NewsFilter())
    mine = paper.subscribed(NewsFilter(owner=ME))
    batch = paper.subscribed(NewsFilter(batch=b"b" * 16))
    one = paper.subscribed(NewsFilter(jobs=frozenset({JobKey(ME, bytes([2]) * 16)})))
    labelled = paper.subscribed(NewsFilter(labels=frozenset({("a", "1")})))
    paper.tell(event(1), event(2, owner=OTHER), event(3, job=2), event(4, batch=b"b" * 16), event(5, a="1", b="2"))
    assert paper.seqs(everything) == [1, 2, 3, 4, 5]
    assert paper.seqs(mine) == [1, 3, 4, 5]
    assert paper.seqs(batch) == [4]
    assert paper.seqs(one) == [3]
    assert paper.seqs(labelled) == [5]


def test_the_count_is_dense_and_continues_while_nobody_listens() -> None:
    paper = Paper()
    topic = paper.subscribed(NewsFilter())
    paper.tell(event(1), event(2))
    paper.news.left(topic)
    paper.tell(event(3))
    paper.send(paper.news.arrived(topic))
    assert [(news.WhichOneof("content"), news.count) for _, news in paper.sent] == [("events", 2), ("ready", 3)]


def test_a_connection_that_is_known_to_have_left_late_does_not_silence_the_next_one() -> None:
    paper = Paper()
    topic = paper.subscribed(NewsFilter())
    paper.news.arrived(topic)
    paper.news.left(topic)
    paper.tell(event(1))
    assert paper.seqs(topic) == [1]


def test_a_heartbeat_tells_the_count_to_those_who_listen() -> None:
    paper = Paper()
    paper.subscribed(NewsFilter())
    paper.news.grant(ME, NewsFilter())
    paper.tell(event(7))
    paper.sent.clear()
    paper.send(*paper.news.beat())
    ((_, news),) = paper.sent
    assert (news.WhichOneof("content"), news.count, news.heartbeat.head.seq) == ("heartbeat", 1, 7)


def test_nobody_may_use_the_topic_of_another() -> None:
    paper = Paper()
    topic = paper.news.grant(ME, NewsFilter())
    assert not paper.news.wanted(topic, OTHER)
    assert not paper.news.wanted(b"", ME)
    assert not paper.news.revoke(topic, OTHER)
    assert paper.news.wanted(topic, ME)


def test_a_revoked_identity_gets_nothing_more() -> None:
    paper = Paper()
    topic = paper.subscribed(NewsFilter())
    paper.news.revoke_all(ME)
    paper.tell(event(1))
    assert paper.sent == []
    assert not paper.news.wanted(topic, ME)


def test_grants_are_bounded_for_each_identity_and_unused_ones_go_first() -> None:
    paper = Paper()
    for _ in range(MOST_GRANTS):
        paper.news.grant(ME, NewsFilter())
    with pytest.raises(Refused) as refused:
        paper.news.grant(ME, NewsFilter())
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    paper.news.grant(OTHER, NewsFilter())
    paper.now = 61.0
    paper.news.grant(ME, NewsFilter())
    assert len(paper.news) == 2


def test_a_submitter_sees_only_its_own_whatever_it_asks_for() -> None:
    submitter = Member("me", ME, "submitter")
    assert read_filter(event_pb2.Filter(), submitter).owner == ME
    with pytest.raises(Refused) as refused:
        read_filter(event_pb2.Filter(owner=OTHER), submitter)
    assert refused.value.code is Code.PERMISSION_DENIED
    assert read_filter(event_pb2.Filter(), Member("me", ME, "viewer")).owner == b""


@pytest.mark.parametrize(
    ("grants", "labels", "at_once"),
    [(0, 0, 500), (1, 0, 64), (1, 64, 33), (MOST_GRANTS, 0, 15), (MOST_GRANTS, 64, 1)],
    ids=["nobody", "one grant", "one grant and large events", "many grants", "many grants and large events"],
)
def test_what_is_told_in_one_piece_is_less_the_more_grants_look_at_it_and_the_larger_it_is(grants: int, labels: int, at_once: int) -> None:
    paper = Paper()
    wanted = {(f"label-{number}", "x" * 100) for number in range(labels)}
    for _ in range(grants):
        paper.news.grant(ME, NewsFilter(owner=ME, labels=frozenset(wanted)))
    events = [event(seq, **dict(wanted)) for seq in range(1, 501)]
    assert paper.news.part_of(events) == events[:at_once]
    assert paper.news.part_of([event(1, owner=OTHER)] * 100) == [event(1, owner=OTHER)] * (64 if grants else 100)


def test_grants_with_the_same_events_get_them_with_a_count_of_their_own() -> None:
    paper = Paper()
    early, late = paper.subscribed(NewsFilter()), b""
    paper.tell(event(1))
    late = paper.subscribed(NewsFilter(owner=ME))
    paper.tell(event(2, a="1"), event(3))
    told = {topic: (news.count, [one.seq for one in news.events.events]) for topic, news in paper.sent}
    assert told == {early: (3, [2, 3]), late: (2, [2, 3])}

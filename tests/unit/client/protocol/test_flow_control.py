"""Credit over reconnects: nothing is lost or doubled, the reader is never swamped, and the daemon is never left waiting for nothing."""

from __future__ import annotations

import itertools

import pytest
from example_counts import at_length, briefly
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.client.protocol.exchange import Chunk, Exchange
from jobwire.client.protocol.flow_control import MessageWindow
from jobwire.schemas.generated import job_pb2, request_pb2

WINDOW = 64
MESSAGES = 6
HELLO = request_pb2.HelloReply(store=b"s" * 16, limits=request_pb2.Limits(credit_bytes=WINDOW))


class Wire(RuleBasedStateMachine):
    """Both ways between a stream's reader and its daemon: what is under way arrives in order, or is lost with the connection."""

    request: request_pb2.Request

    def __init__(self) -> None:
        super().__init__()
        # An exchange writes into its request.
        self.exchange = Exchange(request_pb2.Request.FromString(self.request.SerializeToString()))
        self.numbers = itertools.count(1)
        self.replies: list[tuple[request_pb2.Reply, bytes]] = []
        self.grants: list[request_pb2.Credit] = []
        self.credit = 0
        self.connect()

    def connect(self) -> None:
        self.replies.clear()
        self.grants.clear()
        self.begin(request_pb2.Request.FromString(self.exchange.prepare(next(self.numbers), HELLO)))

    def begin(self, request: request_pb2.Request) -> None:
        raise NotImplementedError

    def took(self, item: object) -> None:
        raise NotImplementedError

    @rule()
    def the_connection_is_lost_and_made_again(self) -> None:
        self.connect()

    @precondition(lambda self: self.replies)
    @rule()
    def a_reply_arrives(self) -> None:
        _, grant = self.exchange.receive(*self.replies.pop(0))
        self.grant(grant)

    @rule()
    def the_reader_takes(self) -> None:
        item, grant = self.exchange.take()
        self.grant(grant)
        if item is not None:
            self.took(item)

    @precondition(lambda self: self.grants)
    @rule()
    def a_grant_arrives(self) -> None:
        grant = self.grants.pop(0)
        self.credit += grant.bytes + grant.messages

    def grant(self, credit: request_pb2.Credit | None) -> None:
        if credit is not None:
            assert credit.request_id == self.exchange.number
            self.grants.append(credit)

    @invariant()
    def a_reader_with_nothing_to_read_has_granted_something(self) -> None:
        if not self.replies and not self.grants and not self.exchange.items:
            assert self.credit > 0


class ALogArrives(Wire):
    request = request_pb2.Request(follow_log=request_pb2.FollowLog(start=3))

    def __init__(self) -> None:
        self.log = b"abc"
        self.read = b""
        super().__init__()

    def begin(self, request: request_pb2.Request) -> None:
        self.position, self.credit = request.follow_log.start, request.follow_log.credit_bytes

    def took(self, item: object) -> None:
        assert isinstance(item, Chunk)
        assert item.start == 3 + len(self.read)
        self.read += item.data

    @rule(data=st.binary(min_size=1, max_size=100))
    def the_job_writes(self, data: bytes) -> None:
        self.log += data

    @precondition(lambda self: self.credit > 0 and self.position < len(self.log))
    @rule(size=st.integers(1, 100))
    def the_daemon_sends(self, size: int) -> None:
        data = self.log[self.position : self.position + min(size, self.credit)]
        self.replies.append((request_pb2.Reply(log_chunk=request_pb2.LogChunk(start=self.position)), data))
        self.position += len(data)
        self.credit -= len(data)

    @invariant()
    def what_was_read_is_what_was_written(self) -> None:
        assert self.read == self.log[3 : 3 + len(self.read)]

    @invariant()
    def never_more_waits_than_the_window_holds(self) -> None:
        # At a reconnect one byte is granted in any case: a window of 0 would be asked for again and again.
        waiting = sum(len(item.data) for item in self.exchange.items if isinstance(item, Chunk))
        assert waiting <= WINDOW + self.exchange.number

    def teardown(self) -> None:
        for _ in range(2 * len(self.log) + 10):
            if self.credit > 0 and self.position < len(self.log):
                self.the_daemon_sends(50)
            if self.replies:
                self.a_reply_arrives()
            self.the_reader_takes()
            if self.grants:
                self.a_grant_arrives()
        assert self.read == self.log[3:]


class ReportsArrive(Wire):
    request = request_pb2.Request(start=request_pb2.Start(watch=True))

    def __init__(self) -> None:
        # What happened: (job, state), in order.
        self.happened: list[tuple[int, int]] = []
        self.told: list[tuple[int, int]] = []
        super().__init__()
        self.exchange._messages = MessageWindow(MESSAGES)
        self.connect()

    def begin(self, request: request_pb2.Request) -> None:
        # A repeated start is reported from the beginning.
        self.due, self.credit = list(self.happened), request.start.credit_messages

    def took(self, item: object) -> None:
        assert isinstance(item, request_pb2.Reply)
        self.told += [(report.key.id[0], report.state) for report in item.reports.reports]

    @rule()
    def a_job_starts(self) -> None:
        self.happen((len(self.happened), job_pb2.STATE_RUNNING))

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        self.happen((data.draw(st.sampled_from(self.running())), job_pb2.STATE_FINISHED))

    def running(self) -> list[int]:
        states = dict(self.happened)
        return [job for job, state in states.items() if state == job_pb2.STATE_RUNNING]

    def happen(self, what: tuple[int, int]) -> None:
        self.happened.append(what)
        self.due.append(what)

    @precondition(lambda self: self.credit > 0 and self.due)
    @rule(count=st.integers(1, 3))
    def the_daemon_sends(self, count: int) -> None:
        reports = [
            request_pb2.Report(key=job_pb2.JobKey(owner=b"o", id=bytes([job])), state=job_pb2.State.Name(state))
            for job, state in self.due[:count]
        ]
        del self.due[:count]
        self.credit -= 1
        self.replies.append((request_pb2.Reply(reports=request_pb2.Reports(reports=reports)), b""))

    @invariant()
    def what_was_told_happened_in_this_order_and_is_told_once(self) -> None:
        assert self.told == self.happened[: len(self.told)]

    @invariant()
    def never_more_waits_than_the_window_holds(self) -> None:
        # As above: one in any case.
        assert len(self.exchange.items) <= MESSAGES + self.exchange.number

    def teardown(self) -> None:
        for _ in range(3 * len(self.happened) + 10):
            if self.credit > 0 and self.due:
                self.the_daemon_sends(1)
            if self.replies:
                self.a_reply_arrives()
            self.the_reader_takes()
            if self.grants:
                self.a_grant_arrives()
        assert self.told == self.happened


class AScreenIsWatched(ALogArrives):
    """Credit is granted more often, and nothing else changes."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange.grant_often()


ALogArrives.TestCase.settings = AScreenIsWatched.TestCase.settings = ReportsArrive.TestCase.settings = briefly(60, 50)
TestALogArrives = ALogArrives.TestCase
TestAScreenIsWatched = AScreenIsWatched.TestCase
TestReportsArrive = ReportsArrive.TestCase
TestALogArrivesAtLength = at_length(ALogArrives)
TestReportsArriveAtLength = at_length(ReportsArrive)


@pytest.mark.parametrize("often", [True, False])
def test_small_pieces_are_granted_again_before_a_worker_collects_them_if_a_screen_is_watched(*, often: bool) -> None:
    exchange = Exchange(request_pb2.Request(follow_log=request_pb2.FollowLog()))
    exchange.prepare(1, request_pb2.HelloReply(limits=request_pb2.Limits(credit_bytes=1 << 20)))
    if often:
        exchange.grant_often()
    grants = []
    for position in range(200):
        exchange.receive(request_pb2.Reply(log_chunk=request_pb2.LogChunk(start=position)), b"x")
        grants.append(exchange.take()[1])
    between = [position for position, grant in enumerate(grants) if grant is not None]
    assert between == ([31, 63, 95, 127, 159, 191] if often else [])
    assert all(grant.bytes == 32 for grant in grants if grant is not None)

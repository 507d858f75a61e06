"""Clients that ask for much and clients that ask for little, on a loop whose time they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from answers import Answers

from jobwire.broker.fairness.cpu_shares import Shares
from jobwire.broker.fairness.sharing import Sharing
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter

WORK_SECONDS = 0.001
MUCH = 50


@dataclass(eq=False)
class Due:
    """A timer that waits among others."""

    at: float
    callback: Callable[[], None]
    among: list[Due]

    def cancel(self) -> None:
        self.among.remove(self)


class Shared:
    """Requests that each take a millisecond of a clock that stands still otherwise, and the order in which they were worked on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.worked: list[tuple[Peer, bytes]] = []
        self.answers = Answers()
        self.due: list[Due] = []
        self.shares = Shares(self._call_later, self._work, now=self.clock, processor_seconds=self.clock)

    def clock(self) -> float:
        return self.now

    def go_on(self) -> None:
        """Let time pass until nothing waits any more."""
        while self.due:
            due = self.due.pop(0)
            self.now = max(self.now, due.at)
            due.callback()

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass, with what is due in it."""
        until = self.now + seconds
        while self.due and min(due.at for due in self.due) <= until:
            due = min(self.due, key=lambda due: due.at)
            self.due.remove(due)
            self.now = max(self.now, due.at)
            due.callback()
        self.now = max(self.now, until)

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> Due:
        due = Due(self.now + seconds, callback, self.due)
        self.due.append(due)
        return due

    def _work(self, peer: Peer, frame: bytes, _bulk: memoryview | None, _sharing: Sharing) -> None:
        self.worked.append((peer, frame))
        self.now += WORK_SECONDS

    def peer(self, name: bytes) -> Peer:
        return Peer(name, Meter(-1, name), Account(name * 32), self.answers)

    def frames_of(self, peer: Peer) -> list[bytes]:
        return [frame for whose, frame in self.worked if whose is peer]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_a_single_client_waits_for_nothing() -> None:
    shared = Shared()
    one = shared.peer(b"a")
    assert [shared.shares.take(one, frame) for frame in numbered(MUCH)] == [0] * MUCH
    assert shared.frames_of(one) == numbered(MUCH)


def test_a_client_that_asks_for_little_is_answered_at_once_beside_one_that_asks_for_much() -> None:
    shared = Shared()
    much, little = shared.peer(b"a"), shared.peer(b"b")
    for number, frame in enumerate(numbered(MUCH)):
        shared.shares.take(much, frame)
        if number == MUCH // 2:
            assert shared.shares.take(little, b"a list") == 0
            assert shared.worked[-1] == (little, b"a list")
    assert len(shared.frames_of(much)) < MUCH
    shared.go_on()
    assert shared.frames_of(much) == numbered(MUCH)


def test_whether_others_are_served_is_known_for_a_quarter_of_a_second_after_a_request() -> None:
    shared = Shared()
    one, other = shared.peer(b"a"), shared.peer(b"b")
    assert not shared.shares.serves_others(one.public)
    shared.shares.take(one, b"a start")
    assert not shared.shares.serves_others(one.public)
    assert shared.shares.serves_others(other.public)
    shared.shares.take(other, b"a list")
    assert shared.shares.serves_others(one.public)
    shared.now += 0.3
    assert not shared.shares.serves_others(one.public)


def test_who_waits_is_told_how_long_and_has_a_share_again_by_then() -> None:
    shared = Shared()
    much, little = shared.peer(b"a"), shared.peer(b"b")
    shared.shares.take(little, b"here")
    waits = [shared.shares.take(much, frame) for frame in numbered(MUCH)]
    assert 0 < max(waits) < 1
    assert len(shared.frames_of(much)) == waits.count(0)
    shared.shares.take(little, b"still here")
    shared.go_on()
    assert shared.frames_of(much) == numbered(MUCH)


def test_those_who_ask_for_as_much_as_each_other_wait_for_nothing() -> None:
    shared = Shared()
    one, other = shared.peer(b"a"), shared.peer(b"b")
    for frame in numbered(MUCH):
        shared.shares.take(one, frame)
        shared.shares.take(other, frame)
    assert shared.shares.take(one, b"more") == 0
    assert shared.shares.take(other, b"more") == 0


def test_one_that_uses_the_most_waits_for_one_that_uses_more_than_its_share_too() -> None:
    shared = Shared()
    most, more = shared.peer(b"a"), shared.peer(b"b")
    shared.shares.take(more, b"here")
    for frame in numbered(10 * MUCH):
        shared.shares.take(most, frame)
    waited = 0
    for frame in numbered(4 * MUCH):
        # A request in 4 ms: a quarter of the loop's time, and not only a tenth.
        waited += shared.shares.take(more, frame) > 0
        shared.pass_time(0.003)
    assert waited <= 4
    assert len(shared.frames_of(most)) <= 2.5 * len(shared.frames_of(more))


def test_a_request_waits_for_no_longer_than_three_times_what_the_last_one_took() -> None:
    shared = Shared()
    much, little = shared.peer(b"a"), shared.peer(b"b")
    shared.shares.take(little, b"here")
    waits = [shared.shares.take(much, frame) for frame in numbered(MUCH)]
    assert 0 < max(waits) <= 3.01 * WORK_SECONDS
    worked = len(shared.frames_of(much))
    shared.pass_time(3.01 * WORK_SECONDS)
    assert len(shared.frames_of(much)) == worked + 1


def test_what_was_used_long_ago_makes_nobody_wait() -> None:
    shared = Shared()
    before, now = shared.peer(b"a"), shared.peer(b"b")
    for frame in numbered(MUCH):
        shared.shares.take(before, frame)
    shared.now += 3
    for frame in numbered(MUCH):
        assert shared.shares.take(before, frame) == 0
        assert shared.shares.take(now, frame) == 0


def test_a_new_connection_is_no_new_share() -> None:
    shared = Shared()
    first, little = shared.peer(b"a"), shared.peer(b"b")
    second = Peer(b"second", Meter(-1, b"second"), first.account, shared.answers)
    shared.shares.take(little, b"here")
    for frame in numbered(MUCH):
        shared.shares.take(first, frame)
    assert shared.shares.take(second, b"me too") > 0


def test_requests_of_a_client_that_is_gone_are_not_handled() -> None:
    shared = Shared()
    much, little = shared.peer(b"a"), shared.peer(b"b")
    shared.shares.take(little, b"here")
    for frame in numbered(MUCH):
        shared.shares.take(much, frame)
    worked = shared.frames_of(much)
    much.end()
    other = Peer(b"other", Meter(-1, b"other"), much.account, shared.answers)
    shared.shares.take(other, b"the last in line")
    shared.go_on()
    assert shared.frames_of(other) == [b"the last in line"]
    assert shared.frames_of(much) == worked


def test_a_client_with_too_much_waiting_is_cut_off() -> None:
    shared = Shared()
    much, little = shared.peer(b"a"), shared.peer(b"b")
    shared.shares.take(little, b"here")
    for _ in range(MUCH):
        shared.shares.take(much, bytes(1024 * 1024))
    assert shared.answers.dropped[0] is much
    assert little not in shared.answers.dropped
    shared.shares.close()

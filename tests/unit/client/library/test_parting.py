"""How long a command that was asked to end still waits, over a connection that is only described."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from jobwire.client.library import parting
from jobwire.client.library.parting import Parting
from jobwire.client.protocol.exchange import Exchange, Item
from jobwire.client.sockets.connection import Connection
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused

JOBS = [JobKey(b"o" * 32, bytes([number]) * 16) for number in range(40)]
ONE = JOBS[0]


class Line:
    """A connection, and the daemon at its other end. `silent`: of which jobs it says that their worker gives no sign."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.endpoint = "tcp://lab:7341"
        self.greeted = True
        self.answers = True
        self.moving = False
        self.heard = 5
        self.now = 1000.0
        self.silent: set[JobKey] = set()
        self.silence = self
        self.asked: list[Exchange] = []
        self.about: list[JobKey] = []

    def is_moving(self, _: float) -> bool:
        return self.moving

    def ask(self, request: request_pb2.Request) -> Exchange:
        self.asked.append(Exchange(request))
        if request.hello.HasField("about"):
            self.about.append(JobKey(request.hello.about.owner, request.hello.about.id))
        return self.asked[-1]

    def take(self, exchange: Exchange) -> Item | None:
        return exchange.take()[0]

    def forget(self, exchange: Exchange) -> None:
        exchange.ended = True

    def answer(self) -> None:
        for exchange in [one for one in self.asked if not one.ended]:
            self.heard += 1
            about = exchange.request.hello.about
            is_silent = exchange.request.hello.HasField("about") and JobKey(about.owner, about.id) in self.silent
            told = request_pb2.HelloReply(silent_worker="lab", silent_ms=60_000) if is_silent else request_pb2.HelloReply()
            exchange.items.append(request_pb2.Reply(hello=told))
            exchange.ended = True


Made = tuple[Line, Parting]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Made]:
    def made(kind: str = "worker") -> Made:
        line = Line(kind)
        monkeypatch.setattr(parting.time, "monotonic", lambda: line.now)
        return line, Parting(cast("Connection", line))

    return made


def wait(line: Line, one: Parting, jobs: list[JobKey], seconds: float, *, is_held_up: bool = False) -> str:
    """Turn when it is due, for so long or until it is enough."""
    until = line.now + seconds
    while True:
        if who := one.turn(jobs, is_held_up=is_held_up):
            return who
        if line.answers and line.greeted:
            line.answer()
        due = one.due_at
        if due is None or due > until:
            line.now = until
            return ""
        line.now = max(line.now, due)


def test_whoever_was_not_asked_to_end_waits_however_long(make: Callable[..., Made]) -> None:
    line, one = make()
    line.greeted = False
    assert wait(line, one, [ONE], 1000) == ""
    assert one.due_at is None
    assert not line.asked


@pytest.mark.parametrize("how", ["lost", "suspended"])
def test_a_worker_that_gives_no_sign_is_left_after_five_seconds(make: Callable[..., Made], how: str) -> None:
    line, one = make()
    line.greeted, line.answers = how != "lost", False
    one.begin()
    assert wait(line, one, [ONE], 60) == "the worker at tcp://lab:7341 does not answer"
    assert line.now == 1005


def test_a_worker_that_answers_is_waited_for_and_left_when_it_does_not_any_more(make: Callable[..., Made]) -> None:
    line, one = make()
    one.begin()
    assert wait(line, one, [ONE], 3600) == ""
    line.answers = False
    assert "does not answer" in wait(line, one, [ONE], 60)
    assert line.now == pytest.approx(4606, abs=1)


def test_one_that_refuses_the_connection_as_one_too_many_does_not_answer(make: Callable[..., Made]) -> None:
    line, one = make()
    one.begin()
    line.greeted = False
    while not (who := one.turn([ONE])):
        line.heard += 1
        line.now += 1
    assert "does not answer" in who
    assert line.now == 1005


def test_a_signal_that_was_passed_on_is_all_that_is_waited_for(make: Callable[..., Made]) -> None:
    line, one = make()
    signalled = Exchange(request_pb2.Request(signal=request_pb2.Signal(signal=2)))
    one.pass_on(signalled)
    assert wait(line, one, [ONE], 2) == ""
    signalled.ended = True
    # The job goes on, and so does the command, also if the worker is killed later.
    line.greeted = False
    assert wait(line, one, [ONE], 3600) == ""
    one.pass_on(Exchange(signalled.request))
    assert "does not answer" in wait(line, one, [ONE], 60)


def test_a_signal_that_a_broker_cannot_pass_on_ends_the_command_all_the_same(make: Callable[..., Made]) -> None:
    line, one = make("broker")
    line.silent = {ONE}
    refused = Exchange(request_pb2.Request(signal=request_pb2.Signal(signal=2)))
    refused.ended, refused.refusal = True, Refused(Code.UNAVAILABLE, "worker lab cannot be reached")
    one.pass_on(refused)
    assert wait(line, one, [ONE], 60) == "worker lab does not answer the broker at tcp://lab:7341"
    assert line.now == 1005


def test_a_signal_that_a_broker_could_not_pass_on_is_forgotten_when_the_worker_is_back(make: Callable[..., Made]) -> None:
    """The next Ctrl-C reaches it."""
    line, one = make("broker")
    refused = Exchange(request_pb2.Request(signal=request_pb2.Signal(signal=2)))
    refused.ended, refused.refusal = True, Refused(Code.UNAVAILABLE, "worker lab cannot be reached")
    one.pass_on(refused)
    assert wait(line, one, [ONE], 3600) == ""
    assert one.due_at is None


def test_a_refusal_with_another_reason_is_an_answer(make: Callable[..., Made]) -> None:
    line, one = make()
    refused = Exchange(request_pb2.Request(signal=request_pb2.Signal(signal=2)))
    refused.ended, refused.refusal = True, Refused(Code.NOT_FOUND, "no such job")
    line.greeted = False
    one.pass_on(refused)
    assert wait(line, one, [ONE], 3600) == ""


def test_a_broker_is_asked_about_each_of_many_jobs_and_left_when_none_is_left_that_answers(make: Callable[..., Made]) -> None:
    line, one = make("broker")
    line.silent = set(JOBS[:-1])
    one.begin()
    assert wait(line, one, JOBS, 60) == ""
    assert set(line.about) == set(JOBS)
    assert wait(line, one, JOBS[:-1], 60) == "worker lab does not answer the broker at tcp://lab:7341"


def test_a_broker_that_is_gone_is_named_itself(make: Callable[..., Made]) -> None:
    line, one = make("broker")
    line.silent = {ONE}
    one.begin()
    assert wait(line, one, [ONE], 3) == ""
    line.greeted = False
    assert wait(line, one, [ONE], 60) == "the broker at tcp://lab:7341 does not answer"


def test_a_slow_line_is_waited_for(make: Callable[..., Made]) -> None:
    line, one = make()
    line.answers, line.moving = False, True
    one.begin()
    assert wait(line, one, [ONE], 600) == ""


def test_output_that_its_reader_holds_up_is_waited_for_once_the_job_has_ended(make: Callable[..., Made]) -> None:
    line, one = make()
    one.begin()
    assert wait(line, one, [], 600, is_held_up=True) == ""
    # What is to come does not come.
    assert "does not answer" in wait(line, one, [], 60)
    assert not line.asked


def test_whoever_leaves_at_once_is_told_whether_there_was_a_sign_just_now(make: Callable[..., Made]) -> None:
    line, one = make()
    assert one.doubts([ONE]) == ""
    one.begin()
    line.answers = False
    assert wait(line, one, [ONE], 1.5) == ""
    assert one.doubts([ONE]) == ""
    assert wait(line, one, [ONE], 1) == ""
    assert one.doubts([ONE]) == "the worker at tcp://lab:7341 does not answer"
    line.answer()
    assert one.doubts([ONE]) == ""
    line.greeted = False
    assert one.doubts([ONE]) == "the worker at tcp://lab:7341 does not answer"

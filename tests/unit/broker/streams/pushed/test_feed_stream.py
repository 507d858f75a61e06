"""One job that is fed, over an input that takes whatever it is given; the client is a list of what it was told."""

from __future__ import annotations

from typing import cast

import pytest

from jobwire.broker.engine import Engine, Feeder
from jobwire.broker.jobs.job import Job
from jobwire.broker.streams.pushed.feed_stream import FeedStream
from jobwire.broker.streams.pushed.pushed_stream import Pusher
from jobwire.schemas.frames import LARGEST_FEED_WINDOW, LARGEST_PUSH
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Refused

TOKEN = b"t" * 16
NO_JOB = cast("Job", None)


class OneInput:
    """An input with a window; and the engine that has it."""

    def __init__(self) -> None:
        self.held = b""
        self.given = 0
        self.is_open = True
        self.is_finished = False
        self.problem: Refused | None = None

    def feed(self, _key: object, token: bytes, _feeder: Feeder) -> OneInput:
        assert token == TOKEN
        return self

    @property
    def reached(self) -> int:
        return len(self.held)

    @property
    def limit(self) -> int:
        return self.given + LARGEST_FEED_WINDOW

    def write(self, data: memoryview) -> None:
        if self.problem is not None:
            raise self.problem
        self.held += data

    def finish(self, problem: str = "") -> None:
        assert not problem
        self.is_finished = True

    def close(self) -> None:
        self.is_open = False


class Attempt:
    key = None


class AnyJob:
    attempt = Attempt()


class House:
    """A stream with everything around it. `shared_by` is how many jobs and contents the member sends at present."""

    def __init__(self) -> None:
        self.input = OneInput()
        self.sent: list[request_pb2.Reply] = []
        self.refused: list[Refused] = []
        self.expelled: list[Refused] = []
        self.ends = 0
        self.shared_by = 1
        self.is_there = True
        self.stream = FeedStream(
            Pusher(7, self._send, self.refused.append, self.expelled.append, self._end),
            TOKEN,
            cast("Engine", self.input),
            shared_by=lambda: self.shared_by,
        )

    def _send(self, reply: request_pb2.Reply, bulk: bytes | None) -> bool:
        assert (reply.request_id, bulk) == (7, None)
        self.sent.append(reply)
        return self.is_there

    def _end(self) -> None:
        self.ends += 1

    def begin(self) -> House:
        self.stream.started(cast("Job", AnyJob()))
        self.stream.advance()
        return self

    def push(self, start: int, data: bytes, *, last: bool = False) -> None:
        self.stream.push(request_pb2.Push(request_id=7, start=start, last=last), memoryview(data))

    @property
    def windows(self) -> list[tuple[int, int]]:
        return [(reply.window.reached, reply.window.limit) for reply in self.sent if reply.HasField("window")]

    @property
    def end(self) -> request_pb2.FeedEnd:
        assert self.sent[-1].last
        assert self.ends == 1
        assert not self.input.is_open
        return self.sent[-1].feed_end


def test_nothing_is_wanted_before_the_job_has_started() -> None:
    house = House()
    house.stream.advance()
    assert house.sent == []
    house.push(0, b"early")
    assert [refused.code for refused in house.expelled] == [Code.INVALID_ARGUMENT]
    assert house.begin().windows == [(0, LARGEST_FEED_WINDOW)]


def test_a_job_that_starts_again_is_fed_by_the_same_input() -> None:
    house = House().begin()
    house.push(0, b"one")
    house.begin()
    assert house.input.held == b"one"
    assert len(house.windows) == 1


def test_the_last_byte_ends_the_input_and_the_stream() -> None:
    house = House().begin()
    house.push(0, b"one")
    house.push(3, b"two", last=True)
    assert house.input.held == b"onetwo"
    assert house.input.is_finished
    assert (house.end.reached, house.end.why) == (6, "")


def test_what_has_arrived_is_not_written_twice() -> None:
    house = House().begin()
    house.push(0, b"one")
    house.push(0, b"one two")
    house.push(1, b"n")
    assert house.input.held == b"one two"


def test_a_gap_is_refused() -> None:
    house = House().begin()
    house.push(1, b"ne")
    assert "bytes 0 to 1 of the input are missing" in str(house.refused[0])
    assert house.ends == 1
    assert not house.input.is_open


@pytest.mark.parametrize("size", [LARGEST_PUSH + 1, LARGEST_FEED_WINDOW + 1])
def test_a_client_that_sends_more_than_it_may_is_expelled(size: int) -> None:
    house = House().begin()
    house.push(0, bytes(size))
    assert len(house.expelled) == 1
    assert house.input.held == b""


def test_a_push_without_bytes_is_refused() -> None:
    house = House().begin()
    house.stream.push(request_pb2.Push(request_id=7), None)
    assert "none" in str(house.refused[0])


def test_how_far_it_may_go_is_said_again_only_when_it_is_worth_a_message() -> None:
    house = House().begin()
    house.input.given = 1000
    house.stream.advance()
    assert len(house.windows) == 1
    house.input.given = 2 * 1024 * 1024
    house.stream.advance()
    assert house.windows[1:] == [(0, LARGEST_FEED_WINDOW + house.input.given)] or len(house.windows) <= 2


def test_who_feeds_many_jobs_may_send_less_to_each() -> None:
    house = House()
    house.shared_by = 1000
    ((reached, limit),) = house.begin().windows
    assert (reached, limit) == (0, 64 * 1024)


def test_a_problem_of_the_input_is_a_refusal() -> None:
    house = House().begin()
    house.input.problem = Refused(Code.RESOURCE_EXHAUSTED, "no memory")
    house.push(0, b"one")
    assert house.refused == [house.input.problem]
    assert house.ends == 1


def test_a_job_that_ends_says_how_far_it_was_fed() -> None:
    house = House().begin()
    house.push(0, b"one")
    house.stream.finished(NO_JOB)
    assert (house.end.reached, house.end.why) == (3, "the job has ended")
    house.stream.finished(NO_JOB)
    house.push(3, b"late")
    assert house.ends == 1


def test_a_job_that_somebody_else_feeds_is_refused() -> None:
    house = House().begin()
    house.stream.taken()
    assert "another client" in str(house.refused[0])


def test_a_client_that_is_gone_lets_go_of_the_input() -> None:
    house = House()
    house.is_there = False
    house.begin()
    assert house.ends == 1
    assert not house.input.is_open

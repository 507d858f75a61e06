from collections.abc import Callable
from typing import Any, cast

import pytest

from jobwire.broker.engine import Engine, Feeder
from jobwire.broker.jobs.job import Job
from jobwire.broker.streams.pushed.pushed_stream import Pusher
from jobwire.broker.streams.pushed.typing_stream import TypingStream
from jobwire.schemas.frames import LARGEST_TYPED
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.refusal import Refused


class OneTerminal:
    """A terminal that takes as many bytes as it is told; and the engine that has it."""

    def __init__(self) -> None:
        self.feeder: Feeder | None = None
        self.typed = b""
        self.room = 1_000_000
        self.sizes: list[TerminalSize] = []
        self.is_closed = False

    def terminal(self, _key: object, feeder: Feeder) -> "OneTerminal":
        self.feeder = feeder
        return self

    def type(self, data: bytes) -> int:
        taken = data[: self.room]
        self.room -= len(taken)
        self.typed += taken
        return len(taken)

    def resize(self, size: TerminalSize) -> None:
        self.sizes.append(size)

    def close(self) -> None:
        self.is_closed = True


class House:
    """A stream with everything around it."""

    def __init__(self) -> None:
        self.terminal = OneTerminal()
        self.sent: list[request_pb2.Reply] = []
        self.refused: list[Refused] = []
        self.expelled: list[Refused] = []
        self.ends = 0
        self.is_there = True
        self.later: list[Callable[[], None]] = []
        self.stream = TypingStream(
            Pusher(7, self._send, self.refused.append, self.expelled.append, self._end),
            cast("Engine", self.terminal),
            call_later=self._call_later,
        )

    def _send(self, reply: request_pb2.Reply, bulk: bytes | None) -> bool:
        assert bulk is None
        assert reply.request_id == 7
        self.sent.append(reply)
        return self.is_there

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        assert seconds > 0
        self.later.append(callback)

    def wait(self) -> None:
        """Let the moment pass after which the client is told."""
        due, self.later = self.later, []
        for callback in due:
            callback()

    def _end(self) -> None:
        self.ends += 1

    def push(self, start: int, data: bytes) -> None:
        self.stream.push(request_pb2.Push(request_id=7, start=start), memoryview(data))

    def windows(self) -> list[tuple[int, int]]:
        return [(reply.window.reached, reply.window.limit) for reply in self.sent]

    def start(self) -> None:
        job: Any = Job.__new__(Job)
        object.__setattr__(job, "attempt", type("Attempt", (), {"key": None}))
        self.stream.started(job)


@pytest.fixture
def house() -> House:
    made = House()
    made.start()
    made.stream.advance()
    return made


def test_nothing_may_be_typed_before_the_terminal_is_there() -> None:
    house = House()
    house.push(0, b"x")
    assert [str(one) for one in house.expelled] == ["bytes 0 to 1 of what is typed were sent, but only those before 0 may be sent so far"]


def test_not_even_nothing_may_be_sent_before_it_is_asked_for() -> None:
    house = House()
    house.push(0, b"")
    assert [str(one) for one in house.expelled] == ["bytes 0 to 0 of what is typed were sent, but only those before 0 may be sent so far"]


def test_what_is_typed_reaches_the_terminal_and_is_acknowledged(house: House) -> None:
    house.push(0, b"ab")
    house.push(2, b"c")
    assert house.terminal.typed == b"abc"
    assert house.windows() == [(0, LARGEST_TYPED)]
    house.wait()
    assert house.windows() == [(0, LARGEST_TYPED), (3, 3 + LARGEST_TYPED)]
    house.push(3, b"d")
    house.wait()
    assert house.windows()[-1] == (4, 4 + LARGEST_TYPED)


def test_what_is_pasted_is_acknowledged_at_once(house: House) -> None:
    half = LARGEST_TYPED // 2
    house.push(0, b"x")
    house.push(1, b"x" * half)
    assert house.windows() == [(0, LARGEST_TYPED), (half + 1, half + 1 + LARGEST_TYPED)]
    house.wait()
    assert len(house.windows()) == 2


def test_nothing_is_acknowledged_after_the_end(house: House) -> None:
    house.push(0, b"x")
    house.stream.over("the job has ended")
    house.wait()
    assert [reply.WhichOneof("content") for reply in house.sent] == ["window", "feed_end"]


def test_bytes_that_arrived_already_are_ignored_and_a_gap_is_refused(house: House) -> None:
    house.push(0, b"abc")
    house.push(1, b"bcd")
    assert house.terminal.typed == b"abcd"
    house.push(5, b"f")
    assert [str(one) for one in house.refused] == ["bytes 4 to 5 of what is typed are missing"]
    assert house.terminal.is_closed
    assert house.ends == 1


def test_a_terminal_that_is_full_stops_its_typist(house: House) -> None:
    house.terminal.room = 2
    house.push(0, b"abcdef")
    house.wait()
    assert house.windows()[-1] == (2, 2 + LARGEST_TYPED)
    house.push(6, b"x" * (LARGEST_TYPED - 4))
    assert not house.expelled
    house.push(LARGEST_TYPED + 2, b"y")
    assert len(house.expelled) == 1
    house.terminal.room = LARGEST_TYPED
    house.stream.advance()
    assert house.terminal.typed.startswith(b"abcdefx")


def test_sizes_wait_for_the_terminal_so_that_programs_notice_a_change() -> None:
    house = House()
    sizes = [TerminalSize(rows, 80) for rows in (10, 23, 24)]
    for size in sizes:
        house.stream.resize(size)
    house.start()
    house.stream.advance()
    assert house.terminal.sizes == sizes[1:]
    house.stream.resize(sizes[0])
    assert house.terminal.sizes[-1] == sizes[0]


@pytest.mark.parametrize(("said", "given"), [((23, 24, 24), (23, 24)), ((24, 24), (24,)), ((24, 23, 24), (23, 24))])
def test_a_size_that_is_said_again_hides_no_change(said: tuple[int, ...], given: tuple[int, ...]) -> None:
    house = House()
    for rows in said:
        house.stream.resize(TerminalSize(rows, 80))
    house.start()
    house.stream.advance()
    assert [size.rows for size in house.terminal.sizes] == list(given)


def test_an_impossible_size_ends_it_with_a_refusal(house: House) -> None:
    house.stream.resize(TerminalSize(0, 80))
    assert len(house.refused) == 1
    assert house.ends == 1


def test_it_ends_with_the_job_once(house: House) -> None:
    job: Any = None
    house.stream.finished(job)
    house.stream.finished(job)
    house.stream.advance()
    assert (house.sent[-1].feed_end.why, house.sent[-1].last, house.ends, house.terminal.is_closed) == ("the job has ended", True, 1, True)


def test_it_ends_if_the_client_is_gone(house: House) -> None:
    house.is_there = False
    house.push(0, b"a")
    house.wait()
    assert (house.ends, house.terminal.is_closed) == (1, True)


def test_a_push_without_its_bytes_is_refused(house: House) -> None:
    house.stream.push(request_pb2.Push(request_id=7), None)
    assert len(house.refused) == 1

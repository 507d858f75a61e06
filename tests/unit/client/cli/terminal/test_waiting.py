"""What a command says on a terminal about what it waits for, and when."""

from __future__ import annotations

import pytest

from jobwire.client.cli.terminal import streams, waiting
from jobwire.client.cli.terminal.streams import STDERR, STDOUT
from jobwire.client.cli.terminal.waiting import Patience, WaitingLine
from jobwire.client.protocol.exchange import Exchange
from jobwire.client.sockets.waiting.onlooker import Ends, Purpose, Transfer, Wait
from jobwire.schemas.generated import request_pb2

JOB = bytes(range(16))
MIB = 1 << 20


def wait(purpose: Purpose | None = None, *exchanges: Exchange, is_connected: bool = True, silent: str = "") -> Wait:
    return Wait("tcp://lab:7000", is_connected, exchanges, purpose, silent)


def status() -> Exchange:
    return Exchange(request_pb2.Request(status=request_pb2.Status()))


def test_a_connection_is_spoken_of_after_a_second() -> None:
    patience = Patience()
    connecting = wait(is_connected=False)
    assert patience.look(connecting, 10.0) == ("", 11.0)
    assert patience.look(connecting, 10.9) == ("", 11.0)
    assert patience.look(connecting, 11.0) == ("connecting to tcp://lab:7000 (1s)", 12.0)
    assert patience.look(connecting, 75.5) == ("connecting to tcp://lab:7000 (1m05s)", 76.5)


def test_each_wait_has_a_second_of_its_own() -> None:
    patience = Patience()
    first, second = status(), status()
    assert patience.look(wait(None, first), 0.0) == ("", 1.0)
    # The first was answered meanwhile.
    assert patience.look(wait(None, second), 0.9) == ("", 1.9)
    assert patience.look(wait(None, second), 2.0) == ("waiting for tcp://lab:7000 to answer (1s)", 3.0)
    assert patience.look(wait(None), 3.0) == ("", None)


def test_nothing_is_said_of_what_may_take_its_time() -> None:
    patience = Patience()
    silent = [
        request_pb2.Request(follow_log=request_pb2.FollowLog()),
        request_pb2.Request(feed=request_pb2.Feed(token=b"t" * 16)),
        request_pb2.Request(query_run=request_pb2.QueryRun(until_ended=True)),
    ]
    assert patience.look(wait(None, *map(Exchange, silent)), 0.0) == ("", None)


def test_a_start_that_was_acknowledged_is_not_waited_for_any_more() -> None:
    exchange = Exchange(request_pb2.Request(start=request_pb2.Start(watch=True)))
    assert exchange.is_awaited
    exchange.receive(request_pb2.Reply(acknowledged=request_pb2.Acknowledged()), b"")
    exchange.take()
    assert not exchange.is_awaited


def test_a_content_is_waited_for_until_the_worker_says_how_far_it_is() -> None:
    exchange = Exchange(request_pb2.Request(put=request_pb2.Put(size=10)))
    assert exchange.is_awaited
    exchange.receive(request_pb2.Reply(window=request_pb2.Window(reached=0, limit=10)), b"")
    assert not exchange.is_awaited


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (Ends(1, JOB, is_queued=True), "waiting for job 00010203 to start (2s)"),
        (Ends(1, JOB), "waiting for job 00010203 to end (2s)"),
        (Ends(30), "waiting for 30 jobs to end (2s)"),
    ],
)
def test_jobs_are_waited_for(ends: Ends, said: str) -> None:
    patience = Patience()
    patience.look(wait(ends), 0.0)
    assert patience.look(wait(ends), 2.0) == (said, 3.0)


def test_contents_on_their_way_are_told_with_the_rate_of_the_last_seconds() -> None:
    patience = Patience()

    def look(now: float, done: int, size: int | None = 100 * MIB) -> tuple[str, float | None]:
        return patience.look(wait(Transfer(is_sent=size is not None, done_bytes=done * MIB, size_bytes=size)), now)

    assert look(0.0, 0) == ("", 1.0)
    assert look(1.0, 10) == ("sent 10 MiB of 100 MiB", 1.25)
    assert look(2.0, 20) == ("sent 20 MiB of 100 MiB, 10 MiB/s", 2.25)
    assert look(4.0, 20)[0] == "sent 20 MiB of 100 MiB, 3.3 MiB/s"
    assert look(9.0, 20)[0] == "sent 20 MiB of 100 MiB, 0 bytes/s"
    # Others than before.
    assert look(10.0, 5, None) == ("received 5 MiB", 10.25)


@pytest.mark.parametrize("standstill", [{"is_connected": False}, {"silent": "tcp://lab:7000"}])
def test_a_rate_after_a_standstill_is_that_of_what_comes_afterwards(standstill: dict[str, object]) -> None:
    patience = Patience()

    def look(now: float, done: int, **how: object) -> str:
        moving = wait(Transfer(is_sent=False, done_bytes=done * MIB, size_bytes=None))
        return patience.look(moving._replace(**how), now)[0]  # type: ignore[arg-type]

    look(0.0, 0)
    assert look(1.0, 10) == "received 10 MiB"
    assert look(2.0, 20) == "received 20 MiB, 10 MiB/s"
    for second in range(3, 60):
        assert "lab:7000" in look(second, 20, **standstill) or second == 3
    assert look(60.0, 20) == ""
    assert look(61.0, 40) == "received 40 MiB"
    assert look(62.0, 60) == "received 60 MiB, 20 MiB/s"


def test_of_a_silent_worker_it_is_counted_how_long_a_sign_is_waited_for() -> None:
    patience = Patience()
    silent = wait(Ends(1, JOB), status(), silent="worker lab")
    assert patience.look(silent, 10.0) == ("", 11.0)
    assert patience.look(silent, 15.0) == ("waiting for a response from worker lab (5s)", 16.0)


def test_while_contents_travel_the_next_may_wait_for_its_turn() -> None:
    patience = Patience()
    moving = wait(Transfer(is_sent=True, done_bytes=0, size_bytes=5), status())
    patience.look(moving, 0.0)
    assert patience.look(moving, 1.0)[0] == "sent 0 bytes of 5 bytes"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(waiting, "_draw", texts.append)
    monkeypatch.setattr(waiting, "is_in_front", lambda: True)
    monkeypatch.setattr(waiting, "_takes_output", lambda: True)
    monkeypatch.setattr(waiting, "is_terminal", lambda fd: fd in {STDOUT, STDERR})
    monkeypatch.setenv("COLUMNS", "20")
    return texts


def test_the_line_fits_is_drawn_once_and_makes_room(drawn: list[str]) -> None:
    now = 0.0
    line = WaitingLine(lambda: now)
    line.look(wait(Ends(2)))
    now = 1.0
    line.look(wait(Ends(2)))
    line.look(wait(Ends(2)))
    assert drawn == ["\r\x1b[Kwaiting for 2 jobs "]
    line.make_room(STDERR, b"a message\n")
    assert drawn[1:] == ["\r\x1b[K"]
    line.make_room(STDERR, b"another\n")
    assert len(drawn) == 2


def test_a_line_that_was_begun_is_left_alone(drawn: list[str]) -> None:
    line = WaitingLine(lambda: 0.0)
    line.make_room(STDOUT, b"Password: ")
    line.show("waiting")
    assert drawn == []
    line.make_room(STDOUT, b"\n")
    line.show("waiting")
    assert drawn == ["\r\x1b[Kjobwire: waiting"]


def test_nothing_is_shown_while_something_else_has_the_terminal(drawn: list[str]) -> None:
    line = WaitingLine(lambda: 5.0)
    line.show("waiting")
    with line.muted():
        assert drawn.pop() == "\r\x1b[K"
        assert line.look(wait(Ends(2))) is None
        line.show("waiting")
    assert drawn == ["\r\x1b[Kjobwire: waiting"]


def test_without_a_terminal_there_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_line", None)
    monkeypatch.setattr(waiting, "is_terminal", lambda _: False)
    assert waiting.waiting_line() is None
    with waiting.muted(), waiting.Saying(lambda: "never"):
        pass
    assert streams.make_room is None

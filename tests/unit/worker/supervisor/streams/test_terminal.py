"""The terminal of a job: its output reaches the pipe from which the log is filled, with splice(2) and without."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.streams import terminal as terminals
from jobwire.worker.supervisor.streams.terminal import Terminal


@pytest.fixture
def made() -> Iterator[tuple[Terminal, int]]:
    """Return a terminal, and the read end of its pipe."""
    terminal, (_, read_end) = terminals.create(Loop(), 24, 80)
    terminal.begin(lambda: None)
    yield terminal, read_end
    terminal.close()
    os.close(read_end)


@pytest.fixture(params=["spliced", "copied"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "copied":

        def refused(*_: object, **__: object) -> int:
            raise OSError(errno.EINVAL, "no splice")

        monkeypatch.setattr(os, "splice", refused)


@pytest.mark.usefixtures("how")
def test_what_is_written_to_it_comes_out_of_its_pipe(made: tuple[Terminal, int]) -> None:
    terminal, read_end = made
    os.write(terminal.peer, b"one\ntwo")
    assert terminal.fill() is False
    assert os.read(read_end, 100) == b"one\r\ntwo"
    assert terminal.fill() is False
    with pytest.raises(BlockingIOError):
        os.read(read_end, 100)


@pytest.mark.usefixtures("how")
def test_a_full_pipe_is_waited_for_and_nothing_is_lost(made: tuple[Terminal, int]) -> None:
    terminal, read_end = made
    os.set_blocking(terminal.peer, False)
    written = read = b""
    while not terminal.fill():
        line = b"%07d\n" % len(written)
        written += line[: os.write(terminal.peer, line)]
    while len(read) < len(written.replace(b"\n", b"\r\n")):
        read += os.read(read_end, 50_000)
        terminal.fill()
    assert read == written.replace(b"\n", b"\r\n")


@pytest.mark.usefixtures("how")
def test_a_terminal_that_nobody_has_any_more_is_left_alone(made: tuple[Terminal, int]) -> None:
    terminal, _ = made
    os.close(terminal.peer)
    terminal.peer = -1
    assert terminal.fill() is False
    assert terminal.is_open


def test_what_is_shown_is_pumped_in_the_same_turn() -> None:
    loop = Loop()
    terminal, (_, read_end) = terminals.create(loop, 24, 80)
    pumped = []

    def pump() -> None:
        pumped.append(os.read(read_end, 100))
        loop.end()

    terminal.begin(pump)
    os.write(terminal.peer, b"x")
    loop.run()
    terminal.close()
    os.close(read_end)
    assert pumped == [b"x"]

"""The progress of a batch: which lines it says, and to whom."""

from __future__ import annotations

import os
import sys

import pytest

from jobwire.client.cli.live import progress, view
from jobwire.client.cli.live.progress import Progress
from jobwire.client.library.values.results import BatchInfo
from jobwire.client.library.values.run_info import RunInfo
from jobwire.schemas.jobs.states import Outcome, OutcomeKind

OK, FAILED = Outcome(OutcomeKind.EXITED), Outcome(OutcomeKind.EXITED, exit_status=3)
ONE, TWO = b"1" * 16, b"2" * 16
TAIL = b"first\nlast\n"


class Terminal:
    """Standard error, as if it were a terminal: all that was written to it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capsys.readouterr().err.replace("\r", "")
        return self._text


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setattr(progress, "is_terminal", lambda _: True)
    monkeypatch.setattr(view.View, "_size", staticmethod(lambda: os.terminal_size((80, 24))))
    return Terminal(capsys)


def test_without_a_terminal_each_end_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2) as shown:
        assert shown.due is None
        shown.runs(ONE, "one")
        shown.ended(ONE, "one", OK, b"")
        shown.ended(TWO, "two", FAILED, TAIL)
        shown.tell_end()
    out, err = capsys.readouterr()
    assert out == "31313131 one: exited with status 0\n"
    assert err == "jobwire: 32323232 two: exited with status 3\n    first\n    last\n"


def test_on_a_terminal_failures_stay_above_the_view_with_their_last_line(terminal: Terminal) -> None:
    before = sys.stderr
    with Progress(2) as shown:
        shown.runs(ONE, "one")
        shown.ended(ONE, "one", OK, b"")
        shown.ended(TWO, "two", FAILED, TAIL)
        assert "status 3" not in terminal.text
        shown.tell_end()
        assert sys.stderr is before
    text = terminal.text
    assert "two: exited with status 3\n    last\n" in text
    assert "first" not in text
    assert "2 jobs ended in" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_view_is_drawn_at_most_ten_times_a_second_and_at_least_each_second(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(view.time, "monotonic", lambda: now)
    with Progress(10_000) as shown:
        drawn = terminal.text
        for number in range(5000):
            shown.ended(b"%016d" % number, "job", FAILED, b"")
            shown.turn()
        assert terminal.text == drawn
        assert shown.due == pytest.approx(now + 0.1)
        now += 0.1
        shown.turn()
        assert "5000/10000" in terminal.text
        assert shown.due == pytest.approx(now + 1)


def test_a_run_that_is_watched_later_is_as_old_as_the_worker_says(terminal: Terminal) -> None:
    run = RunInfo(BatchInfo(ONE), b"", "", queued=0, running=0, ok=2, failed=0, queued_at_us=0, ended_at_us=0, lasted_us=7_200_000_000)
    with Progress(2) as shown:
        shown.recount(run, ())
        shown.tell_end()
    assert "2 jobs ended in 2h00m: 2 ok, 0 failed" in terminal.text

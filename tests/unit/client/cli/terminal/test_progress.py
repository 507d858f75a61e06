"""The progress of a batch on a terminal: what the bar counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobwire.client.cli.terminal import progress
from jobwire.client.cli.terminal.progress import Progress
from jobwire.schemas.job import Outcome, OutcomeKind

ONE, TWO = b"1" * 16, b"2" * 16


class Bar:
    """A bar that remembers what it shows."""

    def __init__(self) -> None:
        self.shown = ""
        self.ended = 0

    def add_task(self, _: str, *, total: int) -> int:
        return total

    def update(self, _: int, *, advance: int, description: str) -> None:
        self.shown = description
        self.ended += advance

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> Bar:
    bar = Bar()
    monkeypatch.setattr(progress, "is_terminal", lambda _: True)
    monkeypatch.setattr(progress, "_draw", lambda: bar)
    return bar


@pytest.fixture
def shown(bar: Bar) -> Iterator[Progress]:
    with Progress(3) as shown:
        yield shown


def test_a_job_that_is_reported_again_runs_once(bar: Bar, shown: Progress) -> None:
    shown.runs(ONE)
    shown.runs(ONE)
    assert bar.shown == "1 running, 0 failed"


def test_a_job_that_ends_without_a_process_leaves_the_others_running(bar: Bar, shown: Progress) -> None:
    shown.runs(ONE)
    shown.ended(TWO, "two", Outcome(OutcomeKind.CANCELLED), b"")
    assert bar.shown == "1 running, 1 failed"
    shown.ended(ONE, "one", Outcome(OutcomeKind.EXITED), b"")
    assert (bar.shown, bar.ended) == ("0 running, 1 failed", 2)

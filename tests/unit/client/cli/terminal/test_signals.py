"""Signals are recorded for a loop, and one that the loop does not take ends what keeps it waiting."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

import pytest

from jobwire.client.cli.terminal import signals
from jobwire.client.cli.terminal.signals import Overdue, Signals

_LONG_SECONDS = 60.0


@pytest.fixture(autouse=True)
def soon(own_alarm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_alarm
    monkeypatch.setattr(signals, "OVERDUE_SECONDS", 0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_nobody_takes_ends_a_wait(number: int) -> None:
    before = time.monotonic()
    with Signals():
        signal.raise_signal(number)
        with pytest.raises(Overdue) as caught:
            threading.Event().wait(_LONG_SECONDS)
    assert (caught.value.number, caught.value.status) == (number, 128 + number)
    assert time.monotonic() < before + _LONG_SECONDS / 2
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_signal_that_is_taken_ends_nothing() -> None:
    with Signals() as recorded:
        signal.raise_signal(signal.SIGTERM)
        assert [*recorded.take()] == [signal.SIGTERM]
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        # Longer than it would have taken.
        select.poll().poll(150)
    signals.take_heard()


def test_a_signal_for_the_job_alone_is_kept_however_long() -> None:
    with Signals() as recorded:
        signal.raise_signal(signal.SIGQUIT)
        select.poll().poll(150)
        assert [*recorded.take()] == [signal.SIGQUIT]


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    """As of a wrapper that limits the time: alarm(2) outlives an execve(2)."""
    signal.setitimer(signal.ITIMER_REAL, _LONG_SECONDS)
    try:
        with Signals() as recorded:
            os.kill(os.getpid(), signal.SIGTERM)
            assert signal.getitimer(signal.ITIMER_REAL)[0] > _LONG_SECONDS / 2
            assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
            recorded.take()
            assert signal.getitimer(signal.ITIMER_REAL)[0] > _LONG_SECONDS / 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signals.take_heard()


def test_a_context_that_ends_leaves_no_timer() -> None:
    with Signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    signals.take_heard()

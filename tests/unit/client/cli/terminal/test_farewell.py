"""The last message of a command does not keep it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from jobwire.client.cli.exit_status import Ending
from jobwire.client.cli.terminal import signals
from jobwire.client.cli.terminal.farewell import leave
from jobwire.client.cli.terminal.signals import Overdue, Signals


@pytest.fixture
def full_pipe(own_alarm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A full pipe that nobody reads."""
    del own_alarm
    monkeypatch.setattr(signals, "OVERDUE_SECONDS", 0.05)
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with open(writes, "w", buffering=1, closefd=False) as error:
        try:
            while True:
                os.write(writes, bytes(4096))
        except BlockingIOError:
            os.set_blocking(writes, True)
        yield error
        # Takes what a text file still holds.
        os.read(reads, 65536)
    os.close(writes)
    os.close(reads)


def test_a_message_that_is_read_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Ending) as left:
        leave(143, "it continues", "jobwire: one more line")
    assert (left.value.status, capsys.readouterr().err) == (143, "jobwire: it continues\njobwire: one more line\n")


def test_one_that_nobody_reads_is_dropped(full_pipe: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", full_pipe)
    with pytest.raises(Ending) as left:
        leave(143, "it continues")
    assert left.value.status == 143
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_nor_does_it_keep_a_command_whose_other_messages_nobody_read(full_pipe: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", full_pipe)
    with Signals():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Overdue) as overdue:
            full_pipe.write("the connection is lost\n")
        with pytest.raises(Ending) as left:
            leave(overdue.value.status, "it continues")
    assert left.value.status == 143
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    signals.take_heard()

import signal

import pytest

from jobwire.client.cli.terminal.departure import Departure


def test_ctrl_c_while_the_terminal_is_being_written_to_is_an_interrupt(capfd: pytest.CaptureFixture[str]) -> None:
    def leave() -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    with Departure(leave, leave), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err == "\x1b[?25h"


def test_the_terminal_is_restored_before_an_interrupt() -> None:
    left: list[str] = []
    with Departure(lambda: left.append("left"), lambda: None), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert left == ["left"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_z_while_the_terminal_is_being_written_to_suspends_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    suspended: list[tuple[int, object]] = []
    raised = signal.raise_signal
    with Departure(refuse, refuse):
        monkeypatch.setattr(signal, "raise_signal", lambda number: suspended.append((number, signal.getsignal(number))))
        for _ in range(2):
            raised(signal.SIGTSTP)
    # Each time it takes its effect, and each time it is handled again after that.
    assert suspended == [(signal.SIGTSTP, signal.SIG_DFL)] * 2
    assert capfd.readouterr().err == "\x1b[?25h" * 2

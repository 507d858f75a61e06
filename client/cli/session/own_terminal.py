"""The terminal of this command: its size, and its modes, which are restored whatever happens.

While it is raw, each key goes to the job, Ctrl-C and Ctrl-Z too, and the job's terminal does what this one would have done: echo, lines,
signals.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from ....schemas.jobs.terminal import MOST_CELLS, USUAL_SIZE, TerminalSize
from ..terminal.streams import STDERR, STDIN

_INPUT, _OUTPUT, _CONTROL, _LOCAL, _, _, _CHARACTERS = range(7)


class OwnTerminal:
    """A context manager; stdin must be a terminal."""

    def __init__(self) -> None:
        # Not the standard input itself, which may be replaced.
        self.fd = os.dup(STDIN)
        self._saved: list[Any] | None = None
        self._watches = False

    def __enter__(self) -> Self:
        """Save the present modes."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restore the modes."""
        self.leave()
        os.close(self.fd)

    @property
    def is_raw(self) -> bool:
        """Whether keys go to the job."""
        return self._saved is not None

    def size(self) -> TerminalSize:
        """Return its size; a default if it is unknown."""
        try:
            columns, rows = os.get_terminal_size(self.fd)
        except OSError:
            return USUAL_SIZE
        return TerminalSize(min(rows, MOST_CELLS) or USUAL_SIZE.rows, min(columns, MOST_CELLS) or USUAL_SIZE.columns)

    def enter(self, *, watches: bool = False) -> None:
        """Make it raw; what was typed already is kept. Does nothing if it has hung up.

        `watches`: only show output unchanged; Ctrl-C and the like are for this command, and other keys are ignored.
        """
        if self._saved is not None:
            return
        self._watches = watches
        try:
            modes = termios.tcgetattr(self.fd)
            raw = [*modes[:_CHARACTERS], list(modes[_CHARACTERS])]
            # See cfmakeraw(3).
            raw[_INPUT] &= ~(
                termios.IGNBRK
                | termios.BRKINT
                | termios.PARMRK
                | termios.ISTRIP
                | termios.INLCR
                | termios.IGNCR
                | termios.ICRNL
                | termios.IXON
                | termios.IXOFF
            )
            raw[_OUTPUT] &= ~termios.OPOST
            raw[_CONTROL] = raw[_CONTROL] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            raw[_LOCAL] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
            if watches:
                raw[_INPUT], raw[_LOCAL] = modes[_INPUT], modes[_LOCAL] & ~(termios.ECHO | termios.ECHONL)
            raw[_CHARACTERS][termios.VMIN], raw[_CHARACTERS][termios.VTIME] = 1, 0
            # From here on the modes are restored, also if a signal comes now.
            self._saved = modes
            termios.tcsetattr(self.fd, termios.TCSADRAIN, raw)
        except termios.error:
            self._saved = None
            return
        _end_lines_with("\r\n")

    def leave(self) -> None:
        """Restore its modes."""
        saved, self._saved = self._saved, None
        if saved is None:
            return
        _end_lines_with("\n")
        # In the background, this would suspend the command for ever: nobody would restore them then.
        former = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with suppress(termios.error):
            # Not after the output: it may be suspended by Ctrl-S.
            termios.tcsetattr(self.fd, termios.TCSANOW, saved)
            if self._watches:
                termios.tcflush(self.fd, termios.TCIFLUSH)
        signal.signal(signal.SIGTTOU, former)


def _end_lines_with(newline: str) -> None:
    """Make messages begin at the left on a raw terminal, which does not return the carriage by itself."""
    stream = sys.stderr
    if os.isatty(STDERR) and hasattr(stream, "reconfigure"):
        stream.reconfigure(newline=newline)

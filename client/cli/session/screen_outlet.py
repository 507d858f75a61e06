"""Stdout while it shows a job on a terminal: which modes were switched, and messages of this command."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ....schemas.jobs.terminal import TerminalSize
from ..terminal.outlet import Outlet
from ..terminal.streams import STDERR, STDOUT, CannotWrite, ReaderGone
from .notes import in_last_line, no_last_line
from .screen_modes import ScreenModes


class ScreenOutlet(Outlet):
    """Stdout, and the modes that were switched."""

    def __init__(self) -> None:
        super().__init__(STDOUT)
        self._modes = ScreenModes()
        self._redo = b""
        self._ends_a_line = True

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as fits now and return the number of bytes.

        Raises ReaderGone and CannotWrite.
        """
        count = super().write(data)
        self._modes.see(bytes(data[:count]))
        if count:
            self._ends_a_line = bytes(data[count - 1 : count]) == b"\n"
        return count

    def note(self, sentence: str, size: TerminalSize) -> bool:
        """Show a message in the last line if a program uses the alternate screen; otherwise return False, and begin a line for it."""
        if not os.isatty(STDOUT):
            return False
        if self._modes.is_second_screen:
            self._switch(in_last_line(sentence, size.rows, size.columns))
            return True
        if not self._ends_a_line:
            self._switch(b"\r\n")
        return False

    def begin_line(self) -> None:
        """Make the next message on stderr begin a line, as far as can be told from what was shown last."""
        if not self._ends_a_line and os.isatty(STDOUT) and os.isatty(STDERR):
            self._ends_a_line = True
            sys.stderr.write("\n")

    def remove_note(self, size: TerminalSize) -> None:
        """Remove the message in the last line."""
        if os.isatty(STDOUT) and self._modes.is_second_screen:
            self._switch(no_last_line(size.rows))

    def restore(self) -> None:
        """Restore the default modes until `resume`, if this is a terminal."""
        if os.isatty(STDOUT) and (undo := self._modes.undone()):
            self._redo = self._modes.redone()
            # Before there was a second screen, the cursor was where a command had been typed.
            ends_a_line = self._ends_a_line or self._modes.is_second_screen
            self._switch(undo)
            self._ends_a_line = ends_a_line

    def resume(self) -> None:
        """Restore the modes from before `restore`."""
        redo, self._redo = self._redo, b""
        if redo:
            self._switch(redo)

    def _switch(self, sequences: bytes) -> None:
        with suppress(ReaderGone, CannotWrite):
            self.write(sequences)

"""The view of a running batch on a terminal: drawn after changes, at most ten times a second, and each second while it is open.

In the background of the terminal, it is not drawn; messages are written there too.

Messages of the command go above it and stay. Knows no worker, and a run only from its tally.
"""

from __future__ import annotations

import io
import os
import sys
import time
from contextlib import suppress
from typing import TextIO

from ..terminal.departure import Departure
from ..terminal.foreground import is_in_front
from ..terminal.streams import STDERR
from ..terminal.waiting import muted
from .picture import Look, draw
from .pinned import Pinned
from .tally import Tally

_REST_SECONDS = 0.1
_TICK_SECONDS = 1.0
_SIZE_IF_UNKNOWN = os.terminal_size((80, 24))


class View:
    """The view of a tally on the terminal that stderr is, until it is closed."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._pinned = Pinned()
        self._above: list[str] = []
        self._stderr: TextIO = sys.stderr
        has_unicode = (self._stderr.encoding or "").lower().replace("-", "") == "utf8"
        self._look = Look(colour=not os.environ.get("NO_COLOR"), unicode=has_unicode)
        self._drawn = 0.0
        self._is_due = True
        self._departure = Departure(self._leave, self._draw)
        self._muted = muted()

    def open(self) -> None:
        """Show it; from now on what is written to `sys.stderr` appears above it."""
        self._muted.__enter__()
        self._departure.__enter__()
        sys.stderr = _Above(self)
        self._draw()

    def close(self) -> None:
        """Remove it. Pending messages are written first."""
        if sys.stderr is not self._stderr:
            sys.stderr = self._stderr
            self._leave()
            self._departure.__exit__(None, None, None)
            self._muted.__exit__(None, None, None)

    def change(self) -> None:
        """Note that something has changed."""
        self._is_due = True

    @property
    def due(self) -> float:
        """When `turn` is to be called next, on `time.monotonic`."""
        return self._drawn + (_REST_SECONDS if self._is_due else _TICK_SECONDS)

    def turn(self) -> None:
        """Draw it if it is due."""
        if time.monotonic() >= self.due:
            self._draw()

    def put_above(self, text: str) -> None:
        """Write a message above it with the next drawing: thousands of them are drawn together."""
        self._above.append(text)
        self._is_due = True

    def _draw(self) -> None:
        now = time.monotonic()
        self._drawn, self._is_due = now, False
        if not is_in_front():
            # Others have written since the lines were drawn, if they were.
            self._pinned.forget()
            if self._above:
                self._write(self._take())
            return
        columns, rows = self._size()
        # The last column stays free: a terminal that wraps there may put the cursor into another line.
        lines = draw(self._tally, now, max(1, columns - 1), rows - 1, self._look)
        self._write(self._pinned.redraw(lines, self._take(), columns))

    def _leave(self) -> None:
        columns, _ = self._size()
        self._write(self._pinned.redraw((), self._take(), columns) + self._pinned.leave(columns))

    def _take(self) -> str:
        above, self._above = self._above, []
        return "".join(above)

    def _write(self, text: str) -> None:
        self._stderr.write(text)
        self._stderr.flush()

    @staticmethod
    def _size() -> os.terminal_size:
        with suppress(OSError):
            found = os.get_terminal_size(STDERR)
            # A terminal that was never told its size says 0.
            if found.columns and found.lines:
                return found
        return _SIZE_IF_UNKNOWN


class _Above(io.StringIO):
    """The replacement of `sys.stderr` while a view is open."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def write(self, text: str, /) -> int:
        self._view.put_above(text)
        return len(text)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return STDERR

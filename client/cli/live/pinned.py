"""Lines that stay at the bottom of a terminal while messages scroll above them.

Only returns what to write: escape sequences of console_codes(4) that every terminal supports, without a scroll region that would have to be
reset. A terminal that was made narrower has wrapped the lines, which is taken into account when they are erased.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..shown.cells import width

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
# Line by line: some terminals keep a copy of what is erased at once, if that is the whole screen.
_ERASE_LINE = "\x1b[2K"
_UP = "\x1b[1A"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Pinned:
    """The lines that are shown now; the cursor stands at the end of the last one."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def redraw(self, lines: Sequence[str], above: str, columns: int) -> str:
        """Return what replaces the lines by these, with messages above that stay."""
        if above and not above.endswith("\n"):
            above += "\n"
        text = self.erase(columns) + above.replace("\n", "\r\n") + "\r\n".join(lines)
        self._widths = [width(_SEQUENCE.sub("", line)) for line in lines]
        return f"{HIDE_CURSOR}{text}"

    def erase(self, columns: int) -> str:
        """Return what removes the lines, and leaves the cursor where the first one began."""
        rows = sum(max(1, -(-each // max(1, columns))) for each in self._widths)
        self._widths = []
        return f"\r{_ERASE_LINE}{f'{_UP}{_ERASE_LINE}' * (rows - 1)}" if rows else ""

    def forget(self) -> None:
        """Leave the lines to another program that has the terminal now: they are not erased."""
        self._widths = []

    def leave(self, columns: int) -> str:
        """Return what removes the lines and shows the cursor again."""
        return f"{self.erase(columns)}{SHOW_CURSOR}"

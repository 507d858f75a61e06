"""Messages of this command on a terminal that shows the programs of a job. Pure: returns what to write.

A full-screen program would be overwritten without noticing. So a message takes the last line while it applies, and the caller then makes
the program redraw the screen. Otherwise messages are ordinary lines. The window title is not used, because few look there and the old one
cannot be restored; no message at all would be what ssh does.
"""

from __future__ import annotations

from ....schemas.text.printable import printable
from ..shown.cells import cut

# DECSC and DECRC keep the cursor with its colours, see console_codes(4).
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_REVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"
_ERASE_LINE = "\x1b[2K"


def in_last_line(sentence: str, rows: int, columns: int) -> bytes:
    """Return what shows a message in the last line, cut to fit, and restores the cursor."""
    # The last column stays free: a terminal may scroll when it is written to.
    text = cut(f"jobwire: {printable(sentence)}", max(0, columns - 1))
    return f"{_SAVE}\x1b[{rows};1H{_PLAIN}{_ERASE_LINE}{_REVERSE}{text}{_RESTORE}".encode(errors="replace")


def no_last_line(rows: int) -> bytes:
    """Return what removes it."""
    return f"{_SAVE}\x1b[{rows};1H{_PLAIN}{_ERASE_LINE}{_RESTORE}".encode()

"""Sentences of this command on a terminal that shows the programs of a job. Pure: returns what to write.

A program that has the whole screen would be written over, and would not know it. So a sentence takes the last line for as long as it holds,
and whoever shows it has the program draw everything again afterwards. Elsewhere sentences are lines among the others. Not the title of the
window, as few look there and nobody can give the old one back; and nothing at all would be what ssh does.
"""

from __future__ import annotations

from ....schemas.text.printable import printable
from ..shown.cells import cut

# DECSC and DECRC keep the cursor with its colours, see console_codes(4).
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_REVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"
_ERASE_LINE = "\x1b[2K"


def in_last_line(sentence: str, rows: int, columns: int) -> bytes:
    """Return what shows a sentence in the last line, as much as fits, and leaves the cursor where it is."""
    # The last column stays free: a terminal may scroll when it is written to.
    text = cut(f"jobwire: {printable(sentence)}", max(0, columns - 1))
    return f"{_SAVE}\x1b[{rows};1H{_PLAIN}{_ERASE_LINE}{_REVERSE}{text}{_RESTORE}".encode(errors="replace")


def no_last_line(rows: int) -> bytes:
    """Return what removes it."""
    return f"{_SAVE}\x1b[{rows};1H{_PLAIN}{_ERASE_LINE}{_RESTORE}".encode()

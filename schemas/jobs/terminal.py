"""The size of a job's terminal, and which sizes are valid."""

from __future__ import annotations

from typing import NamedTuple

from ..refusal import Code, Refused

# The kernel keeps a size in 16 bits (struct winsize, ioctl_tty(2)).
MOST_CELLS = 65_535


class TerminalSize(NamedTuple):
    """The size of a terminal: rows and columns, in characters."""

    rows: int
    columns: int


# Where nobody says how large it is.
USUAL_SIZE = TerminalSize(24, 80)


def check_size(size: TerminalSize) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a terminal can have this size."""
    if not all(1 <= cells <= MOST_CELLS for cells in size):
        raise Refused(
            Code.INVALID_ARGUMENT, f"a terminal has 1 to {MOST_CELLS} rows and columns, not {size.rows} rows and {size.columns} columns"
        )

"""The output of the command line: results on stdout, everything else on stderr, colours and tables on a terminal only.

Text from elsewhere is escaped so that it cannot control the terminal, and stays on its line and in its cell: a newline in a label must not
look like another line of output.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ....schemas.text.printable import printable, with_bytes
from ..shown.cells import ELLIPSIS, cut, width
from .streams import CannotWrite, ReaderGone

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
# Between two columns of a table, and how much of the last one is worth more than another column.
_GAP = 2
# Select Graphic Rendition, console_codes(4).
_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
_LEAST_OF_LAST = 10


def write(*cells: str) -> None:
    """Print one line of results, with tabs between its cells."""
    sys.stdout.write("\t".join(printable(cell) for cell in cells) + "\n")


def write_text(text: str) -> None:
    """Print a text that is not a line of results, unchanged."""
    sys.stdout.write(text)


def write_json(record: dict[str, Any]) -> None:
    """Print one result as a line of JSON. It is ASCII, so that bytes that are not UTF-8 survive as lone surrogates."""
    sys.stdout.write(f"{json.dumps(record, separators=(',', ':'))}\n")


class _Message:
    """The callbacks before each message."""

    begin: Callable[[], None] | None = None


@contextmanager
def begun_by(begin: Callable[[], None]) -> Iterator[None]:
    """Call this before each message in the block, where a job may have left the cursor in the middle of a line."""
    _Message.begin, former = begin, _Message.begin
    try:
        yield
    finally:
        _Message.begin = former


def say(message: str, *more_lines: str) -> None:
    """Print a message, and the lines that belong to it, on stderr; if that has no reader, drop it.

    Raises ReaderGone and CannotWrite about earlier results; the message is printed all the same.
    """
    try:
        sys.stdout.flush()
        if _Message.begin is not None:
            _Message.begin()
    finally:
        sys.stderr.write("\n".join([f"jobwire: {_of_sentence(message)}", *map(_of_sentence, more_lines)]) + "\n")
        sys.stderr.flush()


def _of_sentence(text: str) -> str:
    return printable(with_bytes(text))


def tell_id(text: str, what: str) -> None:
    """Print the id of something that was done; if it cannot be written, print it on stderr.

    Raises ReaderGone and CannotWrite.
    """
    write(text)
    try:
        flush()
    except (ReaderGone, CannotWrite):
        say(f"{what}, but its id cannot be written to the standard output: {text}")
        raise


def flush() -> None:
    """Flush the results so far: a reader may be waiting for them."""
    sys.stdout.flush()


def is_terminal(fd: int) -> bool:
    """Return whether a descriptor is a terminal."""
    return os.isatty(fd) and os.environ.get("TERM") != "dumb"


class Cell(NamedTuple):
    """A cell with a colour, named as in rich."""

    text: str
    style: str = ""


class Table:
    """On a terminal, rows under headings, cut to fit; otherwise only the rows, uncut, with tabs between cells.

    `header`: print the headings in any case. `expendable`: the headings of columns that a narrow terminal omits, in this order.
    """

    def __init__(self, *headings: str, header: bool = False, expendable: Sequence[str] = ()) -> None:
        self._headings = headings
        self._expendable = expendable
        self._rows: list[list[Cell]] = []
        self._has_header = header
        self._is_drawn = is_terminal(1)
        if header and not self._is_drawn:
            write(*headings)

    def add(self, *cells: str | Cell) -> None:
        """Add a row."""
        row = [Cell(printable(cell)) if isinstance(cell, str) else Cell(printable(cell.text), cell.style) for cell in cells]
        if self._is_drawn:
            self._rows.append(row)
        else:
            # At once: a long history need not be kept in memory.
            sys.stdout.write("\t".join(cell.text for cell in row) + "\n")

    def write(self) -> None:
        """Print the rows, unless there are none or they were printed already."""
        if self._rows or (self._has_header and self._is_drawn):
            self._draw()

    def _draw(self) -> None:
        rows = [[Cell(heading, "bold") for heading in self._headings], *self._rows]
        widths = [max(width(text) for text, _ in column) for column in zip(*rows, strict=True)]
        import shutil  # noqa: PLC0415 -- only on a terminal, and not light

        columns = shutil.get_terminal_size().columns
        shown = fitting(self._headings, widths, self._expendable, columns)
        ellipsis = ELLIPSIS if (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8" else "..."
        codes = {} if os.environ.get("NO_COLOR") else _CODES
        wide = [(position, widths[position]) for position in shown]
        lines = (_line([(row[position], most) for position, most in wide], columns, ellipsis, codes) for row in rows)
        # A terminal is written to with each line: ten thousand of them would take longer to write than to find.
        sys.stdout.write("".join(lines))


def _line(cells: Sequence[tuple[Cell, int]], columns: int, ellipsis: str, codes: Mapping[str, str]) -> str:
    """Return a line of a table, cut to this many columns, from its cells and column widths; `codes`: of colours, by name."""
    parts: list[str] = []
    blanks, left = 0, columns
    for cell, wide in cells:
        taken = width(cell.text)
        if taken:
            left -= blanks
            if left <= 0:
                break
            parts.append(" " * blanks)
            blanks = 0
            text = cell.text if taken <= left else cut(cell.text, left, ellipsis)
            parts.append(_painted(text, codes.get(cell.style, "")))
            left -= taken
        blanks += wide - taken + _GAP
    return "".join(parts) + "\n"


def coloured(text: str, style: str) -> str:
    """Return text in a colour, for a terminal, unless the user has disabled colours."""
    return _painted(text, "" if os.environ.get("NO_COLOR") else _CODES.get(style, ""))


def _painted(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def fitting(headings: Sequence[str], widths: Sequence[int], expendable: Sequence[str], available: int) -> list[int]:
    """Return the positions of the columns that are shown within this width.

    At least part of the last column is visible: other columns are omitted for that.
    """
    shown = list(range(len(headings)))
    for heading in (name for name in expendable if name in headings):
        if sum(widths[position] + _GAP for position in shown[:-1]) + min(widths[shown[-1]], _LEAST_OF_LAST) <= available:
            break
        shown.remove(headings.index(heading))
    return shown


def duration(microseconds: int) -> str:
    """Return a duration for people: 3ms, 2.5s, 12s, 4m05s, 3h20m, 2d04h."""
    seconds = microseconds / 1_000_000
    if seconds < 1:
        return f"{microseconds // 1000}ms"
    if seconds < 10:  # noqa: PLR2004 -- from there on tenths are noise
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def local_time(at_us: int) -> str:
    """Return a time in the local time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_us / 1_000_000))

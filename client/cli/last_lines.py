"""The last lines of what a job wrote, as a terminal would have left them: for people, bounded, and harmless. Pure."""

from __future__ import annotations

from .screen import printable

_MOST_CHARACTERS = 500


def last_lines(tail: bytes, most_lines: int) -> list[str]:
    r"""Get at most so many lines of the end of a log.

    A line ends with `\n`, and of each only what follows its last `\r` is left, as on a screen. Of a long one the end is shown.
    """
    if not tail:
        return []
    lines = tail.removesuffix(b"\n").split(b"\n")[-most_lines:]
    return [_shown(line) for line in lines]


def _shown(line: bytes) -> str:
    line = line.rstrip(b"\r").rpartition(b"\r")[2]
    # A character is at most four bytes; what is cut in the middle of one stands at the beginning that is left out.
    text = line[-4 * (_MOST_CHARACTERS + 1) :].decode(errors="backslashreplace")
    cell = printable(text.replace("\t", "    "))
    return cell if len(cell) <= _MOST_CHARACTERS else f"... {cell[-_MOST_CHARACTERS:]}"

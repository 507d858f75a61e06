"""The last lines of a log as a terminal would show them: bounded and without control characters. Pure."""

from __future__ import annotations

import re

from ....schemas.text.printable import printable

_MOST_CHARACTERS = 500
_MOST_BYTES = 16 * 1024
# ECMA-48: control sequences (colours, moves of the cursor), control strings (titles), and other escapes.
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-OQ-WYZ\\`-~])")


def last_lines(tail: bytes, most_lines: int) -> list[str]:
    r"""Return at most this many lines of the end of a log.

    A line ends with `\n`. Of each line only the text after its last `\r` is shown, as on a screen, and of a long line only its end. Control
    sequences are left out.
    """
    if not tail:
        return []
    lines = tail.removesuffix(b"\n").split(b"\n")[-most_lines:]
    return [_shown(line) for line in lines]


def _shown(line: bytes) -> str:
    line = _SEQUENCE.sub(b"", line[-_MOST_BYTES:]).rstrip(b"\r").rpartition(b"\r")[2]
    # A character has at most four bytes. One that was cut is in the part that is left out.
    text = line[-4 * (_MOST_CHARACTERS + 1) :].decode(errors="backslashreplace")
    cell = printable(text.replace("\t", "    "))
    return cell if len(cell) <= _MOST_CHARACTERS else f"... {cell[-_MOST_CHARACTERS:]}"

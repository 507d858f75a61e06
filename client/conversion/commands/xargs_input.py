"""The input of xargs(1), divided as that of GNU findutils divides it. Knows no option but the end that -E sets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....schemas.refusal import Code, Refused

_BLANKS = " \t"
# Before an argument. In one, all but blanks and newlines are letters, as are spaces beyond ASCII.
_SPACES = re.compile(r"[ \t\n\v\f\r]*")
_QUOTED = r"'(?P<single>[^'\n]*)'|\"(?P<double>[^\"\n]*)\"|\\(?P<escaped>.|\Z)"
_PART = re.compile(rf"{_QUOTED}|(?P<plain>[^'\"\\\n \t]+)", re.DOTALL)
_PART_OF_LINE = re.compile(rf"{_QUOTED}|(?P<plain>[^'\"\\\n]+)", re.DOTALL)


def read_lines(text: str, *, end: str = "", whole: bool = False) -> list[list[str]]:
    """Return the arguments of each line, or with `whole` each line as one, without its quotes.

    A line that ends with a blank continues on the next one. Raises `Refused(INVALID_ARGUMENT)` for a quotation without an end.
    """
    lines: list[list[str]] = [[]]
    is_first = True
    for item, ended_by, is_last in _items(text, _PART_OF_LINE if whole else _PART):
        # What no newline ends is the end only if it is the first of its line, and nothing if it is empty.
        if (end and item == end and (ended_by or is_first)) or not (item or ended_by):
            break
        lines[-1].append(item)
        is_first = ended_by == "\n"
        if is_last:
            lines.append([])
    return [items for items in lines if items]


def _items(text: str, part: re.Pattern[str]) -> Iterator[tuple[str, str, bool]]:
    """Iterate over the arguments, each with the character that ends it, if any, and whether it is the last of its line."""
    at = _after_spaces(text, 0)
    while at < len(text):
        item = ""
        while found := part.match(text, at):
            item, at = item + str(found[found.lastgroup or 0]), found.end()
        ended_by = text[at : at + 1]
        if ended_by in {"'", '"'}:
            what = f"line {text.count(chr(10), 0, at) + 1} of the input of xargs has a {ended_by} without an end"
            raise Refused(Code.INVALID_ARGUMENT, what, "xargs would fail too; -0 or -d '\\n' takes lines as they are")
        yield item, ended_by, ended_by == "\n" and text[at - 1] not in _BLANKS
        at = _after_spaces(text, at)


def _after_spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return found.end() if found else at

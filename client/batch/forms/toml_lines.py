"""Find the line of a TOML text on which a key is set.

The parser of the standard library does not return lines. The text is valid, so a few patterns are enough to find where each of its
statements sets a key; a key in a list or an inline table counts as on the line where the statement begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ....schemas.text import toml_text
from ....schemas.text.msgspec_errors import Path


class Place(NamedTuple):
    """A line, counted from 1, and the key there as a dotted key."""

    line: int
    key: str = ""


# What can hide a bracket or the end of a line: strings of four kinds, and comments.
_TOKEN = re.compile(rf"{toml_text.STRING}|#[^\n]*|[\[\]{{}}]|\n", re.DOTALL)
_COMMENTS = re.compile(r"(?:\s|#[^\n]*\n)*+")
_BRACKETS = re.compile(r"\[\[?")
_PART = re.compile(rf"[ \t]*(?:(?P<quoted>{toml_text.STRING})|(?P<bare>[\w-]+))[ \t]*(?P<more>\.)?", re.DOTALL)


def place_of(text: str, path: Path) -> Place:
    """Return where the key at `path` (keys, and positions in lists) is set, or the nearest table around it. The text must be TOML."""
    return Places(text).find(path)


class Places:
    """The lines of all keys of a text, which must be TOML. They are computed when the first is wanted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[Path, int] | None = None

    def find(self, path: Path) -> Place:
        """Return where the key at `path` is set, or the nearest table around it."""
        if self._found is None:
            self._found = _index(self._text)
        said = path
        while said and said not in self._found:
            said = said[:-1]
        line = self._text.count("\n", 0, self._found[said]) + 1 if said else 1
        return Place(line, ".".join(step for step in path if isinstance(step, str)))


def _index(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    members: dict[Path, int] = {}
    table: Path = ()
    for begin in _statements(text):
        brackets = _BRACKETS.match(text, begin)
        keys = _keys(text, brackets.end() if brackets else begin)
        path = () if brackets else table
        for key in keys:
            # A key of a list of tables means its last one so far.
            path = (*path, key)
            if brackets and key is keys[-1] and brackets[0] == "[[":
                members[path] = members.get(path, -1) + 1
            found.setdefault(path, begin)
            if path in members:
                path = (*path, members[path])
                found.setdefault(path, begin)
        if brackets:
            table = path
    return found


def _keys(text: str, at: int) -> list[str]:
    keys = []
    while part := _PART.match(text, at):
        # Only the parser knows all escapes of a string.
        keys.append(part["bare"] or next(iter(toml_text.parse(f"{part['quoted']} = 0"))))
        at = part.end()
        if not part["more"]:
            break
    return keys


def _statements(text: str) -> Iterator[int]:
    """Iterate over the positions at which statements begin."""
    depth, begin = 0, _begin(text, 0)
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth == 0 and token.start() >= begin:
                yield begin
                begin = _begin(text, token.end())
            case _:
                pass
    if begin < len(text):
        yield begin


def _begin(text: str, at: int) -> int:
    blank = _COMMENTS.match(text, at)
    return blank.end() if blank else at

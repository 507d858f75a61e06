"""Read JSON as people write it: one value per line, one value over many lines, or a list of values; and find the line of a key.

The parser of the standard library does not return the lines of keys, and if a key is set twice it keeps the last value. Both are found in a
second pass over the text. Between values, `#`, `//` or `/*` begins a comment. Floats keep their text. Knows none of the keys of a batch
file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ....schemas.text.msgspec_errors import Path
from ....schemas.text.toml_text import LONGEST_NUMBER
from ..expansion.written_numbers import WrittenFloat

# TOML can begin with `[` too, with a name in the brackets. A list of jobs holds tables, has commas, or is the whole text;
# and no TOML begins with three brackets.
# The groups are possessive: re keeps 120 bytes for each repetition of a group to which it could return.
_LONG_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
_COMMENTS = rf"\s*(?:(?:(?:\#|//)[^\n]*\n|{_LONG_COMMENT})\s*)*+"
_TEXT = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"\s*'
_BEGINNING = re.compile(rf"{_COMMENTS}(?:\{{|\[\s*[{{\]]|\[\s*\[\s*\[|(?:\[\s*)+(?:{_TEXT}|[-+.\w]+\s*),|(?:\[\s*)*{_TEXT}(?:\]\s*)*\Z)")
# A byte order mark too: there is one between values if files that begin with one were concatenated.
_BETWEEN = re.compile(rf"(?:[\s\ufeff]+|(?:#|//)[^\n]*|{_LONG_COMMENT})*+")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}},]")
_LONG_NUMBER = re.compile(rf"{_STRING}|(?P<number>[-+.\w]{{{LONGEST_NUMBER + 1}}})")


class NotJson(ValueError):  # noqa: N818 -- a fact
    """Raised for a text that is not JSON, or sets a key twice; `line` is counted from 1."""

    def __init__(self, line: int, what: str, key: str = "") -> None:
        super().__init__(what)
        self.line = line
        self.what = what
        self.key = key


class Value(NamedTuple):
    """A value, and the position in the text at which it begins."""

    value: Any
    begin: int


class _Twice(ValueError):  # noqa: N818 -- a fact
    """Raised for a key that is set twice in one object."""


class _TooLong(ValueError):  # noqa: N818 -- a fact
    """Raised for a number of too many characters."""


def is_json(text: str) -> bool:
    """Return whether a text looks like JSON rather than TOML."""
    return _BEGINNING.match(text) is not None


def read_values(text: str) -> Iterator[Value]:
    """Iterate over the values of a text; if it is a list, over the members.

    Raises NotJson.
    """
    at = _skip(text, 0)
    if text.startswith("[", at):
        yield from _members(text, at)
        return
    while at < len(text):
        value, end = _decode(text, at)
        yield Value(value, at)
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _members(text: str, begin: int) -> Iterator[Value]:
    members, end = _decode(text, begin)
    if (rest := _skip(text, end)) < len(text):
        raise NotJson(line_at(text, rest), "something follows the end of the list")
    begins = {path[0]: at for path, at in _places(text, begin) if len(path) == 1}
    for number, member in enumerate(members):
        # Only for tables and lists is a position known.
        yield Value(member, begins.get(number, begin))


def _decode(text: str, begin: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, begin)
    except _Twice as twice:
        path, at = _first_twice(text, begin)
        raise NotJson(line_at(text, at), f"the key {str(twice)!r} is set twice", dotted(path)) from None
    except _TooLong:
        at = next(token.start() for token in _LONG_NUMBER.finditer(text, begin) if token["number"])
        column = at - text.rfind("\n", 0, at)
        what = f"a number has more than {LONGEST_NUMBER} characters, at column {column}: put it in quotes"
        raise NotJson(line_at(text, at), what) from None
    except RecursionError:
        raise NotJson(line_at(text, begin), "this is nested too deeply") from None
    except json.JSONDecodeError as error:
        if text.startswith(",", begin):
            what = "there is a comma between two values: leave it out, or write them as a list in [ ]"
            raise NotJson(line_at(text, begin), what) from None
        raise NotJson(line_at(text, error.pos), f"this is not JSON: {error.msg.lower()}") from None
    except ValueError as error:
        # A number that is refused here.
        raise NotJson(line_at(text, begin), f"this is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return made


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _short(number: str) -> str:
    if len(number) > LONGEST_NUMBER:
        raise _TooLong
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_no_number,
    parse_int=lambda digits: int(_short(digits)),
    parse_float=lambda number: WrittenFloat(_short(number)),
)


def line_of(text: str, begin: int, path: Path) -> int:
    """Return the line of the key at `path` in the value that begins at `begin`, or of the nearest key around it."""
    best, deepest = begin, 0
    for here, at in _places(text, begin):
        if len(here) > deepest and here == path[: len(here)]:
            best, deepest = at, len(here)
            if deepest == len(path):
                break
    return line_at(text, best)


def line_at(text: str, at: int) -> int:
    """Return the line of a position, counted from 1."""
    return text.count("\n", 0, at) + 1


def dotted(path: Path) -> str:
    """Return the keys of a path separated by dots, as in TOML, without positions in lists."""
    return ".".join(step for step in path if isinstance(step, str))


def _first_twice(text: str, begin: int) -> tuple[Path, int]:
    seen: set[Path] = set()
    for path, at in _places(text, begin):
        if path in seen:
            return path, at
        seen.add(path)
    return (), begin


def _places(text: str, begin: int) -> Iterator[tuple[Path, int]]:
    """Iterate over a value: the path and position of each key, and of each table or list that is a member of a list."""
    # For each enclosing value, the number of the current member, or the current key; None if a key comes next.
    around: list[int | str | None] = []
    # A string after a key is its value, not a key.
    wants_key = False
    for token in _TOKEN.finditer(text, begin):
        match token[0]:
            case "{" | "[" as bracket:
                if around and isinstance(around[-1], int):
                    yield _path(around), token.start()
                wants_key = bracket == "{"
                around.append(None if wants_key else 0)
            case "}" | "]":
                around.pop()
                wants_key = False
                if not around:
                    return
            case ",":
                number = around[-1]
                wants_key = not isinstance(number, int)
                around[-1] = number + 1 if isinstance(number, int) else None
            case key if wants_key:
                wants_key = False
                around[-1] = json.loads(key, strict=False)
                yield _path(around), token.start()
            case _:
                pass


def _path(around: list[int | str | None]) -> Path:
    return tuple(step for step in around if step is not None)

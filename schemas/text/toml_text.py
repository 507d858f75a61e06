"""Parse TOML from any source: all that reads TOML calls `parse`.

tomllib takes time quadratic in the number of parts of a key, and memory of 120 times the length of a number. So both are checked first.

Private to tomllib: its message ends with the position, `(at line 3, column 7)` or `(at end of document)`, and begins with one of a few
texts if a name is set twice. Python 3.14 has an attribute for the position, TOMLDecodeError.lineno. `tests/unit/test_private_parts.py`
fails once jobwire requires that version, or a message changes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

from .patterns import pattern

# None of our files has a key of more than three.
MOST_KEY_PARTS = 16
# Also in hexadecimal these have at most 602 digits, and Python converts 640 of them however it is configured.
LONGEST_NUMBER = 500
# A string of any of the four kinds, with re.DOTALL. Before the three quotes that end one, it may have two of its own.
# Possessive: re keeps 120 bytes for each repetition of a group to which it could return.
STRING = (
    r"""\"{3}[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+\"{3,5}|'{3}.*?'{3,5}"""
    r"""|"(?!"")[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|'(?!'')[^'\n]*'"""
)
# Strings and comments are one token each, whatever they contain; of the rest, only words and what separates or ends keys matter.
_TOKEN = pattern(rf"{STRING}|\#[^\n]*|[\w.+:-]++|[\n,={{}}\[\]\"']", re.DOTALL)

_MANY_DOTS = pattern(rf"(?:\.[^.\n]*+){{{MOST_KEY_PARTS}}}")
_LONG_WORD = pattern(rf"(?<![\w.+:-])[\w.+:-]{{{LONGEST_NUMBER + 1}}}")

_AT = pattern(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
# Its message for a name that is set twice; the name itself is only in the line.
_TWICE = ("Cannot overwrite a value", "Cannot declare ")
_NAME = pattern(r"\s*(?:\[+\s*(?P<table>[\w.-]+)\s*\]|(?P<key>[\w.-]+)\s*=)")
_LONE_RETURN = pattern(r"\r(?!\n)")
_ENDS_A_KEY = frozenset("\n,={}[]")
_QUOTES = frozenset("\"'")


class NotTomlError(ValueError):
    """Raised for a text that is not TOML: the line, counted from 1, and the reason."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def twice(name: str, *, is_table: bool) -> str:
    """Return the reason for a name that is set twice."""
    return f"the {'table' if is_table else 'key'} '{name}' is set twice"


def parse(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return a document. `parse_float` converts its floats.

    Raises NotTomlError, and RecursionError if it is nested too deeply.
    """
    _demand_cheap(text)
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        place = _AT.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        reason = _AT.sub("", str(error))
        if (lone := _LONE_RETURN.search(text)) is not None:
            # Of a file that is edited, whose line ends are kept; decode_text reads them.
            line, reason = text.count("\n", 0, lone.start()) + 1, "Lines end with CR alone (tr '\\r' '\\n' converts them)"
        at_fault = text.split("\n")[line - 1]
        character = at_fault[int(place[2]) - 1 : int(place[2])] if place and place[2] else ""
        # Pasted from a page: a curly quote, or a space that is none.
        raise NotTomlError(
            line, _which_twice(reason, at_fault) + ("" if character.isascii() else f"; there is {_named(character)}")
        ) from None


def _demand_cheap(text: str) -> None:
    """Raise NotTomlError for a key or a number that would cost too much to parse."""
    # Few texts have so many dots in one line, longer than which no key can be, or so long a word.
    if _MANY_DOTS.search(text) is None and _LONG_WORD.search(text) is None:
        return
    dots = 0
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in _ENDS_A_KEY:
            dots = 0
        elif word in _QUOTES:
            return  # It begins no string, so tomllib stops here.
        elif word[0] not in "\"'#":
            dots += word.count(".")
            if dots >= MOST_KEY_PARTS:
                raise NotTomlError(text.count("\n", 0, token.start()) + 1, f"A key has more than {MOST_KEY_PARTS} parts")
            if len(word) > LONGEST_NUMBER:
                column = token.start() - text.rfind("\n", 0, token.start())
                what = f"A number or key without quotes has more than {LONGEST_NUMBER} characters, at column {column}: put it in quotes"
                raise NotTomlError(text.count("\n", 0, token.start()) + 1, what)


def _named(character: str) -> str:
    import unicodedata  # noqa: PLC0415 -- only where something is wrong

    return f"U+{ord(character):04X}, {unicodedata.name(character, 'which has no name')}"


def _which_twice(reason: str, line: str) -> str:
    found = _NAME.match(line) if reason.startswith(_TWICE) else None
    return twice(found["table"] or found["key"], is_table=found["table"] is not None) if found else reason

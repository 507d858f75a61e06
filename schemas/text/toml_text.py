"""Parse TOML from any source. tomllib takes time quadratic in the number of parts of a key, so these are counted first.

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
# Strings and comments are one token each, whatever they contain; of the rest, only what separates or ends keys matters.
_TOKEN = pattern(
    r"""
    \"{3} (?: \\. | [^\\] )*? \"{3}   |   '{3} .*? '{3}
    | " (?: \\. | [^"\\\n] )* "       |   ' [^'\n]* '
    | \# [^\n]*
    | [.\n,={}\[\]]
    """,
    re.DOTALL | re.VERBOSE,
)

_MANY_DOTS = pattern(rf"(?:\.[^.\n]*+){{{MOST_KEY_PARTS}}}")

_AT = pattern(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
# Its message for a name that is set twice; the name itself is only in the line.
_TWICE = ("Cannot overwrite a value", "Cannot declare ")
_NAME = pattern(r"\s*(?:\[+\s*(?P<table>[\w.-]+)\s*\]|(?P<key>[\w.-]+)\s*=)")
_LONG_NUMBER = pattern(r"[\d_]{4301,}")
_LONE_RETURN = pattern(r"\r(?!\n)")
_ENDS_A_KEY = frozenset("\n,={}[]")


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
    dots = 0
    # Few texts have so many dots in one line, and a key cannot be longer than that.
    for token in _TOKEN.finditer(text) if _MANY_DOTS.search(text) else ():
        if token[0] == ".":
            dots += 1
            if dots >= MOST_KEY_PARTS:
                line = text.count("\n", 0, token.start()) + 1
                raise NotTomlError(line, f"A key has more than {MOST_KEY_PARTS} parts")
        elif token[0] in _ENDS_A_KEY:
            dots = 0
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
    except ValueError:
        # For an integer with more digits than Python converts, tomllib gives no place.
        found = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise NotTomlError(line, "A number has too many digits") from None


def _named(character: str) -> str:
    import unicodedata  # noqa: PLC0415 -- only where something is wrong

    return f"U+{ord(character):04X}, {unicodedata.name(character, 'which has no name')}"


def _which_twice(reason: str, line: str) -> str:
    found = _NAME.match(line) if reason.startswith(_TWICE) else None
    return twice(found["table"] or found["key"], is_table=found["table"] is not None) if found else reason

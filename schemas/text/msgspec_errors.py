"""Parse the messages of msgspec's errors. Knows no file and no key, and does not import msgspec.

Private to msgspec: an error is a sentence whose wording is not documented, but nothing else says what is wrong and where. For example
"Expected `str`, got `int` - at `$.job[0].argv[1]`", or "... - at `key` in `$.job[0].env`" if a key is wrong.
`tests/unit/test_private_parts.py` fails once msgspec changes its wording, or its errors have attributes for this.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

# Keys, and positions in lists.
Path = tuple[str | int, ...]

_AT = re.compile(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"required field `([^`]*)`")
_CHOICE = re.compile(r"^Invalid enum value (.*)$")
_TYPES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "date": "a date",
    "time": "a time of day",
    "datetime": "a date",
}


class Wrong(Enum):
    """What is wrong at a path."""

    UNKNOWN_KEY = auto()
    MISSING_KEY = auto()
    VALUE = auto()


class Mistake(NamedTuple):
    """What is wrong, where, and a sentence for a person. The path of an unknown key ends with that key, that of a missing key does not."""

    wrong: Wrong
    path: Path
    words: str


def understand(error: Exception) -> Mistake:
    """Return the mistake that an error of msgspec describes."""
    message = str(error)
    at = _AT.search(message)
    # `[...]` stands for any key of a table.
    steps = _STEP.findall(at["path"].replace("[...]", "")) if at else []
    path = tuple(key or int(index) for key, index in steps)
    what = message[: at.start()] if at else message
    if unknown := _UNKNOWN.search(what):
        return Mistake(Wrong.UNKNOWN_KEY, (*path, unknown[1]), f"unknown key '{unknown[1]}'")
    if missing := _MISSING.search(what):
        return Mistake(Wrong.MISSING_KEY, path, f"the key '{missing[1]}' is missing")
    if choice := _CHOICE.search(what):
        return Mistake(Wrong.VALUE, path, f"{choice[1]} is not a value that it can have")
    words = re.sub(r"`([^`]*)`", lambda quoted: _types(quoted[1]), what)
    return Mistake(Wrong.VALUE, path, words[:1].lower() + words[1:])


def _types(types: str) -> str:
    """Return the words for types as msgspec writes them: `int | float | str | null`."""
    named = [kind for kind in types.split(" | ") if kind != "null"]
    if "float" in named and "int" in named:
        named.remove("int")
    if not named:
        return "null"
    return " or ".join(_TYPES.get(kind, f"'{kind}'") for kind in named)

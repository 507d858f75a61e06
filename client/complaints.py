"""What msgspec says of data of the wrong type, in plain words. Knows its sentences, and no file."""

from __future__ import annotations

import re

from .line_finder import Path

# msgspec: "Expected `str`, got `int` - at `$.job[0].argv[1]`", or "... - at `key` in `$.job[0].env`" where a key is wrong.
_AT = re.compile(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")


def take_apart(message: str) -> tuple[str, Path]:
    """Divide a message of msgspec into what is wrong and where."""
    at = _AT.search(message)
    # `[...]` stands for any key of a table.
    steps = _STEP.findall(at["path"].replace("[...]", "")) if at else []
    path = tuple(key or int(index) for key, index in steps)
    what = message[: at.start()] if at else message
    if (field := FIELD.search(what)) and "unknown" in what:
        path = (*path, field[1])
    return what, path


_WORDS = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "a table", "array": "a list"}


def _types(types: str) -> str:
    """Say which types msgspec means: `int | float | str | null`."""
    named = [kind for kind in types.split(" | ") if kind != "null"]
    if "float" in named and "int" in named:
        named.remove("int")
    return " or ".join(_WORDS.get(kind, f"'{kind}'") for kind in named)


def in_words(what: str) -> str:
    """Say `Expected `str`, got `int`` as a person would."""
    what = re.sub(r"`([^`]*)`", lambda quoted: _types(quoted[1]), what)
    return what[0].lower() + what[1:]

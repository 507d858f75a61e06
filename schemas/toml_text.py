"""Read TOML that anybody may have written. What tomllib takes for a key grows with the square of its parts: they are counted first."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# None of our files has a key of more than three.
MOST_KEY_PARTS = 16
# Strings and comments are one token each, whatever stands in them; of the rest only what divides keys and what ends them matters.
_TOKEN = re.compile(
    r"""
    \"{3} (?: \\. | [^\\] )*? \"{3}   |   '{3} .*? '{3}
    | " (?: \\. | [^"\\\n] )* "       |   ' [^'\n]* '
    | \# [^\n]*
    | [.\n,={}\[\]]
    """,
    re.DOTALL | re.VERBOSE,
)

_LONG_NUMBER = re.compile(r"[\d_]{4301,}")
_ENDS_A_KEY = frozenset("\n,={}[]")


def parse(text: str) -> dict[str, Any]:
    """Read a document.

    Raises ValueError with the place at its end, in parentheses, and RecursionError for what is nested too deeply.
    """
    dots = 0
    for token in _TOKEN.finditer(text):
        if token[0] == ".":
            dots += 1
            if dots >= MOST_KEY_PARTS:
                line = text.count("\n", 0, token.start()) + 1
                column = token.start() - text.rfind("\n", 0, token.start())
                raise ValueError(f"A key has more than {MOST_KEY_PARTS} parts (at line {line}, column {column})")
        elif token[0] in _ENDS_A_KEY:
            dots = 0
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        # Of an integer with more digits than Python reads it tells no place.
        found = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise ValueError(f"A number has too many digits (at line {line}, column 1)") from None

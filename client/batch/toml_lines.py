"""Find the line of a TOML text on which a key is set.

The parser of the standard library does not return lines. But each statement of TOML only adds: a key that is set in a beginning of the
text is set in the whole. So the line is found by bisection: the shortest beginning, cut between two statements, that sets the key.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import Any, NamedTuple

from ...schemas.text.msgspec_errors import Path


class Place(NamedTuple):
    """A line, counted from 1, and the key there, as it would be written with dots."""

    line: int
    key: str = ""


def place_of(text: str, path: Path) -> Place:
    """Return where the key at `path` (keys, and positions in lists) is set, or the nearest table around it. The text must be TOML."""
    # The text was parsed before, so the number of parts of its keys is bounded.
    whole = tomllib.loads(text)
    said = path
    while said and not _holds(whole, said):
        said = said[:-1]
    cuts = _cuts(text)
    first_with = bisect_left(cuts, 1, lo=1, key=lambda cut: int(_holds(tomllib.loads(text[:cut]), said))) if said else 1
    return Place(text.count("\n", 0, cuts[first_with - 1]) + 1, ".".join(step for step in path if isinstance(step, str)))


def _holds(tables: Any, path: Path) -> bool:
    for step in path:
        try:
            tables = tables[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


# What can hide a bracket or the end of a line: strings of four kinds, and comments.
_TOKEN = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n', re.DOTALL)


def _cuts(text: str) -> list[int]:
    """Return the positions between statements, from the beginning to the end of the text."""
    cuts, depth = [0], 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth == 0:
                cuts.append(token.end())
            case _:
                pass
    if cuts[-1] != len(text):
        cuts.append(len(text))
    return cuts

"""Find the line of a TOML text on which a key is said.

The parser of the standard library tells no lines. But a TOML text only ever adds: what its beginning says, the whole says too. So the
line is found by halving: the shortest beginning, cut between two statements, that holds the key.
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
    """Find where the key at `path` (keys, and positions in lists) is said, or the nearest table around it. The text must be TOML."""
    # Its keys are bounded: it was read once already.
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
    """List the positions between statements, from the beginning to the end of the text."""
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

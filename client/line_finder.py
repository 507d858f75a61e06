"""Find the line of a TOML text on which a key is said.

The parser of the standard library tells no lines. But a TOML text only ever adds: what its beginning says, the whole says too. So the
line is found by halving: the shortest beginning, cut between two statements, that holds the key.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any, NamedTuple

from ..schemas import toml_text

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A line, counted from 1, and the key there, as it would be written with dots."""

    line: int
    key: str = ""


def place_of(text: str, path: Path) -> Place:
    """Find where the key at `path` (keys, and positions in lists) is said, or the nearest table around it. The text must be TOML."""
    whole = toml_text.parse(text)
    said = path
    while said and not _holds(whole, said):
        said = said[:-1]
    cuts = _cuts(text)
    first_with = bisect_left(cuts, 1, lo=1, key=lambda cut: int(_holds(toml_text.parse(text[:cut]), said))) if said else 1
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
_BRACKETS = "[]{}"
_MOST_PARTS = 100


def too_deep(text: str) -> int | None:
    """Find the line of a key of very many parts, `a.a.a...`: the time that the parser takes for one grows with their square, and more."""
    if not any(line.count(".") > _MOST_PARTS for line in text.split("\n")):
        return None
    bare = _TOKEN.sub(lambda token: token[0] if token[0] in _BRACKETS else "\n" * token[0].count("\n"), text)
    return next((number for number, line in enumerate(bare.split("\n"), 1) if line.count(".") > _MOST_PARTS), None)


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

"""CPython's module `_json`, the C part of `json`, for reading.

Private to CPython. Used because `json` loads `re` and compiles six patterns, which takes longer than all the parsing of a shell completion.
`tests/unit/test_private_parts.py` fails once `json` no longer does so, or `_json` parses something differently.
"""

from __future__ import annotations

from _json import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def scanner(parse_float: Callable[[str], float], parse_constant: Callable[[str], float]) -> Callable[[str, int], tuple[Any, int]]:
    """Return a function that parses the JSON value at an index of a text and returns value and end, like `JSONDecoder.raw_decode`.

    The function raises ValueError, StopIteration if there is no value, and RecursionError.
    """

    class Rules:
        strict = True
        object_hook = object_pairs_hook = None
        parse_int = int

    Rules.parse_float, Rules.parse_constant = parse_float, parse_constant  # type: ignore[attr-defined] # reason: functions, no methods
    scan: Callable[[str, int], tuple[Any, int]] = make_scanner(Rules)  # type: ignore[arg-type] # reason: anything with these attributes
    return scan

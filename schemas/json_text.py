"""Parse JSON files that jobwire wrote and anybody may have changed since: a value, or a ValueError.

Python's parser raises RecursionError for deep nesting, and turns a number that is too large into infinity, which no int can be.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

from .private_parts.c_json import scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def from_json(text: str) -> Any:
    """Return one JSON value. Raises ValueError for anything else."""
    text = text.strip()
    try:
        value, end = _scan(text, 0)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except StopIteration as stop:
        raise ValueError(f"there is no JSON value at character {stop.value}") from None
    if end != len(text):
        raise ValueError(f"something follows the JSON value: {text[end:]!r:.100}")
    return value


def object_of(content: bytes) -> dict[str, Any]:
    """Return a JSON object encoded in UTF-8. Raises ValueError for anything else."""
    found = from_json(content.decode())
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 -- what was read is wrong, not what was called
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in _INFINITE:
        raise ValueError(f"{text!r:.100} is too large a number")
    return number


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_INFINITE = (float("inf"), float("-inf"))
_scan = scanner(_finite, _refuse)

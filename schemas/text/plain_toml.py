"""Parse a simple subset of TOML, the one jobwire writes itself: tables, strings without escapes, and comments on lines of their own.

This takes no measurable time; tomllib, which parses the rest, takes 10 ms to load in each command.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OF_KEYS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def parse(text: str) -> dict[str, Any] | None:
    """Return a document as tomllib would; None if it is outside the subset, or not TOML."""
    tables: dict[str, Any] = {}
    table: dict[str, Any] | None = tables
    seen: set[str] = set()
    for whole in text.replace("\r\n", "\n").split("\n"):
        line = whole.strip(" \t")
        if not line.replace("\t", " ").isprintable():
            return None
        if line.startswith("["):
            table = None if line in seen else _opened(tables, line)
            seen.add(line)
        elif line and not line.startswith("#") and table is not None:
            table = table if _is_set(table, line) else None
        if table is None:
            return None
    return tables


def _opened(tables: dict[str, Any], header: str) -> dict[str, Any] | None:
    table = tables
    for name in header[1:-1].split("."):
        table = table.setdefault(name, {})
        if not _is_plain(name) or not isinstance(table, dict):
            return None
    return table if header.endswith("]") else None


def _is_set(table: dict[str, Any], line: str) -> bool:
    """Assign what a line assigns, and return whether the line is in the subset."""
    key, _, value = line.partition("=")
    key, value = key.rstrip(" \t"), value.lstrip(" \t")
    text = value[1:-1]
    if not _is_plain(key) or key in table or value != f'"{text}"' or '"' in text or "\\" in text:
        return False
    table[key] = text
    return True


def _is_plain(key: str) -> bool:
    return bool(key) and _OF_KEYS.issuperset(key)

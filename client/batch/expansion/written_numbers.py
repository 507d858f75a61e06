"""Numbers that keep their spelling: `3.10` in a list of versions is not 3.1."""

from __future__ import annotations

from typing import Any, Self


class WrittenFloat(float):
    """A float together with its text."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read a number; for `parse_float` of tomllib and json."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def text_of(value: object) -> str | None:
    """Return the text of a string, a number or a boolean; None for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case WrittenFloat():
            return value.text
        case int() | float():
            return str(value)
        case _:
            return None


def plain(value: Any, *, but: frozenset[str] = frozenset()) -> Any:
    """Return a value with ordinary numbers, for readers that expect these; values of the keys in `but` are kept."""
    match value:
        case WrittenFloat():
            return float(value)
        case list():
            return [plain(one, but=but) for one in value]
        case dict():
            return {key: one if key in but else plain(one, but=but) for key, one in value.items()}
        case _:
            return value

"""`for_each`: the values from which one table creates many jobs.

    for_each = ["a.csv", "b.csv"]                          {item}
    for_each = [{ host = "a", port = 1 }]                  {item.host}, {item.port}
    for_each = "1..20"                                     {item}
    for_each = { lines = "hosts.txt" }                     {item}
    for_each = { lr = [0.1, 0.01], seed = "1..20" }        each with each: {lr}, {seed}
    for_each = { zip = { host = [...], port = "1..3" } }   side by side: {host}, {port}

The first axis changes slowest, like the outer one of nested loops. Knows no batch file; `read_lines` reads value files.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ....schemas.refusal import Refused
from ....schemas.text.msgspec_errors import Path
from .placeholders import NAME, Values
from .ranges import NotRange, Range, parse_range
from .written_numbers import text_of

# Names with a meaning of their own.
RESERVED = frozenset(("index", "name", "lines", "zip"))
ITEM = "item"
_HOW = 'write a list, a range such as "1..20", { lines = "FILE" }, or named axes such as { lr = [0.1, 0.01], seed = "1..20" }'

Complain = Callable[[Path, str, str], None]
ReadLines = Callable[[str], Sequence[str]]


class Axis(NamedTuple):
    """A name and its values: texts, tables of texts, or a range."""

    name: str
    values: Sequence[str | dict[str, str]] | Range

    def __len__(self) -> int:
        """How many values there are."""
        return self.values.count if isinstance(self.values, Range) else len(self.values)

    def points(self) -> Iterator[Values]:
        """Iterate over the values by their placeholders."""
        for value in self.values.texts() if isinstance(self.values, Range) else self.values:
            yield {self.name: value} if isinstance(value, str) else {f"{self.name}.{key}": inner for key, inner in value.items()}


class Axes(NamedTuple):
    """Groups of axes: within a group values are paired, and the groups are combined."""

    groups: tuple[tuple[Axis, ...], ...]

    @property
    def names(self) -> list[str]:
        """The names of all axes."""
        return [axis.name for group in self.groups for axis in group]

    @property
    def counts(self) -> list[int]:
        """How many values each group has."""
        return [len(group[0]) for group in self.groups]

    def points(self) -> Iterator[dict[str, str]]:
        """Iterate over all combinations."""
        for parts in itertools.product(*map(_side_by_side, self.groups)):
            point: dict[str, str] = {}
            for part in parts:
                point |= part
            yield point


def _side_by_side(group: tuple[Axis, ...]) -> Iterable[Values]:
    if len(group) == 1:
        return group[0].points()
    return (
        {name: text for point in points for name, text in point.items()} for points in zip(*(axis.points() for axis in group), strict=True)
    )


def read_axes(said: Any, read_lines: ReadLines, complain: Complain) -> Axes | None:
    """Return the axes of `for_each`; None if it is invalid, with every mistake passed to `complain`.

    `read_lines` raises Refused.
    """
    if isinstance(said, Axes):
        # Of a command line.
        return said
    is_sound = True

    def wrong(path: Path, what: str, next_step: str = "") -> None:
        nonlocal is_sound
        is_sound = False
        complain(path, what, next_step)

    def axis(name: str, said: Any, path: Path) -> Axis:
        if name != ITEM and (name in RESERVED or not NAME.fullmatch(name)):
            wrong(
                path,
                f"{name!r} cannot be the name of an axis",
                f"use another one, of letters, digits and _; {', '.join(sorted(RESERVED))} have a meaning",
            )
        values = _values(said, path, read_lines, wrong)
        if values is not None and not len(Axis(name, values)):
            wrong(path, "there are no values, so it makes no job", "remove the job, or add values")
        return Axis(name, values or ())

    axes = Axes(_groups(said, axis, wrong))
    if is_sound:
        check_together(axes, wrong)
    return axes if is_sound else None


def _groups(said: Any, axis: Callable[[str, Any, Path], Axis], wrong: Callable[..., None]) -> tuple[tuple[Axis, ...], ...]:
    if not isinstance(said, dict) or said.keys() == {"lines"}:
        return ((axis(ITEM, said, ()),),)
    if not said:
        wrong((), "there are no axes", _HOW)
    groups: list[tuple[Axis, ...]] = []
    for name, inner in said.items():
        if name != "zip":
            groups.append((axis(name, inner, (name,)),))
        elif not isinstance(inner, dict) or not inner:
            wrong(("zip",), "zip is not a table of axes", 'write it like zip = { host = ["a", "b"], port = "1..2" }')
        else:
            groups.append(tuple(axis(key, one, ("zip", key)) for key, one in inner.items()))
    return tuple(groups)


def check_together(axes: Axes, wrong: Complain) -> None:
    """Complain about axes that are valid on their own, but not together."""
    for group in axes.groups:
        if len({len(axis) for axis in group}) > 1:
            lengths = ", ".join(f"{axis.name} has {len(axis)}" for axis in group)
            wrong(("zip",), f"the axes of zip have different numbers of values: {lengths}", "")
    if twice := [name for place, name in enumerate(axes.names) if name in axes.names[:place]]:
        wrong(("zip", twice[0]), f"there are two axes {twice[0]!r}", "rename one of them")


def _values(said: Any, path: Path, read_lines: ReadLines, wrong: Callable[..., None]) -> Sequence[str | dict[str, str]] | Range | None:
    match said:
        case str():
            try:
                found = parse_range(said)
            except NotRange as problem:
                wrong(path, str(problem))
                return None
            if found is None:
                wrong(
                    path,
                    f"{said!r} is not a range such as 1..20",
                    f"write [{said!r}] for one value, {{ lines = {said!r} }} for those of a file",
                )
            return found
        case list():
            made = [_value(one, (*path, place), wrong) for place, one in enumerate(said)]
            values = [value for value in made if value is not None]
            return values if len(values) == len(made) else None
        case {"lines": str() as file, **others} if not others:
            try:
                return read_lines(file)
            except Refused as refused:
                wrong((*path, "lines"), refused.message, refused.next_step)
                return None
        case _:
            wrong(path, f"{type_of(said)} is not a set of values", _HOW)
            return None


def _value(said: Any, path: Path, wrong: Callable[..., None]) -> str | dict[str, str] | None:
    if not isinstance(said, dict):
        text = text_of(said)
        if text is None:
            wrong(path, f"{type_of(said)} is not a value", "write a string, a number, or a table of them")
        return text
    if not said:
        wrong(path, "this table has no keys, so there is nothing to replace")
    texts: dict[str, str] = {}
    for key, inner in said.items():
        text = text_of(inner)
        if text is None:
            wrong((*path, key), f"{type_of(inner)} is not a value", "write a string or a number")
        elif not NAME.fullmatch(key) and not key.isdigit():
            wrong((*path, key), f"{key!r} cannot be a key in a placeholder", "use letters, digits and _")
        else:
            texts[key] = text
    return texts


def type_of(said: Any) -> str:
    """Return the type of a value, as TOML and JSON call it."""
    if isinstance(said, bool):
        return f"{said}".lower()
    if isinstance(said, int | float):
        return f"the number {said}"
    if isinstance(said, str):
        return f"the string {said!r}"
    return {type(None): "null", list: "a list", dict: "a table"}.get(type(said), "a date or time")

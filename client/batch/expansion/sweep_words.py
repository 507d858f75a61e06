"""The arguments of `sweep`: a command, and values after `:::` and `::::`, as in GNU parallel.

COMMAND --lr {lr} ::: lr=0.1,0.01 seed=1..20      named axes, each with each COMMAND {} ::: a.txt b.txt                        one axis
without a name: {item}, or {} COMMAND {1} {2} ::: a b :::+ c d                  side by side COMMAND {} :::: FILE
its values are the lines of a file; - is standard input
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ....schemas.refusal import Code, Refused
from .axes import ITEM, RESERVED, Axes, Axis, ReadLines, check_together
from .placeholders import compile_text
from .ranges import NotRange, Range, parse_range

_MARKS = frozenset((":::", ":::+", "::::", "::::+"))
_NAMED = re.compile(r"([^\W\d][\w-]*)=(.*)", re.DOTALL)
_COMMA = re.compile(r"(?<!\\),")
_POSITION = re.compile(r"\{([0-9]{0,3})\}")
# What parallel would replace, and we do not.
_OF_PARALLEL = re.compile(r"\{\d*(?:\.|/|//|/\.|#|%)\}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")


class Sweep(NamedTuple):
    """A command with placeholders, and its axes; `warnings`: what may be a mistake."""

    argv: list[str]
    axes: Axes
    warnings: list[str]


def parse_sweep(words: Sequence[str], read_lines: ReadLines, options: Sequence[str] = ()) -> Sweep:
    """Return the sweep that the arguments describe. `options`: the texts of options, which can have placeholders with names too.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    command, sections = _divide(words)
    if not sections:
        raise _wrong("there are no values", "write them after the command: ::: lr=0.1,0.01 seed=1..20, or ::: a.txt b.txt, or :::: FILE")
    groups: list[tuple[Axis, ...]] = []
    unnamed = 0
    for mark, values in sections:
        if not values:
            raise _wrong(f"there are no values after {mark}", "a pattern that matches no file may be the reason")
        named = [_NAMED.fullmatch(value) for value in values]
        if any(named) and not all(named):
            odd = next(value for value, is_named in zip(values, named, strict=True) if not is_named)
            raise _wrong(
                f"after {mark}, {odd!r} has no NAME=, but others have one", f"write all of them like NAME=VALUES, or ./{values[0]}"
            )
        axes = [_named(found[1], found[2], mark, read_lines) for found in named if found]
        if not axes:
            unnamed += 1
            axes = [_unnamed(unnamed, values, mark, read_lines)]
        if not mark.endswith("+"):
            groups += [(axis,) for axis in axes]
        elif groups:
            groups[-1] += tuple(axes)
        else:
            raise _wrong(f"{mark} has nothing before it to stand beside", "begin with :::")
    swept = Axes(tuple(groups))
    check_together(swept, lambda _, what, next_step: _raise(what, next_step))
    if unnamed and (mistaken := [text for text in options if _POSITION.search(text)]):
        raise _wrong(f"in an option, {mistaken[0]!r} has no meaning", f"write {{{ITEM}}}")
    argv = _with_positions(command, swept, options) if unnamed else list(command)
    return Sweep(argv, swept, list(_warnings(argv, swept)))


def _divide(words: Sequence[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    begin = next((place for place, word in enumerate(words) if word in _MARKS), len(words))
    sections: list[tuple[str, list[str]]] = []
    for word in words[begin:]:
        if word in _MARKS:
            sections.append((word, []))
        else:
            sections[-1][1].append(word)
    return list(words[:begin]), sections


def _named(name: str, said: str, mark: str, read_lines: ReadLines) -> Axis:
    if name in RESERVED:
        raise _wrong(f"{name!r} cannot be the name of an axis", f"use another one; {', '.join(sorted(RESERVED))} have a meaning")
    if mark.startswith("::::"):
        return _some(Axis(name, read_lines(said)), said)
    if not said or _COMMA.search(said, len(said) - 1):
        raise _wrong(f"{name}={said} has no value at its end", f"write it like {name}=a,b; an empty value can stand before a comma")
    return _some(Axis(name, _expand(part.replace(r"\,", ",") for part in _COMMA.split(said))), said)


def _unnamed(number: int, values: Sequence[str], mark: str, read_lines: ReadLines) -> Axis:
    name = ITEM if number == 1 else f"{ITEM}{number}"
    if mark.startswith("::::"):
        return _some(Axis(name, list(chain.from_iterable(map(read_lines, values)))), " ".join(values))
    return Axis(name, _expand(values))


def _some(axis: Axis, said: str) -> Axis:
    if not len(axis):
        raise _wrong(f"there are no values in {said!r}")
    return axis


def _expand(parts: Iterator[str] | Sequence[str]) -> Range | list[str]:
    parts = list(parts)
    try:
        ranges = [parse_range(part) for part in parts]
    except NotRange as problem:
        raise _wrong(str(problem)) from None
    if len(ranges) == 1 and ranges[0] is not None:
        return ranges[0]
    # Not several long ranges: one is counted before it is made, these are made.
    if sum(one.count for one in ranges if one is not None) > _MOST_VALUES:
        raise _wrong(f"these are more than {_MOST_VALUES} values")
    return list(chain.from_iterable([part] if one is None else one.texts() for part, one in zip(parts, ranges, strict=True)))


_MOST_VALUES = 1_000_000


def _with_positions(command: Sequence[str], axes: Axes, options: Sequence[str]) -> list[str]:
    """Return a command in which `{}` and `{1}` are replaced by names of axes; without any placeholder, values are appended."""
    names = axes.names
    if not any(_POSITION.search(word) or compile_text(word) for word in (*command, *options)):
        return [*command, *(f"{{{name}}}" for name in names)]

    def name_of(found: re.Match[str]) -> str:
        place = int(found[1] or 1)
        if not 1 <= place <= len(names):
            raise _wrong(f"there is no value for {found[0]}", f"there {'is 1 axis' if len(names) == 1 else f'are {len(names)} axes'}")
        return f"{{{names[place - 1]}}}"

    return [_POSITION.sub(name_of, word) for word in command]


def _warnings(argv: Sequence[str], axes: Axes) -> Iterator[str]:
    text = "\n".join(argv)
    if found := _OF_PARALLEL.search(text):
        yield f"{found[0]} is passed on unchanged; of the placeholders of parallel, there are {{}}, {{1}}, {{2}} and so on"
    if axes.names[0] != ITEM and "{}" in text:
        yield f"{{}} is passed on unchanged, because the values have names: {', '.join(f'{{{name}}}' for name in axes.names)}"


def unused(axes: Axes, *texts: str) -> list[str]:
    """Return the names of axes that no text has a placeholder for."""
    used = {name.partition(".")[0] for text in texts if (compiled := compile_text(text)) for name in compiled.names}
    return [name for name in axes.names if name not in used]


def name_template(program: str, axes: Axes, *, is_named: bool) -> str:
    """Return a name for the jobs, from the name that was given or the program, and the values."""
    base = program if is_named else _NOT_IN_NAMES.sub("_", program.rpartition("/")[2])
    if is_named and compile_text(program):
        return program
    # An axis may have any name that a placeholder may have, and a job may not.
    parts = (f"{{{name}}}" if name.startswith(ITEM) else f"{_NOT_IN_NAMES.sub('_', name)}:{{{name}}}" for name in axes.names)
    return f"{base}[{'+'.join(parts)}]"


def _wrong(what: str, next_step: str = "") -> Refused:
    return Refused(Code.INVALID_ARGUMENT, what, next_step)


def _raise(what: str, next_step: str) -> None:
    raise _wrong(what, next_step)

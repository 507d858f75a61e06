"""Placeholders in the text of a job: `{item}`, `{index}`, `{name}`, `{item.key}`, `{lr}`.

Before a name, `{{` is a literal brace. Everything else stays as it is, so that JSON, awk, find(1) and Go templates can be written as usual:
braces without a name in them, and `${x}`, which is a shell variable. A value becomes part of the text around it and is not scanned again:
it cannot add an argument or a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ....schemas.text.msgspec_errors import Path

# A value is text, under its name: `lr`, or `item.host` for a key of a table.
Values = Mapping[str, str]

NAME = re.compile(r"[^\W\d][\w-]*")
_PART = re.compile(r"\$\{[^{}]*\}|(\{+)([^\W\d][\w-]*(?:\.[\w-]+)*)\}(?=(\}?))")
_LIKE_A_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}|\{\{ +([^\W\d][\w-]*(?:\.[\w-]+)*) +\}\}")
_MOST_SHOWN = 12


class Unknown(ValueError):  # noqa: N818 -- a fact
    """Raised for a placeholder without a value: its name, and its place in the rendered value."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.name = name
        self.path = path


class Text(NamedTuple):
    """A text with placeholders: constant parts at even positions, names at odd ones. `doubtful`: names in double braces."""

    parts: tuple[str, ...]
    path: Path
    doubtful: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Its placeholders."""
        return self.parts[1::2]

    def texts(self) -> Iterator[Text]:
        """Iterate over all texts: this one."""
        yield self

    def render(self, values: Values) -> str:
        """Return the text with the values.

        Raises Unknown.
        """
        said = list(self.parts)
        try:
            said[1::2] = [values[name] for name in self.parts[1::2]]
        except KeyError as missing:
            raise Unknown(str(missing.args[0]), self.path) from None
        return "".join(said)


class Tree(NamedTuple):
    """A list, table or struct in which some values have placeholders: those by their place, and how the whole is rebuilt."""

    inner: tuple[tuple[Any, Text | Tree], ...]
    make: Callable[[dict[Any, Any]], Any]

    def texts(self) -> Iterator[Text]:
        """Iterate over all texts in it."""
        for _, one in self.inner:
            yield from one.texts()

    def render(self, values: Values) -> Any:
        """Return the whole with the values.

        Raises Unknown.
        """
        return self.make({place: one.render(values) for place, one in self.inner})


def compile_text(text: str, path: Path = ()) -> Text | None:
    """Return a text with placeholders or `{{`; None if it has neither and stays as it is."""
    if "{" not in text:
        return None
    parts = [""]
    doubtful = []
    at = 0
    for found in _PART.finditer(text):
        if found[0].startswith("$"):
            continue
        braces, name = len(found[1]), found[2]
        parts[-1] += text[at : found.start()] + "{" * (braces // 2)
        if braces % 2:
            parts += [name, ""]
        else:
            parts[-1] += f"{name}}}"
            # As in Go and Jinja, where that is not a brace, a name and a brace.
            doubtful += [name] if found[3] and braces == len("{{") else []
        at = found.end()
    if at == 0:
        return None
    parts[-1] += text[at:]
    return Text(tuple(parts), path, tuple(doubtful))


def compile_value(value: Any, path: Path) -> Text | Tree | None:
    """Return a template for a string or any of these; None if it has no placeholders."""
    match value:
        case str():
            return compile_text(value, path)
        case _:
            return compile_table(value, path)


def compile_table(value: Any, path: Path = ()) -> Tree | None:
    """Return a template for a list, table or struct; None if it has no placeholders."""
    match value:
        case list():
            return _tree(enumerate(value), path, lambda new: [new.get(place, old) for place, old in enumerate(value)])
        case dict():
            return _tree(value.items(), path, lambda new: value | new)
        case msgspec.Struct():
            return _tree(msgspec.structs.asdict(value).items(), path, lambda new: msgspec.structs.replace(value, **new))
        case _:
            return None


def _tree(members: Any, path: Path, make: Callable[[dict[Any, Any]], Any]) -> Tree | None:
    inner = tuple((place, compiled) for place, member in members if (compiled := compile_value(member, (*path, place))) is not None)
    return Tree(inner, make) if inner else None


def look_alikes(value: Any) -> Iterator[tuple[str, str]]:
    """Iterate over what looks like a placeholder and is not one, `${x}` of a shell and `{{ x }}` of other tools, and the name in it."""
    match value:
        case str():
            if "${" in value or "{{" in value:
                yield from ((found[0], found[1] or found[2]) for found in _LIKE_A_PLACEHOLDER.finditer(value))
        case list():
            for member in value:
                yield from look_alikes(member)
        case _:
            pass


def about_unknown(name: str, known: Values, setting: str) -> tuple[str, str]:
    """Return what is wrong with a placeholder that has no value, and what to write instead. `setting` sets a value: `--set`."""
    names = sorted(known)
    shown = ", ".join(f"{{{one}}}" for one in names[:_MOST_SHOWN]) + (" ..." if len(names) > _MOST_SHOWN else "")
    instead = f"known are {shown}; " if names else ""
    return f"there is no value for {{{name}}}", f"{instead}give one with {setting} {name}=VALUE, or write {{{{{name}}} for the text itself"


def about_doubtful(name: str) -> tuple[str, str]:
    """Return what is wrong with a name in double braces, and what to write instead."""
    return f"{{{{{name}}}}} can be read in two ways", f"write {{{name}}} for a value, {{{{{{{{{name}}}}} for the text itself"

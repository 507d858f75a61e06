"""The options at the beginning of a command line, parsed like getopt_long(3)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Arity(enum.Enum):
    """Whether an option takes a value. An optional value must be in the same word."""

    NONE = enum.auto()
    REQUIRED = enum.auto()
    OPTIONAL = enum.auto()


class Given(NamedTuple):
    """An option that was given: its long name, its spelling, and its value; empty without one."""

    name: str
    said: str
    value: str = ""


class Options(NamedTuple):
    """The options, in order, and the words after them."""

    options: list[Given]
    rest: list[str]


class NotOptions(ValueError):  # noqa: N818 -- a fact
    """Raised for an unknown option, or one without its value."""


def read_options(words: Sequence[str], short: Mapping[str, Arity], long: Mapping[str, Arity], same: Mapping[str, str]) -> Options:
    """Return the options up to the first word that is not one. `same`: the long names of short options.

    A long name may be abbreviated while it is unambiguous. Raises NotOptions.
    """
    options: list[Given] = []
    left = list(words)
    while left:
        word = left[0]
        if word == "--":
            return Options(options, left[1:])
        if not word.startswith("-") or word == "-":
            break
        left.pop(0)
        if word.startswith("--"):
            options.append(_long(word, left, long))
        else:
            options += _short(word, left, short, same)
    return Options(options, left)


def _long(word: str, left: list[str], long: Mapping[str, Arity]) -> Given:
    said, is_set, value = word[2:].partition("=")
    matching = [said] if said in long else [name for name in long if name.startswith(said)]
    if len(matching) != 1:
        raise NotOptions(f"there is no option --{said}" if not matching else f"--{said} could be any of --{', --'.join(matching)}")
    (name,) = matching
    if is_set and long[name] is Arity.NONE:
        raise NotOptions(f"--{name} takes no value")
    if long[name] is Arity.REQUIRED and not is_set:
        if not left:
            raise NotOptions(f"--{name} has no value")
        value = left.pop(0)
    return Given(name, f"--{name}", value)


def _short(word: str, left: list[str], short: Mapping[str, Arity], same: Mapping[str, str]) -> list[Given]:
    options: list[Given] = []
    for at, char in enumerate(word[1:], 1):
        rest, name = word[at + 1 :], same.get(char, char)
        arity = short.get(char)
        if arity is None:
            raise NotOptions(f"there is no option -{char}")
        if arity is Arity.NONE:
            options.append(Given(name, f"-{char}"))
            continue
        if arity is Arity.REQUIRED and not rest:
            if not left:
                raise NotOptions(f"-{char} has no value")
            rest = left.pop(0)
        return [*options, Given(name, f"-{char}", rest)]
    return options

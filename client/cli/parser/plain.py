"""Reads plain command lines: those in which everything is as its command declares it. Pure; knows no command.

Everything else (help, mistakes, combined short flags) is left to typer: then this returns None. A line that is parsed here means the same
to typer, which tests check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .parameters import Argument, Context, Option, Parameter

_SWITCHES: Any = (bool, bool | None)
_TEXTS: Any = (str, str | None)
_LISTS: Any = (list[str], list[str] | None)


class _Wanted(NamedTuple):
    """The parameters of a command, by kind."""

    context: str
    flags: Mapping[str, Parameter]
    arguments: Sequence[Parameter]


def read_context(words: Sequence[str], usual: str | None) -> tuple[Context, Sequence[str]]:
    """Return the context options before the subcommand, and the words from there. `usual`: the default name of the context."""
    match words:
        case ["--context", name, *rest]:
            return Context(name), rest
        case [word, *rest] if word.startswith("--context="):
            return Context(word.partition("=")[2]), rest
    return Context(usual), words


def read(words: Sequence[str], parameters: Sequence[Parameter], context: Context, *, ends_options: bool) -> dict[str, Any] | None:
    """Return the values of all parameters, by name; None if the line is not plain, or not one of the parameters is.

    `ends_options`: the arguments are a command, with options of its own.
    """
    wanted = _sort(parameters)
    said = None if wanted is None else _divide(words, wanted.flags, ends_options=ends_options)
    if wanted is None or said is None:
        return None
    values, rest = said
    placed = _place(rest, wanted.arguments)
    if placed is None:
        return None
    values |= placed
    for one in parameters:
        if one.name not in values:
            if one.is_required and one.declared is not None:
                return None
            values[one.name] = one.default
    if wanted.context:
        values[wanted.context] = context
    return values


def _sort(parameters: Sequence[Parameter]) -> _Wanted | None:
    context, flags, arguments = "", {}, []
    for one in parameters:
        if one.kind is Context:
            context = one.name
        elif isinstance(one.declared, Option) and one.declared.flags and one.kind in (*_SWITCHES, *_TEXTS, *_LISTS):
            flags.update(dict.fromkeys(one.declared.flags, one))
        elif isinstance(one.declared, Argument) and one.kind in (*_TEXTS, *_LISTS):
            arguments.append(one)
        else:
            return None
    return _Wanted(context, flags, arguments)


def _divide(words: Sequence[str], flags: Mapping[str, Parameter], *, ends_options: bool) -> tuple[dict[str, Any], list[str]] | None:
    """Return the values of options, and the other words."""
    values: dict[str, Any] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            break
        if len(word) == 1 or not word.startswith("-"):
            rest.append(word)
            if ends_options:
                break
            continue
        option, value = _split(word, flags)
        if option is None:
            return None
        if option.kind in _SWITCHES:
            values[option.name] = True
            continue
        value = next(left, None) if value is None else value
        if value is None:
            return None
        if option.kind in _LISTS:
            values.setdefault(option.name, []).append(value)
        else:
            values[option.name] = value
    return values, [*rest, *left]


def _split(word: str, flags: Mapping[str, Parameter]) -> tuple[Parameter | None, str | None]:
    """Return the option of a word, and the value glued to it; None and None if it is not plain."""
    if (option := flags.get(word)) is not None:
        return option, None
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
    else:
        flag, equals, value = word[:2], "", word[2:]
        # With it, typer looks for a flag of several letters.
        equals = "" if "=" in value else "glued"
    option = flags.get(flag) if equals else None
    return (None, None) if option is None or option.kind in _SWITCHES else (option, value)


def _place(words: Sequence[str], arguments: Sequence[Parameter]) -> dict[str, Any] | None:
    """Return the values of the arguments. One of them may take many words; it leaves as many as those after it need."""
    many = next((at for at, one in enumerate(arguments) if one.kind in _LISTS), None)
    if many is None:
        return dict(zip((one.name for one in arguments), words, strict=False)) if len(words) <= len(arguments) else None
    after = len(arguments) - many - 1
    if after and len(words) < len(arguments):
        # Which of them are missing, only typer knows.
        return None
    values: dict[str, Any] = {one.name: word for one, word in zip(arguments[:many], words, strict=False)}
    if taken := list(words[many : len(words) - after]):
        values[arguments[many].name] = taken
    return values | {one.name: word for one, word in zip(arguments[many + 1 :], words[len(words) - after :], strict=True)}

"""The definitions of all commands, as typer has them: names, options, arguments and help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from ..parser.typer_commands import load, root_command
from ..verbs import TAKES_A_COMMAND, VERBS


class OptionText(NamedTuple):
    """One option: its flags, its placeholder (empty for a switch; it ends with dots if it can be repeated) and its help."""

    flags: tuple[str, ...]
    placeholder: str
    help: str


class ArgumentText(NamedTuple):
    """One argument: its placeholder, as the usage line shows it, and its help."""

    placeholder: str
    help: str


class CommandText(NamedTuple):
    """One command. `path` is as typed, `jobwire keys add`; `help` has paragraphs, the first of which is its summary.

    `ends_options`: its arguments are a command, with options of its own.
    """

    path: str
    help: tuple[str, ...]
    options: tuple[OptionText, ...]
    arguments: tuple[ArgumentText, ...]
    ends_options: bool = False


def read_commands() -> Iterator[CommandText]:
    """Return `jobwire` itself and then each command that is not hidden, in the order of the help."""
    yield _read("jobwire", root_command())
    for verb, entry in VERBS.items():
        if entry.hidden:
            continue
        command = load(verb)
        yield _read(f"jobwire {verb}", command)
        for name, part in getattr(command, "commands", {}).items():
            if not part.hidden:
                yield _read(f"jobwire {verb} {name}", part)


def _read(path: str, command: Any) -> CommandText:
    context = typer.Context(command, **command.context_settings)
    options, arguments = [], []
    for param in command.get_params(context):
        if getattr(param, "hidden", False):
            continue
        if param.param_type_name == "argument":
            (shown,) = param.get_usage_pieces(context)
            arguments.append(ArgumentText(shown, _joined(param.help)))
        else:
            placeholder = "" if getattr(param, "is_flag", False) else param.metavar or param.name.upper()
            options.append(OptionText(_shortest_first(param.opts), placeholder + ("..." if param.multiple else ""), _joined(param.help)))
    paragraphs = tuple(_joined(paragraph) for paragraph in (command.help or "").split("\n\n") if paragraph.strip())
    return CommandText(path, paragraphs, tuple(options), tuple(arguments), path.removeprefix("jobwire ") in TAKES_A_COMMAND)


def _shortest_first(flags: list[str]) -> tuple[str, ...]:
    return tuple(sorted(flags, key=len))


def _joined(text: str | None) -> str:
    return " ".join((text or "").split())

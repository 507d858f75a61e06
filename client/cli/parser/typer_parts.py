"""Parts of typer beyond its public interface: three patches, and the parsing of its errors. Knows no verb.

Private to typer, and to click and pydantic, which it uses:

- `take_texts_as_typed`: typer loads pydantic even for a flag or a string, which takes longer than a short job. The patch replaces
  `typer.core._TyperParameter.get_runtime_param`; a version of typer without it works as before, only slower.
- `shape_help`: typer shows `--quiet <bool>` and `{COMMAND}...`, and cuts words off on a narrow terminal. The patch sets `format_help`
  and `rich_markup_mode` of the command, and `display_type_rich` and `get_usage_pieces` of
  each parameter.
- `read_misuse`: the classes of typer's errors are not exported, so they are told apart by their form and their messages.

`tests/unit/test_private_parts.py` fails once typer does the same by itself or publicly, or one of these parts has changed.
"""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import typer
import typer.core

_MOST_DIGITS = 18
_PLAIN = (bool, str, list[str], int, Path)


class _AsTyped:
    """Replaces typer's adapter for one parameter, of this type and with these bounds."""

    def __init__(self, kind: Any, bounds: Any) -> None:
        self._kind = kind
        self._bounds = bounds

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the flag, the string or the strings unchanged, and a path or a whole number converted."""
        if value is None and (param.multiple or param.nargs == -1):
            return ()
        if value is None or self._kind not in {int, Path}:
            return value
        if self._kind is Path and not str(value):
            # As of a variable of a script that is not set: pathlib takes it for the current folder.
            raise typer.BadParameter("'' names no file or folder; leave it out for the default", ctx, param)
        return Path(value) if self._kind is Path else self._number(value, param, ctx)

    def _number(self, value: Any, param: Any, ctx: Any) -> int:
        # int() would also take digits of other scripts, and 1_0.
        text = str(value).strip()
        if not (text.isascii() and text.lstrip("+-").isdecimal() and len(text) <= _MOST_DIGITS):
            raise typer.BadParameter("it is not a whole number", ctx, param)
        try:
            number = int(text)
        except ValueError:
            raise typer.BadParameter("it is not a whole number", ctx, param) from None
        if self._bounds.min is not None and number < self._bounds.min:
            raise typer.BadParameter(f"it must be at least {self._bounds.min}", ctx, param)
        if self._bounds.max is not None and number > self._bounds.max:
            raise typer.BadParameter(f"it must be at most {self._bounds.max}", ctx, param)
        return number


@cache
def take_texts_as_typed() -> None:
    """Make typer take flags, strings, lists of strings, paths and whole numbers without pydantic, from now on."""
    parameter: Any = getattr(typer.core, "_TyperParameter", None)
    adapter = getattr(parameter, "get_runtime_param", None)
    if adapter is None:
        return

    def runtime_param(self: Any) -> Any:
        kind = self.type_descriptor.annotation
        return _AsTyped(kind, self.type_descriptor.parameter_info) if kind in _PLAIN else adapter(self)

    parameter.get_runtime_param = runtime_param


_DASHES = "jobwire.dashes"
# Narrower terminals get help without boxes.
_BOX_COLUMNS = 60
# On still narrower ones, what a command does is below its name.
_LIST_COLUMNS = 40
# No word of a help fits into less, and nobody reads wider lines.
_FEWEST_COLUMNS, _MOST_COLUMNS = 20, 500


class CommandAfterDashes(typer.core.TyperCommand):
    """A command that records whether its line has a `--`, which the parser drops."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Record it, and parse the line."""
        ctx.meta[_DASHES] = "--" in args
        return super().parse_args(ctx, args)


def has_dashes(ctx: typer.Context) -> bool:
    """Return whether the line of a `CommandAfterDashes` has a `--`."""
    return bool(ctx.meta.get(_DASHES))


def shape_help(command: Any, examples: Sequence[str] = ()) -> None:
    """Make the help of a command show no types for switches and arguments, and its usage read `COMMAND [ARG]...`; `-h` shows it too.

    `examples` are command lines, shown at its end.
    """
    command.context_settings["help_option_names"] = ["-h", "--help"]
    if examples:
        # Each is a paragraph, so that it has a line of its own; a bracket would be taken for the name of a colour.
        command.epilog = "\n\n".join(
            ["Examples:" if len(examples) > 1 else "Example:", *(f"$ {one}".replace("[", r"\[") for one in examples)]
        )
    command.format_help = partial(_format_help, command, command.format_help)
    for param in (*command.params, command.get_help_option(typer.Context(command, **command.context_settings))):
        if param.param_type_name == "argument":
            param.get_usage_pieces = partial(_usage_pieces, param)
            param.display_type_rich = _no_type
        elif getattr(param, "is_flag", False):
            param.display_type_rich = _no_type


def _format_help(command: Any, in_boxes: Callable[[Any, Any], None], ctx: Any, formatter: Any) -> None:
    """Write the help; on a narrow terminal without boxes, whose columns would cut words off."""
    columns = max(_FEWEST_COLUMNS, min(shutil.get_terminal_size().columns, _MOST_COLUMNS))
    mode, epilog = command.rich_markup_mode, command.epilog
    if columns < _BOX_COLUMNS:
        command.rich_markup_mode, command.epilog = None, epilog and epilog.replace(r"\[", "[")
        formatter.width = columns - 1
        # What an option means begins below a longer one: beside it, there would be room for a few letters.
        formatter.write_dl = partial(formatter.write_dl, col_max=formatter.width // 4 if columns >= _LIST_COLUMNS else 0)
        formatter.write_usage = partial(_write_usage, formatter)
        for one in filter(None, getattr(command, "commands", {}).values()):
            # Otherwise what it does is cut to what fits into one line.
            one.short_help = one.short_help or one.get_short_help_str(_MOST_COLUMNS)
    # rich and typer read these, too, and take 0 and any large number for a width, or fail.
    said = {name: os.environ[name] for name in ("COLUMNS", "TERMINAL_WIDTH") if name in os.environ}
    os.environ.update(dict.fromkeys(said, str(columns)))
    try:
        in_boxes(ctx, formatter)
    finally:
        command.rich_markup_mode, command.epilog = mode, epilog
        os.environ.update(said)


def _write_usage(formatter: Any, name: str, pieces: str) -> None:
    """Write the usage line, wrapped where there are blanks."""
    formatter.write(textwrap.fill(f"Usage: {name} {pieces}", formatter.width, subsequent_indent="  ", break_long_words=False) + "\n")


def _usage_pieces(param: Any, ctx: Any) -> list[str]:  # noqa: ARG001 -- typer's signature
    """Return how the usage line shows an argument. A placeholder with dots of its own stays as it is."""
    name: str = param.metavar or param.name.upper()
    if "..." in name:
        return [name]
    return [(name if param.required else f"[{name}]") + ("..." if param.nargs != 1 else "")]


def _no_type(ctx: Any) -> None:
    """Show nothing; newer versions of typer call this for the type of a parameter."""


class Misuse(NamedTuple):
    """A command line that typer refused: its sentence, and the path of the command (empty if unknown).

    `unknown_command`, `unknown_option`: the unknown word, with the known ones in `known`. `unexpected`: the first word for which there is
    no argument. `missing`: the argument or the option without which it cannot run. `shows_help`: the sentence is the whole help.
    """

    sentence: str
    path: str = ""
    unknown_command: str = ""
    unknown_option: str = ""
    known: tuple[str, ...] = ()
    unexpected: str = ""
    missing: str = ""
    shows_help: bool = False


# What typer passes on of pydantic's, for a number.
_PYDANTIC = (
    (r"Input should be a valid integer.*", "it is not a whole number"),
    (r"Input should be greater than or equal to (\S+)", r"it must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"it must be at most \1"),
)


def read_misuse(error: BaseException) -> Misuse | None:
    """Return the mistake that an error of typer describes; None for any other error."""
    if not hasattr(error, "format_message"):
        return None
    message: str = error.format_message().strip()
    context = getattr(error, "ctx", None)
    path = context.command_path if context else ""
    if type(error).__name__ == "NoArgsIsHelpError":
        return Misuse(message, path, shows_help=True)
    message = f"{message[:1].lower()}{message[1:]}".rstrip(".")
    if unknown := re.match(r"no such command '(.*?)'", message):
        commands = tuple(getattr(context.command, "commands", ())) if context else ()
        return Misuse(unknown[0], path, unknown_command=unknown[1], known=commands)
    if unknown := re.match(r"no such option: (\S+)", message):
        flags = tuple(flag for param in context.command.get_params(context) for flag in param.opts if flag[:1] == "-") if context else ()
        return Misuse(unknown[0], path, unknown_option=unknown[1], known=flags)
    for pattern, words in _PYDANTIC:
        message = re.sub(pattern, words, message)
    if unexpected := re.match(r"got unexpected extra arguments?(?:\(s\))? \((.*)\)", message, re.DOTALL):
        # They are divided by blanks, which an argument may contain too.
        return Misuse(f"unexpected argument: {unexpected[1]}", path, unexpected=unexpected[1].partition(" ")[0])
    missing = re.match(r"missing (?:argument|option) '(.*?)'", message)
    return Misuse(message, path, missing=missing[1] if missing else "")

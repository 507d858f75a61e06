"""The source of the table that completion reads, `completion/table.py`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .definitions import CommandText

_HEAD = '''"""Written by `make commands` from the definitions of the commands. Not edited by hand."""
# ruff: noqa: E501

from __future__ import annotations

from ....schemas.private_parts.light_typing import NamedTuple


class Command(NamedTuple):
    """A command: its summary, its options (flags, placeholder, help), its arguments, and whether these are a command themselves."""

    help: str
    options: tuple[tuple[str, str, str], ...]
    arguments: tuple[str, ...] = ()
    ends_options: bool = False


# fmt: off
COMMANDS: dict[str, Command] = {
'''


def source(commands: Iterable[CommandText]) -> str:
    """Return the module: one option per line, so that changes of several people merge."""
    parts = [_HEAD]
    for command in commands:
        options = "".join(f"        {_tuple(' '.join(option.flags), option.placeholder, option.help)},\n" for option in command.options)
        arguments = _tuple(*(argument.placeholder for argument in command.arguments))
        rest = f"(\n{options}    ), {arguments}, ends_options={command.ends_options}"
        parts.append(f"    {json.dumps(command.path)}: Command({json.dumps(command.help[0])}, {rest}),\n")
    return "".join([*parts, "}\n"])


def _tuple(*texts: str) -> str:
    # A string of JSON is one of Python too.
    return f"({', '.join(map(json.dumps, texts))}{',' if len(texts) == 1 else ''})"

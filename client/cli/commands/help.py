"""`jobwire help`."""

from __future__ import annotations

from typing import Annotated

from ..exit_status import BadInput, Ending
from ..main import command_line
from ..parser.parameters import Argument
from ..verbs import GROUPS


def show_help(
    words: Annotated[list[str] | None, Argument(metavar="[COMMAND]...", help="A command, such as run or keys add.")] = None,
) -> None:
    """Show the help of a command, or the list of commands.

    jobwire help COMMAND is the same as jobwire COMMAND --help; man jobwire-COMMAND shows the same.
    """
    path = list(words or ())
    # What follows the name of a command would be its arguments, and --help one of them.
    if len(path) > (2 if path[:1] and path[0] in GROUPS else 1):
        raise BadInput(f"{' '.join(path)} is more than the name of a command; see jobwire help")
    raise Ending(command_line([*path, "--help"]))

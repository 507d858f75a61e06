"""The commands as typer needs them: for help, for mistakes in a line, and for every line that is not plain.

Loads only the module of the subcommand that was called.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from .... import __version__
from ....schemas.refusal import Code, Refused
from .. import exit_status
from ..examples import EXAMPLES
from ..exit_status import Ending
from ..terminal import screen
from ..verbs import CONTEXT_VARIABLE, OF_CLIENTS, TAKES_A_COMMAND, VERBS, find
from .parameters import Context, Declared, Option, Parameter, call, parameters_of
from .typer_parts import has_dashes, shape_help, take_texts_as_typed


class Verbs(typer.core.TyperGroup):
    """The group of all subcommands. It knows their names and help lines, and imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- typer's signature
        """Return the names of the subcommands in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- typer's signature
        """Return a subcommand: a stub for the help, or the loaded one if it was called."""
        if cmd_name not in VERBS:
            return None
        if self.commands.get(cmd_name) is None:
            verb = VERBS[cmd_name]
            return typer.core.TyperCommand(cmd_name, help=verb.help, short_help=verb.help, hidden=verb.hidden)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the subcommand that was called, loaded."""
        if args[0] in VERBS:
            self.commands[args[0]] = load(args[0])
        else:
            # The refusal suggests one of these: only the names are used.
            self.commands = {**dict.fromkeys(VERBS), **self.commands}  # type: ignore[dict-item] # reason: as said
        return super().resolve_command(ctx, args)


@cache
def load(name: str) -> Any:
    """Import a subcommand and return its command."""
    verb = VERBS[name]
    found = find(verb) if verb.place else _of_a_daemon(verb.attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        settings = {"allow_interspersed_args": name not in TAKES_A_COMMAND}
        app.command(name, help=_reflow(found.__doc__ or ""), context_settings=settings)(as_typer(found))
        found = app
    elif verb.place:
        for entry in found.registered_commands:
            if entry.callback is not None:
                entry.callback = as_typer(entry.callback)
    command = typer.main.get_command(found)
    command.name = name
    shape_help(command, EXAMPLES.get(f"jobwire {name}", ()))
    for part_name, part in getattr(command, "commands", {}).items():
        shape_help(part, EXAMPLES.get(f"jobwire {name} {part_name}", ()))
    # All modules are loaded: the garbage collector need never scan them.
    gc.freeze()
    gc.enable()
    return command


def as_typer(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer reads it: with a signature of what it declares."""
    parameters = parameters_of(command)
    context = next((one.name for one in parameters if one.kind is Context), "")

    @functools.wraps(command)
    def called(**said: Any) -> None:
        call(command, {**said, context: Context(said[context].obj, has_dashes(said[context]))} if context else said)

    called.__signature__ = inspect.Signature([_as_typer(one) for one in parameters])  # type: ignore[attr-defined] # reason: for inspect
    # The signature has everything; annotations copied by wraps() would have to be evaluated a second time.
    called.__annotations__ = {}
    return called


def _as_typer(one: Parameter) -> inspect.Parameter:
    default = inspect.Parameter.empty if one.is_required else one.default
    kind = typer.Context if one.kind is Context else one.kind
    if isinstance(one.declared, Declared):
        make = typer.Option if isinstance(one.declared, Option) else typer.Argument
        kind = Annotated[kind, make(*one.declared.flags, **one.declared.settings)]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _reflow(text: str) -> str:
    """Return the text with the lines of each paragraph joined."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _of_a_daemon(name: str) -> Any:
    # The command line must not import the workers. Only here is the expensive scan of the installed packages needed.
    from importlib.metadata import entry_points  # noqa: PLC0415 -- as said

    for found in entry_points(group="jobwire.commands", name=name):
        group = found.load()
        for part_name, verb in OF_CLIENTS.get(name, {}).items():
            part = find(verb)
            group.command(part_name, help=_reflow(part.__doc__ or ""))(as_typer(part))
        return group
    raise Refused(
        Code.UNIMPLEMENTED,
        f"this installation of jobwire has no command {name}",
        "reinstall jobwire: pip install --force-reinstall jobwire",
    )


def _root(
    ctx: typer.Context,
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", envvar=CONTEXT_VARIABLE, help="The worker to use. See jobwire context.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Run any Linux program on another machine, safely, and be told the moment it ends."""
    if version:
        screen.write(f"jobwire {__version__}")
        raise Ending(exit_status.DONE)
    if ctx.invoked_subcommand is None:
        ctx.fail("no command was given")
    ctx.obj = context


@cache
def root_command() -> Any:
    """Return the command `jobwire`, for typer. It is created once: that takes longer than most commands of a shell."""
    # What typer completes by itself takes too long, and files where a job is meant; see cli/completion/.
    take_texts_as_typed()
    app = typer.Typer(cls=Verbs, invoke_without_command=True, add_completion=False)
    app.callback()(_root)
    root = typer.main.get_command(app)
    shape_help(root, EXAMPLES["jobwire"])
    return root

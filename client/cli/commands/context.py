"""`jobwire context`: the workers that this user knows."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from ....keys.files.user_folders import identity_path
from ....keys.identity import fingerprint, format_public
from ...config import contexts
from ..arguments import Json, understanding
from ..exit_status import BadInput, own_files
from ..other_words.public_keys import read_key
from ..parser.parameters import Argument, Context, Option
from ..terminal.screen import Table, duration, say, write, write_json

app = typer.Typer(help="Manage the workers that you use.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, Argument(metavar="NAME", help="Name of the context. 'embedded' is your private worker.")]
OptionalName = Annotated[str | None, Argument(metavar="NAME", help="Name of the context. Default: the one in use.")]
_CHOOSE = f"Choose another one with: jobwire context use NAME ({contexts.EMBEDDED} is your private worker)"


@app.command()
def add(
    name: Annotated[str, Argument(metavar="NAME", help="Name for the worker.")],
    endpoint: Annotated[str, Argument(metavar="ENDPOINT", help="Address of the worker: tcp://HOST:PORT.")],
    key: Annotated[str, Option("--key", metavar="WORKER_KEY", help="Public key of the worker, as printed there by jobwire worker status.")],
    *,
    force: Annotated[bool, Option("--force", help="Replace endpoint and key of a context that exists.")] = False,
) -> None:
    """Add a worker under a name. The first one added becomes the current one."""
    with understanding(), own_files():
        public = read_key(key, "jobwire worker status, or broker status, prints it on that machine")
        is_used = contexts.add(name, endpoint, public, replace=force)
    how = f"now in use; back to your private worker with: jobwire context use {contexts.EMBEDDED}"
    say(f"added {name} ({how if is_used else f'not in use; switch with: jobwire context use {name}'})")
    if is_used:
        _warn_of_variable(name)


@app.command("list")
def list_contexts(json: Json = False) -> None:
    """List the contexts and mark the current one."""
    with own_files():
        current = contexts.current_name()
        known = contexts.list_contexts()
    if json:
        write_json({"name": contexts.EMBEDDED, "endpoint": None, "key": None, "current": current == contexts.EMBEDDED})
        for context in known:
            fields = {"name": context.name, "endpoint": context.endpoint, "key": format_public(context.server_key)}
            write_json({**fields, "current": context.name == current})
        return
    table = Table("", "NAME", "ENDPOINT", "KEY FINGERPRINT")
    table.add(_mark(contexts.EMBEDDED, current), contexts.EMBEDDED, "your private worker, started on demand", "")
    for context in known:
        table.add(_mark(context.name, current), context.name, context.endpoint, fingerprint(context.server_key))
    table.write()


def _mark(name: str, current: str) -> str:
    return "*" if name == current else ""


@app.command()
def use(name: Name) -> None:
    """Make a context the current one."""
    with own_files():
        contexts.use(name)
    say(f"now using {name}")
    _warn_of_variable(name)


@app.command()
def rm(name: Name) -> None:
    """Remove a context. Its jobs continue."""
    with own_files():
        was_used = contexts.remove(name)
    say(f"removed {name}" + (f"; it was in use. {_CHOOSE}" if was_used else ""))
    if os.environ.get(contexts.CONTEXT_VARIABLE) == name:
        say(f"{contexts.CONTEXT_VARIABLE} still names it in this shell: unset {contexts.CONTEXT_VARIABLE}")


@app.command()
def show(ctx: Context, name: OptionalName = None, json: Json = False) -> None:
    """Show a context: its endpoint, the key of its worker, and your identity there. Does not connect."""
    context = _find(_named(ctx, name))
    if context is None:
        lines = {"name": contexts.EMBEDDED, "endpoint": None, "key": None, "fingerprint": None, "identity": str(identity_path())}
    else:
        key, identity = context.server_key, str(context.identity_path)
        lines = {
            "name": context.name,
            "endpoint": context.endpoint,
            "key": format_public(key),
            "fingerprint": fingerprint(key),
            "identity": identity,
        }
    with own_files():
        is_current = lines["name"] == contexts.current_name()
    if json:
        write_json({**lines, "current": is_current})
        return
    lines["endpoint"] = lines["endpoint"] or "your private worker, started on demand"
    for what, value in lines.items():
        if value is not None:
            write(f"{what:<13}{value}{' (in use)' if what == 'name' and is_current else ''}")


@app.command("test")
def try_context(ctx: Context, name: OptionalName = None) -> None:
    """Connect to a worker, and show who it is, how fast it responds, and who you are there.

    A private worker that is not running is not started: the command exits with 1. If the worker cannot be reached, or does not accept your
    key, it exits with 125.
    """
    from ...library.client import Client  # noqa: PLC0415 -- the other commands need no connection
    from ..status.command import demand_running  # noqa: PLC0415 -- as above

    context = _find(_named(ctx, name))
    if context is None:
        demand_running()
    shown = context.name if context is not None else contexts.EMBEDDED
    with Client(context or shown, notice=say) as connected:
        begun = time.monotonic()
        hello = connected.connection.hello()
        answered = time.monotonic()
    took = duration(int((answered - begun) * 1_000_000))
    write(f"{shown} answered in {took}: {hello.software} on {hello.host}; you are {hello.your_name}, role {hello.your_role}")


def _warn_of_variable(name: str) -> None:
    """Warn if this shell uses another context nevertheless."""
    said = os.environ.get(contexts.CONTEXT_VARIABLE)
    if said and said != name:
        say(f"this shell still uses {said}, because {contexts.CONTEXT_VARIABLE} is set: unset {contexts.CONTEXT_VARIABLE}")


def _named(ctx: Context, name: str | None) -> str | None:
    """Return the name that was typed, or that of the context in use."""
    if name == "":
        raise BadInput("'' names no context; leave it out for the one in use")
    return name or ctx.obj


def _find(name: str | None) -> contexts.Context | None:
    with own_files():
        try:
            return contexts.find(name)
        except contexts.NoneInUse as refused:
            raise BadInput(str(refused)) from None

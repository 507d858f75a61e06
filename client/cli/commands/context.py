"""`jobwire context`: the workers that this user knows."""

from __future__ import annotations

from typing import Annotated

import typer

from ....keys.identity import fingerprint, format_public, parse_public
from ...config import contexts
from ..arguments import Json, understanding
from ..terminal.screen import Table, say, write_json

app = typer.Typer(help="Manage the workers that you use.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the context. 'embedded' is your private worker.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for the worker.")],
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Address of the worker: tcp://HOST:PORT.")],
    key: Annotated[
        str, typer.Option("--key", metavar="WORKER_KEY", help="Public key of the worker, as printed there by jobwire worker status.")
    ],
) -> None:
    """Add a worker under a name. The first one added becomes the current one."""
    with understanding():
        public = parse_public(key)
        is_used = contexts.add(name, endpoint, public)
    how = f"now in use; back to your private worker with: jobwire context use {contexts.EMBEDDED}"
    say(f"added {name} ({how if is_used else f'not in use; switch with: jobwire context use {name}'})")


@app.command("list")
def list_contexts(json: Json = False) -> None:
    """List the contexts and mark the current one."""
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
    contexts.use(name)
    say(f"now using {name}")


@app.command()
def rm(name: Name) -> None:
    """Remove a context. Its jobs continue."""
    was_used = contexts.remove(name)
    say(f"removed {name}" + (f"; now using {contexts.EMBEDDED}" if was_used else ""))

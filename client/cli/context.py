"""`jobwire context`: which daemons I speak to."""

from __future__ import annotations

from typing import Annotated

import typer

from ...keys.identity import fingerprint, format_public, parse_public
from .. import contexts
from .arguments import Json, understanding
from .screen import Table, say, write_json

app = typer.Typer(help="Which daemons I speak to.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the context; 'embedded' is your private worker.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Where it listens: tcp://HOST:PORT.")],
    key: Annotated[str, typer.Option("--key", metavar="WORKER_KEY", help="Its public key; jobwire worker status prints it there.")],
) -> None:
    """Remember a daemon under a name. The first one is used from then on."""
    with understanding():
        public = parse_public(key)
        is_used = contexts.add(name, endpoint, public)
    how = f"it is used from now on; jobwire context use {contexts.EMBEDDED} goes back to your private worker"
    say(f"{name} is added; {how if is_used else f'jobwire context use {name} uses it from then on'}")


@app.command("list")
def list_contexts(json: Json = False) -> None:
    """List the contexts; the one in use is marked."""
    current = contexts.current_name()
    known = contexts.list_contexts()
    if json:
        write_json({"name": contexts.EMBEDDED, "endpoint": None, "key": None, "current": current == contexts.EMBEDDED})
        for context in known:
            fields = {"name": context.name, "endpoint": context.endpoint, "key": format_public(context.server_key)}
            write_json({**fields, "current": context.name == current})
        return
    table = Table("", "NAME", "ENDPOINT", "FINGERPRINT OF ITS KEY")
    table.add(_mark(contexts.EMBEDDED, current), contexts.EMBEDDED, "your private worker, started when needed", "")
    for context in known:
        table.add(_mark(context.name, current), context.name, context.endpoint, fingerprint(context.server_key))
    table.write()


def _mark(name: str, current: str) -> str:
    return "*" if name == current else ""


@app.command()
def use(name: Name) -> None:
    """Speak to this one from now on, where none is named."""
    contexts.use(name)
    say(f"{name} is used from now on")


@app.command()
def rm(name: Name) -> None:
    """Forget a context. Its jobs go on."""
    was_used = contexts.remove(name)
    say(f"{name} is forgotten" + (f"; {contexts.EMBEDDED} is used from now on" if was_used else ""))

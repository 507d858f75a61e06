"""Opens the connection that a verb speaks over."""

from __future__ import annotations

import typer

from ..config import contexts
from ..library.client import Client
from .terminal.screen import say


def context_name(ctx: typer.Context) -> str:
    """Say which context is meant, without starting anything."""
    return ctx.obj or contexts.current_name()


def client(ctx: typer.Context) -> Client:
    """Make the client of the context that is meant; the embedded worker is started if need be."""
    context = contexts.resolve(ctx.obj)
    if context.notes:
        say(f"your private worker and its jobs keep from this shell: {'; '.join(context.notes)}")
    return Client(context, notice=say)

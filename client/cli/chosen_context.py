"""The context that a command is to use: its name, and a client of its worker."""

from __future__ import annotations

import typer

from ..config import contexts
from ..library.client import Client
from .terminal.screen import say


def context_name(ctx: typer.Context) -> str:
    """Return which context is meant, without starting anything."""
    return ctx.obj or contexts.current_name()


def client(ctx: typer.Context) -> Client:
    """Return a client of the context that is meant; starts the private worker if necessary."""
    context = contexts.resolve(ctx.obj)
    if context.notes:
        say(f"your private worker and its jobs keep these settings of this shell: {'; '.join(context.notes)}")
    return Client(context, notice=say)

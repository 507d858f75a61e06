"""The broker that a command is about: that of the context in use. A private worker is not a broker, and is not started to find out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...keys.files.user_folders import broker_folder
from ...schemas.refusal import Code, Refused
from ..config import contexts
from ..library.client import Client
from .chosen_context import client, context_name
from .parser.parameters import Context


@contextmanager
def broker(ctx: Context) -> Iterator[Client]:
    """Yield a client of the broker in use.

    Raises `Refused(FAILED_PRECONDITION)` if the private worker is in use; it says how the broker of this machine is reached, if one runs.
    """
    if context_name(ctx) == contexts.EMBEDDED:
        raise _none_in_use(contexts.list_contexts())
    with client(ctx) as connected:
        yield connected


def _none_in_use(known: tuple[contexts.Context, ...]) -> Refused:
    message = "your private worker is in use, which is not a broker"
    here = _running_here()
    if here is None:
        names = ": " + ", ".join(one.name for one in known) if known else ""
        next_step = f"choose the context of a broker with jobwire --context NAME{names}; a token of the broker adds one: jobwire join -"
        return Refused(Code.FAILED_PRECONDITION, message, next_step)
    message += f"; your broker on this machine is at {here.endpoint}"
    if of_it := [one.name for one in known if one.server_key == here.server_key]:
        next_step = f"name its context: jobwire --context {of_it[0]} broker ...; or switch to it: jobwire context use {of_it[0]}"
    else:
        next_step = "become an operator of it and switch to it: jobwire broker invite --role operator | jobwire join -"
    return Refused(Code.FAILED_PRECONDITION, message, next_step)


def _running_here() -> contexts.Context | None:
    from ..private_worker.running import ready  # noqa: PLC0415 -- who uses a broker needs none of it

    try:
        return ready(broker_folder())
    except Refused:
        return None

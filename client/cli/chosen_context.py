"""The context of a command: its name, and a client of its worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from ...schemas.refusal import Code, Refused
from ..config import contexts
from ..library.client import Client
from .exit_status import BadInput, own_files
from .parser.parameters import Context
from .terminal.foreground import is_in_front
from .terminal.screen import is_terminal, say
from .terminal.streams import STDERR
from .terminal.waiting import Saying, waiting_line

# Somebody at a terminal is told so soon that the worker gives no sign.
_PATIENCE_SECONDS = 1.0
# How refusals of older workers begin what to do next.
_UPGRADE = "upgrade the worker"


class OpenClients:
    """Clients that stay open from one command to the next, by the names of their contexts."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def find(self, name: str | None) -> Client | None:
        """Return the open client of a context, or of the current one."""
        return self._clients.get(name or _current_name())

    def get(self, name: str | None) -> Client:
        """Return the client of a context, or of the current one; it is created if necessary."""
        name = name or _current_name()
        if name not in self._clients:
            self._clients[name] = _client(name)
        return self._clients[name]

    def close(self) -> None:
        """Close the clients; they are created again when needed."""
        while self._clients:
            self._clients.popitem()[1].close()


_open: OpenClients | None = None


@contextmanager
def kept_open() -> Iterator[OpenClients]:
    """Keep the clients of all commands open that run in the block."""
    global _open  # noqa: PLW0603 -- commands are called by the parser, which passes nothing on
    _open = OpenClients()
    try:
        yield _open
    finally:
        _open.close()
        _open = None


def context_name(ctx: Context) -> str:
    """Return the name of the selected context, without starting anything."""
    return ctx.obj or _current_name()


def _current_name() -> str:
    with own_files():
        return contexts.current_name()


@contextmanager
def client(ctx: Context, *, quiet: bool = False) -> Iterator[Client]:
    """Yield a client of the selected context; starts the private worker if necessary.

    On a terminal it reports when the worker does not respond, unless the command is `quiet`, and while it is in the foreground: in the
    background others write, and a background process that writes may be suspended.
    """
    with _client(ctx.obj) if _open is None else nullcontext(_open.get(ctx.obj)) as connected:
        if is_terminal(STDERR):
            connected.connection.silence.patience = None if quiet else _PATIENCE_SECONDS
            connected.connection.silence.looks_on = is_in_front
        try:
            yield connected
        except Refused as refused:
            if refused.code is Code.UNIMPLEMENTED and context_name(ctx) == contexts.EMBEDDED:
                # It was started before this version was installed.
                refused.next_step = refused.next_step.replace(_UPGRADE, "bring it up to date with: jobwire worker reload", 1)
            raise


def _tell_of_the_end() -> None:
    """Warn that a private worker started by this process 1 ends with it: the kernel then kills the whole pid namespace."""
    from ..private_worker.launch import has_started  # noqa: PLC0415 -- a command is rarely process 1

    if has_started():
        say(
            "this command is process 1 of its container: when it exits, your private worker and its jobs are killed; for a worker that"
            " stays, start the container with: jobwire worker run"
        )


def _client(name: str | None) -> Client:
    with Saying(lambda: "waiting for your private worker to start"), own_files():
        try:
            context = contexts.resolve(name)
        except contexts.NoneInUse as refused:
            raise BadInput(str(refused)) from None
    if context.notes:
        say(f"your private worker and its jobs keep these settings of this shell: {'; '.join(context.notes)}")
    if os.getpid() == 1 and context.name == contexts.EMBEDDED:
        _tell_of_the_end()
    with own_files():
        made = Client(context, notice=say)
    made.connection.onlooker = waiting_line()
    return made

"""`jobwire status`."""

from __future__ import annotations

from ....keys.files.user_folders import worker_folder
from ....schemas.refusal import Code, Refused
from ...config.contexts import EMBEDDED
from ..arguments import Json
from ..chosen_context import client, context_name
from ..parser.parameters import Context
from ..terminal.screen import say, write, write_json
from .status_text import describe, record

_COLUMN = 13


def status(ctx: Context, json: Json = False) -> None:
    """Show the state of the worker in use, and who you are there.

    Shows its version, slots, queue, load, free disk space and roster, your name and role there, and what you may do.

    A private worker that is not running is not started: the command exits with 1. If no worker can be reached, it exits with 125.
    """
    name = context_name(ctx)
    if name == EMBEDDED:
        demand_running()
    with client(ctx) as connected:
        found = connected.status()
    if json:
        write_json(record(name, found))
        return
    for what, value in describe(name, found):
        write(f"{what:<{_COLUMN}}{value}")
    if found.running is None:
        say("the worker is older and says nothing more about itself; have it upgraded")


def demand_running() -> None:
    """Refuse if the private worker of this user is not running; it is not started."""
    from ...private_worker.running import running  # noqa: PLC0415 -- who asks another worker need not wait for it

    if running(worker_folder()) is None:
        raise Refused(Code.NOT_FOUND, "your private worker is not running", "the next jobwire run or submit starts it")

"""The last message of a command that leaves before what it waits for."""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from ..exit_status import Ending
from . import signals
from .screen import say


def leave(status: int, message: str, *more_lines: str) -> NoReturn:
    """Print a message, and the lines that belong to it, on standard error, and end the command with this status.

    If nobody reads standard error, the message is dropped after `signals.OVERDUE_SECONDS`: what is to end a command would not end it.
    """
    with suppress(signals.Overdue), signals.limited():
        say(message, *more_lines)
    raise Ending(status)

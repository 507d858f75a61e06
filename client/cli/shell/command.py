"""`jobwire shell`: commands, one per line, over one open connection."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from .. import chosen_context, exit_status
from ..completion import answer
from ..completion.words import Asks
from ..main import command_line
from ..parser.parameters import Argument, Context, Option
from ..terminal import signals
from ..terminal.screen import say
from ..terminal.streams import STDIN, STDOUT, CannotWrite, ReaderGone, is_output_lost
from . import line_runner, sources
from .prompt import prompted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....schemas.generated import request_pb2
    from ..completion.jobs import Found
    from ..completion.line import Wish

# For all answers to a Tab, over the open connection.
_PATIENCE_SECONDS = 0.08


def shell(
    ctx: Context,
    file: Annotated[
        str | None, Argument(metavar="FILE", help="A file with one command a line; - is standard input. Default: standard input.")
    ] = None,
    *,
    keep_going: Annotated[bool, Option("--keep-going", help="Run the other lines too if one fails.")] = False,
) -> None:
    """Run commands, one per line, in order, over one open connection.

    A line is a command as after jobwire, such as: submit -n build -- make. It is divided into words with quotes, backslashes and comments
    as in sh, but no shell runs. A file is run up to the first line that fails, and the exit status is that of this line. At a terminal,
    there is a prompt with history and completion; exit or Ctrl-D ends it.
    """
    with chosen_context.kept_open() as clients:

        def run(words: Sequence[str]) -> int:
            return _run(words, ctx.obj, clients)

        if file is None and os.isatty(STDIN) and os.isatty(STDOUT):
            with prompted(lambda: f"{chosen_context.context_name(ctx)}> ", ctx.obj, _asks(clients)) as read:
                status = line_runner.run_typed(read, run)
        else:
            name = "-" if file is None else file
            shown = "standard input" if name == "-" else name
            with sources.open_file(name) as lines:
                status = line_runner.run_file(
                    sources.read_lines(lines, shown),
                    shown,
                    run,
                    keep_going=keep_going,
                    may_have_more=lambda: sources.may_have_more(lines),
                )
    raise exit_status.Ending(status)


def _run(words: Sequence[str], context: str | None, clients: chosen_context.OpenClients) -> int:
    """Run one command as a process of its own would, and return its exit status.

    Raises Ending if nothing can be printed any more, or if a signal arrived that ends a process and the command passed it to its job.
    """
    signals.take_heard()
    status = command_line([*(["--context", context] if context else []), *words])
    heard = signals.take_heard()
    try:
        sys.stdout.flush()
    except ReaderGone:
        status = exit_status.READER_GONE
    except CannotWrite as error:
        say(str(error))
        status = exit_status.OWN_FAILURE
    if is_output_lost():
        # The output of other commands would be lost without a word.
        raise exit_status.Ending(status)
    if status == exit_status.OWN_FAILURE:
        # Perhaps the connection is of no use any more; the next command makes its own.
        clients.close()
    for number in heard:
        if number != signal.SIGINT:
            raise exit_status.Ending(128 + number)
    return exit_status.INTERRUPTED if heard else status


def _asks(clients: chosen_context.OpenClients) -> Asks:
    """Return the functions for completion: over the open connection if there is one, else as at a Tab in a shell."""
    from ..completion.lookup.inquiry import jobs_over, members_over, schedules_over  # noqa: PLC0415 -- only for a person

    def ends() -> float:
        return time.monotonic() + _PATIENCE_SECONDS

    def jobs(wish: Wish) -> Iterable[Found]:
        client = clients.find(wish.context)
        return answer.ask(wish) if client is None else jobs_over(client.connection, wish, ends())

    def schedules(wish: Wish) -> Iterable[request_pb2.ScheduleInfo]:
        client = clients.find(wish.context)
        return answer.ask_for_schedules(wish) if client is None else schedules_over(client.connection, ends())

    def members(wish: Wish) -> Iterable[request_pb2.RosterMember]:
        client = clients.find(wish.context)
        return answer.ask_for_members(wish) if client is None else members_over(client.connection, ends())

    return Asks(jobs, schedules, members)

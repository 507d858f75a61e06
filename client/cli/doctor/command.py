"""`jobwire doctor`."""

from __future__ import annotations

from typing import Annotated

from ....schemas.text.durations import parse_duration
from ....schemas.text.printable import printable, with_bytes
from ..arguments import Json, understanding
from ..exit_status import REFUSED, BadInput, Ending
from ..parser.parameters import Context, Option
from ..terminal.screen import coloured, flush, is_terminal, write, write_json, write_text
from ..terminal.waiting import Saying
from .examination import examine
from .findings import Finding, Level

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_LEVEL, _WHAT = 9, 13


def doctor(
    ctx: Context,
    timeout: Annotated[str, Option("--timeout", metavar="TIME", help="How long to wait for a connection.")] = "5s",
    json: Json = False,
) -> None:
    """Check everything between you and the worker in use, and say how to fix what is wrong.

    Looks at your key, the context, whether the worker can be reached and why not, events, versions, clocks, what you may do there, and
    what worker or broker say about themselves: their roster, disk, and processes, what holds jobs together, workers that are away.

    One line a check: ok, warning or problem. Starts nothing, and waits for nothing for long. Exits with 1 if there is a problem.
    """
    with understanding("--timeout"):
        connect_seconds = parse_duration(timeout) / 1000
    if not connect_seconds:
        raise BadInput("--timeout: the time must be more than 0; write it like 10s, 500ms, or as seconds")
    worst = Level.OK
    with Saying(lambda: "looking at the worker and its events"):
        for finding in examine(ctx.obj, connect_seconds):
            _show(finding, as_json=json)
            worst = Level.PROBLEM if finding.level is Level.PROBLEM else worst
    if worst is Level.PROBLEM:
        raise Ending(REFUSED)


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        write_json({"check": finding.what, "level": finding.level, "sentence": finding.sentence, "next": finding.next_step or None})
    else:
        text = "; ".join(filter(None, (finding.sentence, finding.next_step)))
        level = f"{finding.level:<{_LEVEL}}"
        if is_terminal(1):
            write_text(f"{coloured(level, _COLOURS[finding.level])}{finding.what:<{_WHAT}}{printable(with_bytes(text))}\n")
        else:
            write(f"{level}{finding.what:<{_WHAT}}{with_bytes(text)}")
    flush()

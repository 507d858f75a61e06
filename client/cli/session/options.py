"""The options of a session on a terminal, and the terminal that they need."""

from __future__ import annotations

import os
import signal
from typing import Annotated

from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.terminal import MOST_CELLS, TerminalSize
from ....schemas.private_parts.frozen import replace
from ...batch.options.job_options import Wishes
from ..exit_status import BadInput
from ..parser.parameters import Option
from ..terminal.streams import STDIN
from .detach_keys import USUAL, DetachKeys, parse_detach_keys

Tty = Annotated[
    bool, Option("--tty", "-it", help="Run on a terminal, as bash, top or vim need it: keys go to the job, also Ctrl-C and Ctrl-Z.")
]
Keys = Annotated[
    str | None,
    Option("--detach-keys", metavar="KEYS", help=f"Keys that leave the terminal, such as ctrl-p,ctrl-q. Default: {USUAL}."),
]


def read_keys(typed: str | None) -> DetachKeys:
    """Return the detach keys.

    Raises BadInput.
    """
    if typed is None:
        return DetachKeys()
    try:
        return parse_detach_keys(typed)
    except ValueError as error:
        raise BadInput(f"--detach-keys: {error}") from None


def demand_terminal(flag: str, instead: str) -> None:
    """Raise BadInput unless stdin is a terminal."""
    if not os.isatty(STDIN):
        raise BadInput(f"{flag} needs a terminal, and the standard input of this command is not one; {instead}")


def demand_no_input(wishes: Wishes) -> None:
    """Raise BadInput if a job on a terminal is given another standard input."""
    if wishes.stdin is not None:
        raise BadInput("--tty and --stdin cannot be combined: the input of a job on a terminal is what is typed there")


def usual_size() -> TerminalSize:
    """Return the size of the terminal of this command, or the default size."""
    import shutil  # noqa: PLC0415 -- only on a terminal, and not light

    columns, rows = shutil.get_terminal_size((80, 24))
    return TerminalSize(min(rows, MOST_CELLS), min(columns, MOST_CELLS))


def on_a_terminal(spec: JobSpec, wishes: Wishes, size: TerminalSize) -> JobSpec:
    """Return the spec of a job that runs on a terminal like this one."""
    term = os.environb.get(b"TERM")
    if term and not any(name == b"TERM" for name, _ in spec.environment):
        spec = replace(spec, environment=(*spec.environment, (b"TERM", term)))
    # As when a window is closed: shells ignore SIGTERM.
    return replace(spec, terminal=size, stop_signal=spec.stop_signal if wishes.stop_signal is not None else signal.SIGHUP)

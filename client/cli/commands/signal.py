"""`jobwire signal`."""

from __future__ import annotations

from typing import Annotated

import typer

from ...batch.job_options import parse_signal
from ..arguments import JobName, understood
from ..chosen_context import client
from ..job_names import one_unfinished_job


def send_signal(
    ctx: typer.Context,
    name: JobName,
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="TERM, SIGTERM or 15.")],
) -> None:
    """Send a signal to all processes of a job."""
    number = understood("SIGNAL", parse_signal, signal)
    with client(ctx) as connected:
        one_unfinished_job(connected, name).send_signal(number or 0)

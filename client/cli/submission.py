"""Submit the job of `run` or `submit`."""

from __future__ import annotations

from ...schemas.naming import format_id
from ...schemas.spec import JobSpec
from ..library.client import Client
from ..library.job import Job
from . import exit_status
from .terminal.screen import say


def submitted(client: Client, spec: JobSpec, identifier: bytes, *, watch: bool = True) -> Job:
    """Submit one job and return it once it is acknowledged. Says how to find out whether it was, if Ctrl-C comes before that."""
    try:
        return client.submit_many([spec], ids=[identifier], watch=watch, tail_lines=0)[0]
    except KeyboardInterrupt:
        say(f"interrupted before the job was acknowledged; check whether it was submitted: jobwire show {format_id(identifier)}")
        raise exit_status.Ending(exit_status.INTERRUPTED) from None

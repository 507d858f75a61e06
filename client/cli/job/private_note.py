"""Notes about jobs that start later on the private worker: after a reboot nothing starts it."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.clock import wall_us
from ....schemas.jobs.spec import JobSpec
from ...config import contexts
from ..terminal.screen import say

# Whoever waits for a job that starts so soon does not restart the machine meanwhile.
_SOON_MS = 600_000


def tell_of_private(context: str, what: str) -> None:
    """Print a note if the context is the private worker; `what`: what starts later."""
    if context == contexts.EMBEDDED:
        say(f"your private worker does not start by itself after a reboot: {what} then waits for your next jobwire command")


def tell_of_start(context: str, specs: Iterable[JobSpec]) -> None:
    """Print a note about the start times of jobs, if there is one."""
    now_us, is_past, is_later = wall_us(), False, False
    for spec in specs:
        if spec.start_at_us is not None or spec.start_in_ms is not None:
            if spec.start_at_us is None:
                is_later = is_later or (spec.start_in_ms or 0) > _SOON_MS
            else:
                is_past, is_later = is_past or spec.start_at_us <= now_us, is_later or spec.start_at_us > now_us
    if is_past:
        say("--at is a time that is past, so the job starts at once")
    if is_later:
        tell_of_private(context, "the job")

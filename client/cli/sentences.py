"""Says in words what became of a job, and why it waits. Every end has a sentence."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterable

from ...schemas.job import Outcome, OutcomeKind


def how_it_ended(outcome: Outcome) -> str:
    """Say how a job ended, as the rest of a sentence that begins with the job; the daemon's reason is added where it gave one."""
    what = _END_OF_KIND.get(outcome.kind) or (
        f"was ended by {signal_name(outcome.signal)}"
        if outcome.kind is OutcomeKind.SIGNALED
        else f"exited with status {outcome.exit_status}"
    )
    return f"{what}: {outcome.sentence}" if outcome.sentence else what


_END_OF_KIND = {
    OutcomeKind.FAILED_TO_START: "could not be started",
    OutcomeKind.TIMED_OUT: "was ended because its time limit had passed",
    OutcomeKind.CANCELLED: "was stopped before it ran",
    OutcomeKind.OVER_LIMIT: "was ended because it passed a limit",
    OutcomeKind.LOST: "was lost: how it ended cannot be known",
}


def signal_name(number: int) -> str:
    """Write a signal as SIGTERM, or by its number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def failed(outcome: Outcome) -> bool:
    """Say whether a job that ended this way counts as failed."""
    return outcome.kind is not OutcomeKind.EXITED or outcome.exit_status != 0


def command_line(argv: Iterable[bytes]) -> str:
    """Write a command as one would type it into a shell."""
    return shlex.join(os.fsdecode(argument) for argument in argv)

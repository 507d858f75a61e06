"""Says in words what became of a job. Every end has a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ...schemas.job import Outcome, OutcomeKind
from ...schemas.naming import signal_name
from ..octets import to_text


def how_it_ended(outcome: Outcome) -> str:
    """Say how a job ended: in the daemon's words where it gave some."""
    if outcome.kind is OutcomeKind.FAILED_TO_START:
        # Where the worker has nothing more to say than that, it says that itself.
        reason = outcome.sentence.removeprefix("it could not be started: ")
        return f"could not be started: {reason}" if reason else "could not be started"
    return outcome.sentence or _in_our_words(outcome)


_ENDS = {
    OutcomeKind.TIMED_OUT: "ran into its time limit",
    OutcomeKind.CANCELLED: "stopped before it ran",
    OutcomeKind.OVER_LIMIT: "went over a limit",
    OutcomeKind.LOST: "lost: how it ended cannot be known",
}


def _in_our_words(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.EXITED:
        return f"exited with status {outcome.exit_status}"
    return _ENDS.get(outcome.kind) or f"ended by {signal_name(outcome.signal)}"


def failed(outcome: Outcome) -> bool:
    """Say whether a job that ended this way counts as failed."""
    return outcome.kind is not OutcomeKind.EXITED or outcome.exit_status != 0


def command_line(argv: Iterable[bytes]) -> str:
    """Write a command as one would type it into a shell."""
    return shlex.join(to_text(argument) for argument in argv)


def how_many_jobs(count: int) -> str:
    """Write a number of jobs."""
    return f"{count} job{'' if count == 1 else 's'}"

"""How jobs ended, in words. Every outcome has a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ....keys.identity import fingerprint
from ....schemas.job import Outcome, OutcomeKind, exit_status
from ....schemas.naming import signal_name
from ....schemas.spec import JobSpec
from ...batch.octets import to_text
from ..exit_status import DONE, OWN_FAILURE


def how_it_ended(outcome: Outcome) -> str:
    """Return how a job ended, in the words of the worker if it gave any."""
    if outcome.kind is OutcomeKind.FAILED_TO_START:
        # If the worker knows no more than that, its own sentence says so.
        reason = outcome.sentence.removeprefix("it could not be started: ")
        return f"could not be started: {reason}" if reason else "could not be started"
    sentence = outcome.sentence or _in_our_words(outcome)
    return "; ".join([sentence, *outcome.problems_beside(sentence)])


_ENDS = {
    OutcomeKind.TIMED_OUT: "exceeded its time limit",
    OutcomeKind.CANCELLED: "stopped before it ran",
    OutcomeKind.OVER_LIMIT: "exceeded a limit",
    OutcomeKind.LOST: "lost: its exit status is unknown",
}


def _in_our_words(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.EXITED:
        return f"exited with status {outcome.exit_status}"
    return _ENDS.get(outcome.kind) or f"ended by {signal_name(outcome.signal)}"


def failed(outcome: Outcome) -> bool:
    """Return whether a job that ended this way counts as failed, which it does too if its output is incomplete."""
    return outcome.is_failure


def status_of(outcome: Outcome) -> int:
    """Return the exit status of a command that exits with that of a job. It is not 0 if the job's input or output is incomplete."""
    if outcome.kind is OutcomeKind.EXITED and outcome.stdin_problem:
        # Whatever it made of half an input.
        return OWN_FAILURE
    status = exit_status(outcome.kind, outcome.exit_status, outcome.signal)
    return status or (DONE if outcome.is_whole else OWN_FAILURE)


def command_line(argv: Iterable[bytes]) -> str:
    """Return a command as one would type it into a shell."""
    return shlex.join(to_text(argument) for argument in argv)


def title_of(spec: JobSpec) -> str:
    """Return what to call a job: its name, or else its command."""
    return spec.name or command_line(spec.argv)


def owner_of(name: str, public: bytes) -> str:
    """Return who owns a job: the name in the worker's roster, or the fingerprint of a key that is not there any more."""
    return name or f"{fingerprint(public)}, not in the roster any more"


def how_many_jobs(count: int) -> str:
    """Return a number of jobs, in words."""
    return f"{count} job{'' if count == 1 else 's'}"

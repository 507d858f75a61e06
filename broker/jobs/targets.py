"""The targets that jobs wait for, as values: single jobs and groups, and how they ended, in words that explain a cancellation."""

from __future__ import annotations

from typing import NamedTuple

from ...schemas.jobs.conditions import Condition, Fate
from ...schemas.jobs.states import Outcome, OutcomeKind
from ...schemas.naming import JobKey, short_id, signal_name


class GroupKey(NamedTuple):
    """The jobs of a run up to a row of the store; with a name, only those of that name, or that name and an index."""

    owner: bytes
    run: bytes
    name: str
    upto: int


Target = JobKey | GroupKey


class End(NamedTuple):
    """How a job ended; of a group, one of its jobs. `why` in words."""

    fate: Fate
    why: str


class Edge(NamedTuple):
    """A condition of a job. `end`: how its target ended, None if it has not; for a group the first failure, if one is known."""

    target: Target
    condition: Condition
    end: End | None = None


# The target of an edge that was broken by a job that was forgotten before what waited for it was cancelled.
FORGOTTEN = End(Fate.FAILED, "a job that it waited for did not end as it must, and was forgotten")

_ENDS = {
    OutcomeKind.FAILED_TO_START: "could not be started",
    OutcomeKind.TIMED_OUT: "exceeded its time limit",
    OutcomeKind.CANCELLED: "was cancelled",
    OutcomeKind.OVER_LIMIT: "exceeded a limit",
    OutcomeKind.LOST: "is lost",
}


def title_of(job_id: bytes, name: str) -> str:
    """Return the name of a job for a sentence."""
    return f"{name} ({short_id(job_id)})" if name else f"the job {short_id(job_id)}"


def end_of(job_id: bytes, name: str, outcome: Outcome) -> End:
    """Return how a job ended."""
    if outcome.unneeded:
        return End(Fate.UNNEEDED, f"{title_of(job_id, name)} was not needed")
    fate = Fate.OK if outcome.is_ok else Fate.FAILED
    return End(fate, f"{title_of(job_id, name)} {_said(outcome)}")


def _said(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.SIGNALED:
        return f"was ended by {signal_name(outcome.signal)}"
    if outcome.kind is not OutcomeKind.EXITED:
        return _ENDS[outcome.kind]
    said = f"exited with {outcome.exit_status}"
    if outcome.exit_status or outcome.is_ok:
        return said
    return f"{said}, but {'its output is incomplete' if not outcome.is_whole else 'without the whole of its input'}"

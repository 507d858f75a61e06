"""Counts of how the jobs of a run ended. Pure: knows no run."""

from __future__ import annotations

from typing import NamedTuple

from ...schemas.jobs.states import Outcome, OutcomeKind


class Ends(NamedTuple):
    """How many jobs of a run have ended for good, by outcome.

    `cancelled`: before they started, or because a person or another job stopped them. `stopped`: how many of all these were stopped.
    """

    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    stopped: int = 0

    @property
    def total(self) -> int:
        """How many jobs have ended."""
        return self.ok + self.failed + self.cancelled

    @property
    def word(self) -> str:
        """How the run ended: `failed` if a job failed by itself, else `stopped` if one was stopped, else `failed` or `ok`."""
        if self.failed:
            return "failed"
        if self.stopped:
            return "stopped"
        return "failed" if self.cancelled else "ok"

    def plus(self, other: Ends) -> Ends:
        """Return the sum of both."""
        return Ends(*(one + more for one, more in zip(self, other, strict=True)))


NO_ENDS = Ends()


def end_of_one(outcome: Outcome, *, is_stopped: bool) -> Ends:
    """Return the end of one job; `is_stopped`: it was stopped, by a request or because of another job."""
    if not outcome.is_failure:
        return Ends(ok=1, stopped=int(is_stopped))
    if outcome.kind is OutcomeKind.CANCELLED or is_stopped:
        return Ends(cancelled=1, stopped=int(is_stopped))
    return Ends(failed=1)

"""Reads facts of the supervisor, and outcome files, as what the seam to the desk says. Pure, but for the time of a loss."""

from __future__ import annotations

import time

from ..broker.engine import Ended, Expected
from ..schemas.job import Outcome, OutcomeKind, ResourceUse
from . import folders
from .link import Message

_KINDS = {
    "exited": OutcomeKind.EXITED,
    "signaled": OutcomeKind.SIGNALED,
    "failed_to_start": OutcomeKind.FAILED_TO_START,
    "timed_out": OutcomeKind.TIMED_OUT,
    "cancelled": OutcomeKind.CANCELLED,
    "over_limit": OutcomeKind.OVER_LIMIT,
    "lost": OutcomeKind.LOST,
}


def ended(handle: str, fields: Message) -> Ended:
    """Read how a job ended, from a fact or from its outcome file."""
    # The file does not have these: they are known only after it was written.
    use = ResourceUse(fields.get("user_us", 0), fields.get("system_us", 0), fields.get("max_resident_bytes", 0))
    outcome = Outcome(
        _KINDS.get(fields["kind"], OutcomeKind.LOST),
        fields["exit_status"],
        fields["signal"],
        fields["sentence"],
        use,
        fields["stdout_bytes"],
        fields["stderr_bytes"],
    )
    return Ended(folders.key_of(handle), fields["pid"], fields["started_at_us"], fields["ended_at_us"], outcome)


def lost(one: Expected) -> Ended:
    """Say that nothing can be found of a job that may have run."""
    if one.pid:
        sentence = "its end was not seen: supervisor and keeper were both gone, and neither the process nor an outcome is there"
    else:
        sentence = "the machine was restarted when it was about to start, and whether it ran cannot be known"
    return Ended(one.key, one.pid, one.started_at_us, time.time_ns() // 1000, Outcome(OutcomeKind.LOST, sentence=sentence))

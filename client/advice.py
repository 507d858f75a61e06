"""What to type next where a daemon refused: a daemon knows no command of any client, and says only what is the matter."""

from __future__ import annotations

from ..schemas.refusal import Reason, Refused

_NEXT_STEPS = {
    Reason.DISK_FULL: "make room (jobwire forget drops jobs that have ended, jobwire stop ends one that writes too much), then try again",
    Reason.ID_TAKEN: "leave --id out, or repeat the very same job",
    Reason.NO_SUCH_JOB: "jobwire list -a shows your jobs",
    Reason.NOT_ENDED: "jobwire stop ends it",
    Reason.STORE_DAMAGED: "on its machine: jobwire worker stop, then jobwire worker rebuild",
}


def advised(refused: Refused) -> Refused:
    """Give a refusal that came over the wire the next step of this client, where it has one for the reason."""
    if refused.reason is not None:
        refused.next_step = _NEXT_STEPS.get(refused.reason, refused.next_step)
    return refused

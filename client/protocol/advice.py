"""The next step after a refusal: a worker knows no commands of a client and only says what is wrong."""

from __future__ import annotations

from ...schemas.refusal import Reason, Refused

FREE_SPACE = "free space and try again: jobwire forget removes ended jobs, jobwire stop stops one that writes too much"
_NEXT_STEPS = {
    Reason.DISK_FULL: FREE_SPACE,
    Reason.ID_TAKEN: "omit --id, or submit exactly the same job",
    Reason.NO_SUCH_JOB: "jobwire list -a shows your jobs",
    Reason.NO_SUCH_SCHEDULE: "jobwire schedule list shows them",
    Reason.NAME_TAKEN: "choose another name, or remove that one with jobwire schedule rm",
    Reason.NOT_ENDED: "jobwire stop ends it",
    Reason.STDIN_NOT_KEPT: "give it again: jobwire rerun JOB < FILE",
    Reason.STORE_DAMAGED: "on its machine: jobwire worker stop, then jobwire worker rebuild",
}
# Of requests about the folder of a job.
_OF_FOLDERS = {
    ("place", Reason.NOT_STARTED): "try again when it runs, which jobwire show JOB says; jobwire submit --put FILE brings files with a job",
    ("fetch", Reason.NOT_STARTED): "try again when it runs, which jobwire show JOB says",
}


def advised(refused: Refused, verb: str = "") -> Refused:
    """Return a refusal received over the wire with the next step for this client, if there is one for its reason."""
    if refused.reason is not None:
        refused.next_step = _OF_FOLDERS.get((verb, refused.reason)) or _NEXT_STEPS.get(refused.reason, refused.next_step)
    return refused

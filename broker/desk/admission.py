"""Decide whether an owner may have more jobs, and jobs of the requested kind. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ...keys.members.rights import Member, Right
from ...schemas.jobs.spec import JobSpec
from ...schemas.refusal import Code, Reason, Refused


def check_waiting(most: int, waiting: int, count: int, unknown: Callable[[], int]) -> None:
    """Check that `count` more jobs may wait, if `waiting` jobs wait and `most` may. `unknown` returns how many of them would be new.

    Raises Refused(RESOURCE_EXHAUSTED).
    """
    if waiting + count <= most:
        return
    # A repeated start is answered as before, however many jobs wait.
    fresh = unknown()
    if fresh and waiting + fresh > most:
        raise Refused(
            Code.RESOURCE_EXHAUSTED,
            f"{waiting} jobs of this owner are waiting, and {fresh} more would exceed the limit of {most}",
            "wait until some have started, or stop some",
            reason=Reason.QUEUE_FULL,
        )


def check_held(most_bytes: int, held_bytes: int, more_bytes: int, unknown: Callable[[], int]) -> None:
    """Check that `more_bytes` of specs may be held, if `held_bytes` are and `most_bytes` may. `unknown`: how many of the jobs are new.

    Raises Refused(RESOURCE_EXHAUSTED).
    """
    if held_bytes + more_bytes > most_bytes and unknown():
        raise Refused(
            Code.RESOURCE_EXHAUSTED,
            f"the specs of this owner's jobs that have not ended have {held_bytes} bytes,"
            f" and {more_bytes} more would exceed the limit of {most_bytes}",
            "wait until some have ended, or stop some",
            reason=Reason.QUEUE_FULL,
        )


def check_precedence(member: Member, spec: JobSpec, index: int | None = None) -> None:
    """Check that a member may give a job this priority and nice value; `index`: the position of the job in a start.

    Raises Refused(PERMISSION_DENIED).
    """
    check_precedence_of(member, spec.priority, spec.nice or 0, index)


def check_precedence_of(member: Member, priority: int, nice: int, index: int | None = None) -> None:
    """Check the same for a priority and a nice value, the best of several jobs.

    Raises Refused(PERMISSION_DENIED).
    """
    highest = member.limits.highest_priority
    if priority > highest:
        message = f"the priority is {priority}, but the roster allows this member at most {highest}"
        raise Refused(Code.PERMISSION_DENIED, message, "use a lower one", index)
    if nice < 0 and Right.ADMINISTER not in member.rights:
        message = f"{member.name} has the role {member.role}, which may not use nice values below 0, such as {nice}"
        raise Refused(Code.PERMISSION_DENIED, message, "use one from 0 to 19", index, Reason.ROLE)

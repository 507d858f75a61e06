"""Who may do what: roles as sets of rights, and the check for every request and every grant.

Knows no socket, no roster file, and of a job only its owner.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..schemas.refusal import Code, Reason, Refused
from .limits import EVERYBODYS, Limits


class Right(enum.Enum):
    """What a role may allow. The plain ones apply to one's own jobs."""

    SEE = "see jobs"
    SEE_OTHERS = "see others' jobs"
    SUBMIT = "submit jobs"
    STOP = "stop or signal jobs"
    STOP_OTHERS = "stop or signal others' jobs"
    SET_SLOTS = "set how much the worker has for jobs"
    ADMINISTER = "administer the worker"


ROLES: dict[str, frozenset[Right]] = {
    "viewer": frozenset({Right.SEE, Right.SEE_OTHERS}),
    "submitter": frozenset({Right.SEE, Right.SUBMIT, Right.STOP}),
    "operator": frozenset({Right.SEE, Right.SEE_OTHERS, Right.SUBMIT, Right.STOP, Right.STOP_OTHERS, Right.SET_SLOTS}),
    "admin": frozenset(Right),
}
# Names that are reserved for later.
RESERVED_ROLES = frozenset({"relay", "pairing"})

# The right needed to do the same to a job of another member. Nobody submits in another's name.
_TOWARDS_OTHERS = {
    Right.SEE: Right.SEE_OTHERS,
    Right.SEE_OTHERS: Right.SEE_OTHERS,
    Right.STOP: Right.STOP_OTHERS,
    Right.STOP_OTHERS: Right.STOP_OTHERS,
    Right.ADMINISTER: Right.ADMINISTER,
}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the roster. `key` is the Ed25519 public key, `role` one of `ROLES`."""

    name: str
    key: bytes
    role: str
    limits: Limits = EVERYBODYS


def may(member: Member, right: Right, owner: bytes) -> bool:
    """Return whether `member` may do this to a job of `owner` (a public key). `right` is the plain one, `SEE` or `STOP`."""
    needed = right if owner == member.key else _TOWARDS_OTHERS.get(right)
    return needed in ROLES[member.role]


def demand(member: Member, right: Right, owner: bytes, job: str = "") -> None:
    """Raise unless `member` may do this to a job of `owner`; `job` is its name in the request.

    Raises `Refused(NOT_FOUND)` for a job that must stay unknown, else `Refused(PERMISSION_DENIED)`.
    """
    if may(member, right, owner):
        return
    if right in (Right.SEE, Right.STOP) and not may(member, Right.SEE, owner):
        raise no_such_job(job)
    whose = _TOWARDS_OTHERS.get(right, right) if owner != member.key else right
    raise Refused(
        Code.PERMISSION_DENIED,
        f"{member.name} has the role {member.role}, which may not {whose.value}",
        "ask the administrator of the worker for another role",
        reason=Reason.ROLE,
    )


def no_such_job(job: str) -> Refused:
    """Return the answer for a job that does not exist, or that the member must not know of."""
    return Refused(Code.NOT_FOUND, f"there is no job {job}", "list your jobs", reason=Reason.NO_SUCH_JOB)

"""Who may do what: roles as sets of rights, and the one place that every request and every grant asks.

Knows no socket, no roster file and no job beyond whose it is.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..schemas.refusal import Code, Reason, Refused
from .limits import EVERYBODYS, Limits


class Right(enum.Enum):
    """What a role may allow. The plain ones are about one's own jobs."""

    SEE = "see"
    SEE_OTHERS = "see others' jobs"
    SUBMIT = "submit jobs"
    STOP = "stop or signal jobs"
    STOP_OTHERS = "stop or signal others' jobs"
    ADMINISTER = "administer the daemon"


ROLES: dict[str, frozenset[Right]] = {
    "viewer": frozenset({Right.SEE, Right.SEE_OTHERS}),
    "submitter": frozenset({Right.SEE, Right.SUBMIT, Right.STOP}),
    "operator": frozenset({Right.SEE, Right.SEE_OTHERS, Right.SUBMIT, Right.STOP, Right.STOP_OTHERS}),
    "admin": frozenset(Right),
}
# Names that will mean something one day: nobody may get used to them before.
RESERVED_ROLES = frozenset({"relay", "pairing"})

# What one must hold to do the same to somebody else's job. Nobody submits in another's name.
_TOWARDS_OTHERS = {
    Right.SEE: Right.SEE_OTHERS,
    Right.SEE_OTHERS: Right.SEE_OTHERS,
    Right.STOP: Right.STOP_OTHERS,
    Right.STOP_OTHERS: Right.STOP_OTHERS,
    Right.ADMINISTER: Right.ADMINISTER,
}


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody whom the roster lets in. `key` is the Ed25519 public key, `role` one of `ROLES`."""

    name: str
    key: bytes
    role: str
    limits: Limits = EVERYBODYS


def may(member: Member, right: Right, owner: bytes) -> bool:
    """Say whether `member` may do this to a job of `owner` (a public key); ask with the plain right, `SEE` or `STOP`."""
    needed = right if owner == member.key else _TOWARDS_OTHERS.get(right)
    return needed in ROLES[member.role]


def demand(member: Member, right: Right, owner: bytes, job: str = "") -> None:
    """Go on only if `member` may do this to a job of `owner`; `job` is what the asker called it.

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
        "ask who keeps the daemon's roster for another role",
        reason=Reason.ROLE,
    )


def no_such_job(job: str) -> Refused:
    """Make the one answer for a job that does not exist and for one that the asker must not know of."""
    return Refused(Code.NOT_FOUND, f"there is no job {job}", "list your jobs", reason=Reason.NO_SUCH_JOB)

"""Who may do what: roles as sets of rights, and the check for every request and every grant.

Knows no socket, no roster file, and of a job only its owner.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ...schemas.refusal import Code, Reason, Refused
from .limits import EVERYBODYS, Limits


class Right(enum.Enum):
    """What a role may allow. The plain ones apply to one's own jobs."""

    # Hashed by identity: the hash of `Enum` is a Python function, and each request asks whether a right is among those of its sender.
    __hash__ = object.__hash__

    SEE = "see jobs"
    SEE_OTHERS = "see others' jobs"
    SUBMIT = "submit jobs"
    STOP = "stop or signal jobs"
    STOP_OTHERS = "stop or signal others' jobs"
    SET_SLOTS = "set how much the worker has for jobs"
    ADMINISTER = "administer the worker"
    # Of daemons: the one joins a broker, the other delivers what clients have signed for it.
    ENLIST = "join this broker as a worker"
    RELAY = "deliver jobs of others"


ROLES: dict[str, frozenset[Right]] = {
    "viewer": frozenset({Right.SEE, Right.SEE_OTHERS}),
    "submitter": frozenset({Right.SEE, Right.SUBMIT, Right.STOP}),
    "operator": frozenset({Right.SEE, Right.SEE_OTHERS, Right.SUBMIT, Right.STOP, Right.STOP_OTHERS, Right.SET_SLOTS}),
    "admin": frozenset(Right) - {Right.ENLIST, Right.RELAY},
    "worker": frozenset({Right.ENLIST}),
    "relay": frozenset({Right.RELAY}),
}
# Up to which role a relay may vouch for signers who are not on the roster.
VOUCHED_ROLES = ("submitter",)
# The role of a temporary key, which is in a token: it may leave the key of a new member, and nothing else.
PAIRING = "pairing"
# What such a key may ask for.
PAIRING_VERBS = frozenset({"hello", "pair"})
# A job that may start jobs: what its owner may do, and no more than this.
DELEGATE = "delegate"
DELEGATED = frozenset({Right.SEE, Right.SUBMIT, Right.STOP})
_ITS_JOBS = b"/jobs"

# The right needed to do the same to a job of another member. Nobody submits in another's name.
_TOWARDS_OTHERS = {
    Right.SEE: Right.SEE_OTHERS,
    Right.SEE_OTHERS: Right.SEE_OTHERS,
    Right.STOP: Right.STOP_OTHERS,
    Right.STOP_OTHERS: Right.STOP_OTHERS,
    Right.ADMINISTER: Right.ADMINISTER,
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the holder of a temporary key may become, or has become.

    `until_us`: until when the token is valid, in microseconds since 1970. `role` and `limits` are those of the new member; with `any_name`,
    it chooses its name itself. `taken_by`: the public key that was registered with the token; empty while it is unused.
    """

    until_us: int
    role: str = ""
    limits: Limits = EVERYBODYS
    any_name: bool = False
    taken_by: bytes = b""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the roster, or a job that acts for one. `key` is the Ed25519 public key of the member, `role` one of `ROLES`.

    For a job, `job` is its id, `acting` its own public key, `role` is `DELEGATE`, and `may_do` its rights. It sees itself and the jobs that
    it started.

    `vouch`, for a relay: the role of signers who are not on the roster and whose requests it delivers; empty: they have none.

    `invited`, for a temporary key with the role `PAIRING`: the invitation that it belongs to.
    """

    name: str
    key: bytes
    role: str
    limits: Limits = EVERYBODYS
    job: bytes = b""
    acting: bytes = b""
    may_do: frozenset[Right] = frozenset()
    vouch: str = ""
    invited: Invitation | None = None

    @property
    def rights(self) -> frozenset[Right]:
        """What it may do."""
        return self.may_do if self.job or self.role == PAIRING else ROLES[self.role]

    @property
    def public(self) -> bytes:
        """The public key with which it connects and signs."""
        return self.acting or self.key

    @property
    def account(self) -> bytes:
        """The key that its connections, streams and requests are counted for.

        All jobs that act for one member share one, apart from the member: so nothing that they do keeps the member from connecting to stop
        them.
        """
        return account_of_jobs(self.key) if self.job else self.key

    def sees(self, job: bytes, started_by: bytes) -> bool:
        """Return whether it may know of a job of this owner; `started_by`: the id of the job that started it, or empty."""
        return not self.job or self.job in (job, started_by)


def account_of_jobs(owner: bytes) -> bytes:
    """Return the key under which everything is counted that jobs acting for an owner use."""
    return owner + _ITS_JOBS


def acting_for(owner: Member, name: str, job: bytes, acting: bytes) -> Member:
    """Return the member that a job is which acts for another member with its own key; `name`: what messages call it."""
    return Member(name, owner.key, DELEGATE, owner.limits, job, acting, owner.rights & DELEGATED)


def may(member: Member, right: Right, owner: bytes) -> bool:
    """Return whether `member` may do this to a job of `owner` (a public key). `right` is the plain one, `SEE` or `STOP`."""
    needed = right if owner == member.key else _TOWARDS_OTHERS.get(right)
    return needed in member.rights


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

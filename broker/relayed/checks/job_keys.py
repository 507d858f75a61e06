"""Whose statement counts, at a worker, that the key of a job acts for the owner of that job. Pure.

Only the worker that runs the job has its key, and states so, signed with its own. A broker could make a key, and a worker to state that: so
a worker accepts its own statements, and those of workers in its own roster. For the latter, the start of the job is checked too: its owner
has signed that it gets a key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ....keys.identity import fingerprint
from ....keys.members.rights import Member
from ....keys.proofs.delegation import attempt_of
from ....schemas.generated import request_pb2
from ....schemas.naming import AttemptKey
from ....schemas.refusal import Code, Reason, Refused

WORKER = "worker"


@dataclass(frozen=True, slots=True)
class JobKeys:
    """The public key of this worker, and its roster."""

    own: bytes
    member_of: Callable[[bytes], Member | None]

    def demand_known(self, said: request_pb2.Delegation, parents: Collection[AttemptKey]) -> None:
        """Check that a statement with a valid signature is one that counts here.

        `parents`: the attempts that may have a key, as signed by their owners.

        Raises Refused(PERMISSION_DENIED).
        """
        if said.worker == self.own:
            return
        member = self.member_of(said.worker)
        if member is None or member.role != WORKER:
            message = (
                f"it is signed by the key of a job at the worker {fingerprint(said.worker)}, which is not on the roster of this worker"
            )
            raise Refused(Code.PERMISSION_DENIED, message, "add it with the role worker", reason=Reason.NOT_ON_ROSTER)
        if attempt_of(said) not in parents:
            message = f"the owner for whom {member.name} says that the key of a job acted has not signed that the job gets one"
            raise Refused(Code.PERMISSION_DENIED, message, reason=Reason.NOT_ON_ROSTER)

"""Sign a worker's statements about the ends and the keys of jobs: on demand, because no job waits for a signature."""

from __future__ import annotations

from dataclasses import dataclass

from ...keys.identity import Identity
from ...keys.proofs.attestation import attest
from ...keys.proofs.delegation import delegate, derive
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.states import Outcome
from ...schemas.naming import AttemptKey
from ...schemas.wire_codec import outcome_to_wire
from ..jobs.job import Attempt


@dataclass(frozen=True, slots=True)
class Notary:
    """A worker and its store, for which it signs; `relay`: the public key of its broker, if it has one."""

    worker: Identity
    store: bytes
    relay: bytes = b""

    def key_of(self, name: AttemptKey, own: AttemptKey) -> request_pb2.Delegation:
        """Return the signed statement for the broker about the key of a job, which is called `own` here."""
        return delegate(self.worker, name, derive(self.worker, *own), self.relay, self.store)

    def end(self, name: AttemptKey, attempt: Attempt, outcome: Outcome) -> bytes:
        """Return the signed statement of how an attempt ended; `name`: the attempt as the requester names it."""
        said = job_pb2.EndStatement(
            store=self.store,
            attempt=name.attempt,
            pid=attempt.pid,
            started_at_us=attempt.started_at_us if attempt.pid else 0,
            ended_at_us=attempt.ended_at_us,
            outcome=outcome_to_wire(outcome, attested=True),
        )
        said.key.owner, said.key.id = name.job
        return attest(self.worker, said)

"""query_proof: who has asked for a job and who has stopped it, as they have signed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....keys.proofs.shown import Shown
from ....schemas.generated import request_pb2
from ....schemas.jobs.states import Outcome
from ....schemas.naming import AttemptKey, format_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire, outcome_to_wire
from ...jobs.job import Attempt
from ...jobs.life import Phase
from ...notary import Notary
from ...store.queries import Lookup
from ...store.rows import hash_rows, proofs
from ..call import Call
from ..job_keys import read_key


def query_proof(call: Call, lookup: Lookup, read: Callable[..., list[tuple[Any, ...]]], notary: Notary | None, starts: Shown) -> None:
    """Reply with what is kept of a job that the member may see; `notary`: that of this worker, None at a broker."""
    job = lookup.visible_job(read_key(call.request.query_proof.key, call.member), call.member)
    kept = proofs.proof_of(read, job.key)
    if not kept.start:
        message = f"no signature of the job {format_id(job.key.id)} is kept: the store was rebuilt from the logs since it started"
        raise Refused(Code.FAILED_PRECONDITION, message)
    named = job.key.id if kept.name is None else kept.name.id
    shown = request_pb2.JobProof(key=key_to_wire(job.key), start=starts.only(kept.start, named), stop=kept.stop, due_us=kept.due_us)
    if kept.name is not None:
        shown.key.owner, shown.key.id, _ = kept.name
    if kept.hashes:
        shown.staged_hashes, shown.staged_job = kept.hashes, kept.staged
    for attempt in [*job.earlier, job.attempt]:
        if attempt.outcome is not None and (attempt is not job.attempt or attempt.phase is Phase.FINISHED):
            name = kept.name or attempt.key
            _add_end(shown, name, attempt, attempt.outcome, notary)
    for number, (stdout, stderr) in hash_rows.hashes_of(read, job.key).items():
        shown.log_hashes.add(attempt=kept.name.attempt if kept.name is not None else number, stdout=stdout, stderr=stderr)
    call.reply(request_pb2.Reply(proof=shown))


def _add_end(shown: request_pb2.JobProof, name: AttemptKey, attempt: Attempt, outcome: Outcome, notary: Notary | None) -> None:
    """Add how an attempt ended, and what the worker that ran it has signed about that."""
    times = {"started_at_us": attempt.started_at_us if attempt.pid else 0, "ended_at_us": attempt.ended_at_us}
    shown.told.add(attempt=name.attempt, pid=attempt.pid, outcome=outcome_to_wire(outcome), **times)
    if outcome.late_end:
        shown.ends.append(outcome.late_end)
    if outcome.attestation:
        shown.ends.append(outcome.attestation)
    elif notary is not None:
        shown.ends.append(notary.end(name, attempt, outcome))

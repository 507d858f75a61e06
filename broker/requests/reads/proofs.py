"""query_proof: who has asked for a job and who has stopped it, as they have signed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....keys.shown import only
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...store.queries import Lookup
from ...store.rows import proofs
from ..call import Call
from ..job_keys import read_key


def query_proof(call: Call, lookup: Lookup, read: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Reply with what is kept of a job that the member may see."""
    job = lookup.visible_job(read_key(call.request.query_proof.key, call.member), call.member)
    kept = proofs.proof_of(read, job.key)
    if not kept.start:
        message = f"no signature of the job {format_id(job.key.id)} is kept: the store was rebuilt from the logs since it started"
        raise Refused(Code.FAILED_PRECONDITION, message)
    named = job.key.id if kept.name is None else kept.name.id
    shown = request_pb2.JobProof(key=key_to_wire(job.key), start=only(kept.start, named), stop=kept.stop, due_us=kept.due_us)
    if kept.name is not None:
        shown.key.owner, shown.key.id, _ = kept.name
    if kept.hashes:
        shown.staged_hashes = kept.hashes
        # The spec as it was sent, since its hash is over those bytes.
        new = request_pb2.NewJob(id=job.key.id)
        new.spec.ParseFromString(kept.spec)
        shown.staged_job = new.SerializeToString()
    call.reply(request_pb2.Reply(proof=shown))

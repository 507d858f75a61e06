"""What is signed to run jobs again through a broker: their specs, as signed by their owners.

A worker that is used directly gets only the keys of these jobs, because it has their specs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, finish_job_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...proofs.again import asked_of, finish_again, spec_again
from ...proofs.shared import SharedProofs
from ...protocol.exchange import Item
from ...sockets.connection import Connection
from .dialogue import Dialogue
from .queries import query_by_key, query_proof, query_proofs
from .questions import ask_all

# The feature of a daemon that takes the spec of a job together with the key of the one that it runs again.
SIGNED_RERUNS = "signed_reruns"

# That of one that shows the proofs of many jobs at once.
MANY_PROOFS = "many_proofs"
# A broker answers in some pages; many such questions are asked at once.
_JOBS_A_QUESTION = 200

# Returns the spec of one job.
Steps = Dialogue[job_pb2.JobSpec]


class _Again(NamedTuple):
    """A job to run again, and the new one."""

    job: JobKey
    own: JobKey


# Returns the specs of some jobs, in their order; a refusal is the last of them.
ManySteps = Dialogue[list[job_pb2.JobSpec | Refused]]


def is_signed_whole(hello: request_pb2.HelloReply) -> bool:
    """Return whether reruns must be signed with their specs: workers behind a broker run nothing else."""
    return hello.kind == "broker" and SIGNED_RERUNS in hello.features


def steps(key: JobKey, own: JobKey, broker: bytes) -> Steps:
    """Find out what a rerun runs. `own`: the new job, which has the spec if it was started before and the other one was forgotten.

    Raises Refused, as `asked_of` does too.
    """
    try:
        reply = yield query_proof(key_to_wire(key))
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
        try:
            reply = yield query_proof(key_to_wire(own))
        except Refused:
            raise refused from None
        key = own
    asked = asked_of(_proof_in(reply), key, broker)
    if not asked.is_finish:
        return spec_again(asked)
    reply = yield query_by_key(key)
    told = reply.query_one.job.spec.environment if isinstance(reply, request_pb2.Reply) else ()
    return spec_again(asked, tuple((one.name, one.value) for one in told))


def runs_again(wanted: Mapping[bytes, JobSpec | JobKey], hello: request_pb2.HelloReply) -> dict[int, JobKey]:
    """Return the reruns whose specs are needed, by their positions; none if naming the jobs is enough."""
    if not is_signed_whole(hello):
        return {}
    return {position: key for position, key in enumerate(wanted.values()) if isinstance(key, JobKey)}


def questions(
    wanted: Mapping[bytes, JobSpec | JobKey], again: Mapping[int, JobKey], owner: bytes, hello: request_pb2.HelloReply
) -> dict[int, ManySteps]:
    """Return the queries, for some jobs each, by number."""
    ids, broker = [*wanted], hello.daemon
    jobs = [_Again(key, JobKey(owner, ids[position])) for position, key in again.items()]
    if MANY_PROOFS not in hello.features:
        return {number: _one_by_one([job], broker) for number, job in enumerate(jobs)}
    chunks = (jobs[begin : begin + _JOBS_A_QUESTION] for begin in range(0, len(jobs), _JOBS_A_QUESTION))
    return {number: _many_steps(chunk, broker) for number, chunk in enumerate(chunks)}


def specs_of(again: Mapping[int, JobKey], found: Iterable[Sequence[job_pb2.JobSpec | Refused]]) -> dict[JobKey, job_pb2.JobSpec]:
    """Return the results of the queries.

    Raises the first Refused, with the position of the job.
    """
    specs: dict[JobKey, job_pb2.JobSpec] = {}
    for (position, key), one in zip(again.items(), chain.from_iterable(found), strict=False):
        if isinstance(one, Refused):
            one.job_index = position
            raise one
        specs[key] = one
    return specs


def _one_by_one(jobs: Sequence[_Again], broker: bytes) -> ManySteps:
    specs: list[job_pb2.JobSpec | Refused] = []
    for job in jobs:
        try:
            specs.append((yield from steps(job.job, job.own, broker)))
        except Refused as refused:
            return [*specs, refused]
    return specs


def _many_steps(jobs: Sequence[_Again], broker: bytes) -> ManySteps:
    specs: list[job_pb2.JobSpec | Refused] = []
    while rest := jobs[len(specs) :]:
        keys = [one.job for one in rest]
        try:
            reply = yield query_proofs(map(key_to_wire, keys))
            if not isinstance(reply, request_pb2.Reply) or not reply.HasField("proofs"):
                raise _no_proof()
            shared = SharedProofs(reply.proofs, keys, broker)
            for position in range(shared.looked_at):
                asked = shared.asked_of(position)
                if asked is None or asked.is_finish:
                    # Asked alone, the broker says why it has no proof; and for the job that a run ends with, more must be asked.
                    specs.append((yield from steps(*rest[position], broker)))
                else:
                    specs.append(spec_again(asked))
        except Refused as refused:
            return [*specs, refused]
    return specs


def find_specs(connection: Connection, wanted: Mapping[bytes, JobSpec | JobKey]) -> dict[JobKey, job_pb2.JobSpec]:
    """Return the specs of the reruns among these, by their new ids; none if naming the jobs is enough.

    Raises Refused, with the position of the job.
    """
    again = runs_again(wanted, hello := connection.hello())
    return specs_of(again, ask_all(connection, questions(wanted, again, connection.identity.owner, hello)))


def find_finish(connection: Connection, run: bytes, first: JobKey) -> JobSpec | None:
    """Return the `on_finish` job of a run, as signed by its owner; `first`: one of its jobs.

    Raises Refused.
    """
    broker = connection.hello().daemon
    for key in (JobKey(first.owner, finish_job_id(run)), first):
        try:
            return finish_again(asked_of(_proof_in(connection.call(query_proof(key_to_wire(key)))), key, broker))
        except Refused as refused:
            if refused.code is not Code.NOT_FOUND or key is first:
                raise
    return None


def _proof_in(reply: Item) -> request_pb2.JobProof:
    if not isinstance(reply, request_pb2.Reply) or not reply.HasField("proof"):
        raise _no_proof()
    return reply.proof


def _no_proof() -> Refused:
    return Refused(Code.INTERNAL, "the broker did not answer with a proof")

"""What is signed to run jobs again through a broker: their specs, as their owners have signed them.

A worker itself is sent only the keys of these jobs, as it keeps their specs.
"""

from __future__ import annotations

from collections.abc import Mapping

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, finish_job_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...proofs.again import asked_of, finish_again, spec_again
from ...protocol.exchange import Item
from ...sockets.connection import Connection
from .queries import query_proof
from .questions import Question, ask_all

# The feature of a daemon that takes the spec of a job together with the key of the one that it runs again.
SIGNED_RERUNS = "signed_reruns"

# Returns the spec of one job.
Steps = Question[job_pb2.JobSpec]


def is_signed_whole(hello: request_pb2.HelloReply) -> bool:
    """Return whether all of what runs again has to be signed: behind a broker, workers run nothing else."""
    return hello.kind == "broker" and SIGNED_RERUNS in hello.features


def steps(key: JobKey, own: JobKey, broker: bytes) -> Steps:
    """Find out what a job runs again. `own`: the new job, which has the spec if it was started before and the other one was forgotten.

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
    reply = yield request_pb2.Request(query_one=request_pb2.QueryOne(key=key_to_wire(key)))
    told = reply.query_one.job.spec.environment if isinstance(reply, request_pb2.Reply) else ()
    return spec_again(asked, tuple((one.name, one.value) for one in told))


def runs_again(wanted: Mapping[bytes, JobSpec | JobKey], hello: request_pb2.HelloReply) -> dict[int, JobKey]:
    """Return the jobs that run again and whose specs are needed, by their positions; none if it is enough to name them."""
    if not is_signed_whole(hello):
        return {}
    return {position: key for position, key in enumerate(wanted.values()) if isinstance(key, JobKey)}


def questions(wanted: Mapping[bytes, JobSpec | JobKey], again: Mapping[int, JobKey], owner: bytes, broker: bytes) -> dict[int, Steps]:
    """Return what to find out of each of these, by their positions."""
    ids = [*wanted]
    return {position: steps(key, JobKey(owner, ids[position]), broker) for position, key in again.items()}


def find_specs(connection: Connection, wanted: Mapping[bytes, JobSpec | JobKey]) -> dict[JobKey, job_pb2.JobSpec]:
    """Return the specs of the jobs that run again, among these by their new ids; none if it is enough to name them.

    Raises Refused, with the position of the job.
    """
    again = runs_again(wanted, hello := connection.hello())
    found = ask_all(connection, questions(wanted, again, connection.identity.owner, hello.daemon))
    return dict(zip(again.values(), found, strict=True))


def find_finish(connection: Connection, run: bytes, first: JobKey) -> JobSpec | None:
    """Return what a run ended with, as its owner has signed it; `first`: one of its jobs.

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
        raise Refused(Code.INTERNAL, "the broker did not answer with a proof")
    return reply.proof

"""What is signed to run jobs again through a broker: their specs, as their owners have signed them. No sockets.

A worker itself is sent only the keys of these jobs, as it keeps their specs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from functools import partial
from itertools import islice

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, finish_job_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...proofs.again import asked_of, finish_again, spec_again
from ...protocol.exchange import Exchange, Item
from ...sockets.connection import Connection
from .queries import query_proof

# The feature of a daemon that takes the spec of a job together with the key of the one that it runs again.
SIGNED_RERUNS = "signed_reruns"

_QUERIES_AT_ONCE = 64

# Yields requests, is sent their replies, and returns the spec of one job.
Steps = Generator[request_pb2.Request, Item, job_pb2.JobSpec]


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


def answer(one: Steps, item: Item | Refused) -> request_pb2.Request | job_pb2.JobSpec:
    """Pass on an answer, and return what to ask next, or what was found. Raises Refused."""
    try:
        return one.throw(item) if isinstance(item, Refused) else one.send(item)
    except StopIteration as done:
        found: job_pb2.JobSpec = done.value
        return found


def wanted_again(wanted: Mapping[bytes, JobSpec | JobKey]) -> list[tuple[int, bytes, JobKey]]:
    """Return those that run a job again: their positions, their ids, and the keys of the jobs."""
    return [(index, own, key) for index, (own, key) in enumerate(wanted.items()) if isinstance(key, JobKey)]


def find_specs(connection: Connection, wanted: Mapping[bytes, JobSpec | JobKey]) -> dict[JobKey, job_pb2.JobSpec]:
    """Return the specs of the jobs that run again, among these by their new ids; none if it is enough to name them.

    Raises Refused, with the position of the job.
    """
    again = wanted_again(wanted)
    if not again or not is_signed_whole(hello := connection.hello()):
        return {}
    found: dict[JobKey, job_pb2.JobSpec] = {}
    asked: deque[tuple[int, JobKey, Steps, Exchange]] = deque()
    owner, rest = connection.identity.owner, iter(again)
    try:
        while True:
            for index, own, key in islice(rest, _QUERIES_AT_ONCE - len(asked)):
                one = steps(key, JobKey(owner, own), hello.daemon)
                asked.append((index, key, one, connection.ask(next(one))))
            if not asked:
                return found
            index, key, one, exchange = asked[0]
            try:
                item = _answer_to(partial(connection.next, exchange))
                asked.popleft()
                while isinstance(step := answer(one, item), request_pb2.Request):
                    item = _answer_to(partial(connection.call, step))
            except Refused as refused:
                refused.job_index = index
                raise
            found[key] = step
    finally:
        for *_, exchange in asked:
            connection.forget(exchange)


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


def _answer_to(ask: Callable[[], Item | None]) -> Item | Refused:
    try:
        return ask() or _unanswered()
    except Refused as refused:
        return refused


def _unanswered() -> Refused:
    return Refused(Code.INTERNAL, "the broker ended the request without an answer")


def _proof_in(reply: Item) -> request_pb2.JobProof:
    if not isinstance(reply, request_pb2.Reply) or not reply.HasField("proof"):
        raise Refused(Code.INTERNAL, "the broker did not answer with a proof")
    return reply.proof

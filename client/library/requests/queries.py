"""Questions about one job, as requests."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.states import Pick


def query_by_name(name: str, pick: Pick) -> request_pb2.Request:
    """Return a query for the job of a name."""
    wanted = request_pb2.QueryOne(name=name)
    # An older worker does not know it, and refuses what several jobs have.
    wanted.pick = pick.value  # type: ignore[assignment] # reason: an enum field takes its number
    return request_pb2.Request(query_one=wanted)


def query_proof(key: job_pb2.JobKey) -> request_pb2.Request:
    """Return the question for the proof of a job."""
    return request_pb2.Request(query_proof=request_pb2.QueryProof(key=key))


def query_proofs(keys: Iterable[job_pb2.JobKey]) -> request_pb2.Request:
    """Return the question for the proofs of many jobs."""
    return request_pb2.Request(query_proof=request_pb2.QueryProof(keys=keys))

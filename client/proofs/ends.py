"""How a job ended: what its worker signed, and whether that matches the report."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ...keys.proofs import attestation
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.states import OutcomeKind
from ...schemas.naming import JobKey, short_id
from ...schemas.refusal import Refused
from ...schemas.wire_codec import outcome_from_wire
from .checks import wrong

# What a broker says of a job that no worker has ended: none has signed that.
_OF_BROKERS = frozenset({OutcomeKind.CANCELLED, OutcomeKind.LOST, OutcomeKind.FAILED_TO_START})
_COMPARED = ("kind", "exit_status", "signal", "stdout_bytes", "stderr_bytes", "stdout_problem", "stderr_problem", "stdin_problem")


class SignedEnd(NamedTuple):
    """The end of an attempt, and the public key that signed it: that of its worker, if `is_trusted`."""

    worker: bytes
    end: job_pb2.EndStatement
    is_trusted: bool


def read_end(raw: bytes, key: job_pb2.JobKey, workers: Collection[bytes], trusted: Collection[bytes]) -> SignedEnd:
    """Return what was signed about an attempt at this job; `workers`: the accepted keys, none: any; `trusted`: keys of workers.

    Raises Refused, or DecodeError.
    """
    worker, end = attestation.read(raw)
    if (end.key.owner, end.key.id) != (key.owner, key.id):
        raise wrong(f"it is the end of job {short_id(end.key.id)}, not of this one")
    if workers and worker not in workers:
        raise wrong("it is signed by none of the workers that were expected")
    return SignedEnd(worker, end, worker in workers or worker in trusted)


def in_words(end: job_pb2.EndStatement) -> str:
    """Return how an attempt ended."""
    outcome = outcome_from_wire(end.outcome)
    if outcome.kind is OutcomeKind.EXITED:
        return f"exited with {outcome.exit_status}"
    return outcome.sentence or outcome.kind.name.lower().replace("_", " ")


def read_late(raw: bytes, key: JobKey) -> job_pb2.EndStatement | None:
    """Return how a job that was reported as lost really ended, as signed; None if that is not about this job, or not signed."""
    try:
        _, end = attestation.read(raw)
    except (Refused, DecodeError):
        return None
    return end if (end.key.owner, end.key.id) == key else None


def compare(told: job_pb2.EarlierAttempt, signed: SignedEnd | None) -> tuple[str, bool]:
    """Return in words that the reported end of an attempt matches the signed one, and whether a trusted worker signed it.

    Raises Refused if it does not match.
    """
    if signed is None:
        if told.pid or outcome_from_wire(told.outcome).kind not in _OF_BROKERS:
            raise wrong("no worker has signed its reported end")
        return "no worker has it, says the broker, and nobody else has signed that", False
    who = "the worker" if signed.is_trusted else "that key"
    if told.outcome.kind == job_pb2.OUTCOME_KIND_LOST != signed.end.outcome.kind and told.pid in (0, signed.end.pid):
        really = in_words(signed.end)
        return f"it was reported as lost, and stays lost; {who} has come back and signed how it really ended: {really}", signed.is_trusted
    for what in _different(told, signed.end):
        raise wrong(f"the report differs from what the worker signed: {what}")
    return f"the reported end matches what {who} signed: {in_words(signed.end)}", signed.is_trusted


def _different(told: job_pb2.EarlierAttempt, end: job_pb2.EndStatement) -> Iterator[str]:
    for name in ("pid", "started_at_us", "ended_at_us"):
        if getattr(told, name) != getattr(end, name):
            yield name.removesuffix("_us").replace("_", " ")
    for name in _COMPARED:
        if getattr(told.outcome, name) != getattr(end.outcome, name):
            yield name.replace("_", " ")
    if told.outcome.use != end.outcome.use:
        yield "use of resources"


def twice(proofs: Collection[request_pb2.JobProof]) -> list[str]:
    """Return in words which attempts two workers have signed: their broker has shown one start to both."""
    seen: dict[tuple[bytes, bytes, int], set[bytes]] = {}
    for proof in proofs:
        for raw in proof.ends:
            worker, end = attestation.read(raw)
            # What had no process did not run.
            if end.pid:
                seen.setdefault((end.key.owner, end.key.id, end.attempt), set()).add(worker)
    return [
        f"attempt {attempt} at job {short_id(job)} ran on {len(workers)} workers, as they have signed"
        for (_, job, attempt), workers in seen.items()
        if len(workers) > 1
    ]

"""The requests that started and stopped a job, stored as they were received and signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ....schemas.batches.parts import HASH_BYTES, hash_of_job, hash_of_rerun, named_again
from ....schemas.generated import request_pb2
from ....schemas.jobs.conditions import from_wire
from ....schemas.naming import ID_BYTES, AttemptKey, JobKey
from .batches import template_rows

_Read = Callable[..., list[tuple[Any, ...]]]


class KeptProof(NamedTuple):
    """The requests of one job. `start` is empty if none is stored, `stop` if nobody requested a stop.

    `name`: the name of the attempt at its broker, if it came through one. `due_us`: the scheduled time. `staged`, `hashes`: for a staged
    job of a batch, the job as it was sent, a NewJob, and the hashes of all jobs of its part.
    """

    start: bytes
    stop: bytes
    name: AttemptKey | None = None
    due_us: int = 0
    staged: bytes = b""
    hashes: bytes = b""


class Reading:
    """Reads the proofs of many jobs: what several of them share is read once."""

    def __init__(self, read: _Read) -> None:
        self._read = read
        self._shared: dict[tuple[str, Sequence[object]], list[tuple[Any, ...]]] = {}

    def of(self, key: JobKey) -> KeptProof:
        """Return the proofs of one job."""
        return proof_of(self._read_once, key)

    def _read_once(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked = sql, tuple(parameters)
        if (rows := self._shared.get(asked)) is None:
            rows = self._shared[asked] = self._read(sql, parameters)
        return rows


def proof_of(read: _Read, key: JobKey) -> KeptProof:
    """Return the proofs of one job."""
    rows = read("SELECT row, proof, stop_proof, spec, batch, due, rerun_of FROM jobs WHERE owner = ? AND id = ?", key)
    if not rows:
        return KeptProof(b"", b"")
    row, proof, stop_proof, spec, batch, due, rerun_of = rows[0]
    stop = _envelope(read, stop_proof)
    relayed = read("SELECT owner, id, attempt, envelope FROM relayed JOIN relayed_starts USING (digest) WHERE job = ?", (row,))
    if relayed:
        *name, start = relayed[0]
        return KeptProof(start, stop, AttemptKey(*name), due or 0)
    if batch is not None:
        ((run,),) = read("SELECT id FROM batches WHERE row = ?", (batch,))
        if (origin := template_rows.origin_of(read, key.owner, run, key.id, row)) is not None:
            due_us, staged_id, spec, hashes = origin
            return KeptProof(_envelope(read, proof), stop, None, due_us, _new_job(staged_id, spec).SerializeToString(), hashes)
    kept = KeptProof(_envelope(read, proof), stop, due_us=due or 0)
    return kept if batch is None else _as_staged(read, kept, proof, key, spec, rerun_of)


def _as_staged(read: _Read, kept: KeptProof, proof: int, key: JobKey, spec: bytes, rerun_of: bytes | None) -> KeptProof:
    """Return the proofs of a job of a run, with its staged form, if it was staged."""
    new = _new_job(key.id, spec)
    if hashes := _hashes_of(read, proof, hash_of_job(key.id, spec)):
        return kept._replace(staged=new.SerializeToString(), hashes=hashes)
    if rerun_of is not None:
        again = named_again(key.id, JobKey(rerun_of[:-ID_BYTES], rerun_of[-ID_BYTES:]), tuple(map(from_wire, new.spec.after)))
        if hashes := _hashes_of(read, proof, hash_of_rerun(again)):
            return kept._replace(staged=again.SerializeToString(), hashes=hashes)
    return kept


def _new_job(job_id: bytes, spec: bytes) -> request_pb2.NewJob:
    """Return a job with its spec as it was sent, because its hash is over those bytes."""
    new = request_pb2.NewJob(id=job_id)
    new.spec.ParseFromString(spec)
    return new


def _envelope(read: _Read, number: int | None) -> bytes:
    rows = read("SELECT envelope FROM proofs WHERE row = ?", (number,)) if number else []
    # Of a stop that a broker has ordered without the request of a client, only a digest is kept.
    return rows[0][0] if rows and len(rows[0][0]) > HASH_BYTES else b""


def _hashes_of(read: _Read, proof: int, wanted: bytes) -> bytes:
    """Return the hashes of the part of a staged batch that contains a job; empty if it was not staged."""
    parts = read("SELECT hashes FROM staged_parts JOIN staged_runs ON staged_runs.row = run WHERE proof = ? ORDER BY number", (proof,))
    for number, (hashes,) in enumerate(parts):
        # Not between two of them: that would be no hash of a job.
        at = hashes.find(wanted)
        while at % HASH_BYTES and at > 0:
            at = hashes.find(wanted, at + 1)
        if at >= 0:
            # If these are kept for others, the next job is of the same part as a rule.
            parts.insert(0, parts.pop(number))
            return bytes(hashes)
    return b""

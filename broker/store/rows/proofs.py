"""What is kept of the requests that a job was started and stopped with, as they were received and signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ....schemas.naming import AttemptKey, JobKey
from ....schemas.parts import HASH_BYTES, hash_of_job
from . import template_rows

_Read = Callable[..., list[tuple[Any, ...]]]


class KeptProof(NamedTuple):
    """The requests of one job. `start` is empty if none is kept, `stop` if nobody asked for one.

    `name`: how a broker names it, if the job came through one. `due_us`: the time of a schedule that was meant. `spec`, `hashes`: of a job
    of a batch that was staged, its spec and the hashes of all jobs of its part. `staged_id`: of a batch that a schedule starts, its id when
    it was staged.
    """

    start: bytes
    stop: bytes
    name: AttemptKey | None = None
    due_us: int = 0
    spec: bytes = b""
    hashes: bytes = b""
    staged_id: bytes = b""


def proof_of(read: _Read, key: JobKey) -> KeptProof:
    """Return what is kept of one job."""
    rows = read("SELECT row, proof, stop_proof, spec, batch, due FROM jobs WHERE owner = ? AND id = ?", key)
    if not rows:
        return KeptProof(b"", b"")
    row, proof, stop_proof, spec, batch, due = rows[0]
    stop = _envelope(read, stop_proof)
    relayed = read("SELECT owner, id, attempt, envelope FROM relayed JOIN relayed_starts USING (digest) WHERE job = ?", (row,))
    if relayed:
        *name, start = relayed[0]
        return KeptProof(start, stop, AttemptKey(*name), due or 0)
    if batch is not None:
        ((run,),) = read("SELECT id FROM batches WHERE row = ?", (batch,))
        if (origin := template_rows.origin_of(read, key.owner, run, key.id, row)) is not None:
            due_us, *staged = origin
            staged_id, spec, hashes = staged
            return KeptProof(_envelope(read, proof), stop, None, due_us, spec, hashes, staged_id)
    kept = KeptProof(_envelope(read, proof), stop, due_us=due or 0)
    hashes = _hashes_of(read, proof, hash_of_job(key.id, spec)) if batch is not None else b""
    return kept._replace(spec=spec, hashes=hashes) if hashes else kept


def _envelope(read: _Read, number: int | None) -> bytes:
    rows = read("SELECT envelope FROM proofs WHERE row = ?", (number,)) if number else []
    # Of a stop that a broker has ordered without the request of a client, only a digest is kept.
    return rows[0][0] if rows and len(rows[0][0]) > HASH_BYTES else b""


def _hashes_of(read: _Read, proof: int, wanted: bytes) -> bytes:
    """Return the hashes of that part of a staged batch in which a job is; empty if it was not staged."""
    for (hashes,) in read(
        "SELECT hashes FROM staged_parts JOIN staged_runs ON staged_runs.row = run WHERE proof = ? ORDER BY number", (proof,)
    ):
        # Not between two of them: that would be no hash of a job.
        at = hashes.find(wanted)
        while at % HASH_BYTES and at > 0:
            at = hashes.find(wanted, at + 1)
        if at >= 0:
            return bytes(hashes)
    return b""

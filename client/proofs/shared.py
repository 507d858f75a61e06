"""Proofs of many jobs in one reply: what several of them share is included, and parsed, once. Pure.

Each is checked like a single proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ...schemas.wire_codec import key_to_wire
from .again import asked_of
from .asked import AskedJob, read_signed


class SharedProofs:
    """A reply about these jobs, by the broker with this key; `looked_at`: how many of them, from the first on, it covers.

    Raises Refused(INTERNAL) for one that covers none, or more than were requested.
    """

    def __init__(self, answer: request_pb2.JobProofs, jobs: Sequence[JobKey], broker: bytes) -> None:
        self.looked_at = answer.looked_at
        self._jobs = jobs
        self._broker = broker
        self._starts = [*answer.starts]
        self._hashes = [b"", *answer.staged_hashes]
        self._shown = {one.position: one for one in answer.jobs}
        self._read = cache(read_signed)
        if not 0 < self.looked_at <= len(jobs):
            raise Refused(Code.INTERNAL, f"the broker was asked for the proofs of {len(jobs)} jobs, and answered about {self.looked_at}")

    def asked_of(self, position: int) -> AskedJob | None:
        """Return what the owner of the job at this position requested; None if the reply does not contain it.

        Raises Refused(PERMISSION_DENIED) if the broker does not prove it.
        """
        if (shown := self._shown.get(position)) is None:
            return None
        key, proof = self._jobs[position], request_pb2.JobProof(staged_job=shown.staged_job, due_us=shown.due_us)
        proof.key.CopyFrom(key_to_wire(key))
        # What is not there proves nothing.
        if shown.start < len(self._starts) and shown.staged_hashes < len(self._hashes):
            proof.start, proof.staged_hashes = self._starts[shown.start], self._hashes[shown.staged_hashes]
        return asked_of(proof, key, self._broker, self._read)

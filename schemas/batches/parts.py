"""A batch that is staged in parts: the hashes that its commit signs, and how a part is kept until its jobs are in the queue.

A signature over the hashes of the parts proves each job: with the hashes of the jobs of its part, and its own id and spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..generated import request_pb2
from ..jobs import conditions
from ..jobs.conditions import After
from ..naming import ID_BYTES, JobKey
from ..private_parts.c_blake2 import blake2b
from ..wire_codec import key_to_wire

HASH_BYTES = 32
# Of a spec's digest, see spec.py; and of the length of what follows.
_DIGEST_BYTES = 16
_LENGTH_BYTES = 4


class KeptJob(NamedTuple):
    """One job of a part: its id, the digest of its spec, the spec in bytes, and the job that it runs again."""

    id: bytes
    digest: bytes
    spec: bytes
    rerun_of: JobKey | None = None


def hash_of_job(job_id: bytes, spec: bytes) -> bytes:
    """Return the hash of one job, over its id and its spec as sent."""
    return blake2b(job_id + spec, digest_size=HASH_BYTES).digest()


def named_again(job_id: bytes, before: JobKey, after: Sequence[After]) -> request_pb2.NewJob:
    """Return a rerun as it is staged: it names the job to run again instead of a spec, and what it waits for."""
    return request_pb2.NewJob(id=job_id, rerun=key_to_wire(before), after=map(conditions.to_wire, after))


def hash_of_rerun(job: request_pb2.NewJob) -> bytes:
    """Return the hash of a rerun, over all of its message."""
    return blake2b(job.SerializeToString(), digest_size=HASH_BYTES, person=b"jobwire.rerun").digest()


def hash_of_part(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of a part, given those of its jobs."""
    return blake2b(b"".join(hashes), digest_size=HASH_BYTES).digest()


def join(jobs: Sequence[KeptJob]) -> bytes:
    """Return the jobs of a part as they are stored: concatenated, so that they can be read one by one."""
    pieces: list[bytes] = []
    for job in jobs:
        pieces += job.id, job.digest, len(job.spec).to_bytes(_LENGTH_BYTES, "big"), job.spec
    return b"".join(pieces)


def join_reruns(jobs: Sequence[KeptJob]) -> bytes:
    """Return which job each job of a part runs again, in their order; empty if none of them is a rerun."""
    if not any(job.rerun_of for job in jobs):
        return b""
    keys = (b"".join(job.rerun_of) if job.rerun_of else b"" for job in jobs)
    return b"".join(bytes([len(key)]) + key for key in keys)


def split(content: bytes, reruns: bytes = b"") -> Iterator[KeptJob]:
    """Iterate over the jobs of a part; `reruns`: which jobs they run again, as `join_reruns` returned it."""
    at = at_rerun = 0
    while at < len(content):
        begin = at + ID_BYTES + _DIGEST_BYTES + _LENGTH_BYTES
        end = begin + int.from_bytes(content[begin - _LENGTH_BYTES : begin], "big")
        rerun_of = None
        if reruns:
            key = reruns[at_rerun + 1 : at_rerun + 1 + reruns[at_rerun]]
            at_rerun += 1 + len(key)
            rerun_of = JobKey(key[:-ID_BYTES], key[-ID_BYTES:]) if key else None
        yield KeptJob(content[at : at + ID_BYTES], content[at + ID_BYTES : begin - _LENGTH_BYTES], content[begin:end], rerun_of)
        at = end

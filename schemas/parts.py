"""A batch that is staged in parts: the hashes that its commit signs, and how a part is kept until its jobs are in the queue.

A signature over the hashes of the parts proves each job: with the hashes of the jobs of its part, and its own id and spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .naming import ID_BYTES
from .private_parts.c_blake2 import blake2b

HASH_BYTES = 32
# Of a spec's digest, see spec.py; and of the length of what follows.
_DIGEST_BYTES = 16
_LENGTH_BYTES = 4


class KeptJob(NamedTuple):
    """One job of a part: its id, the digest of its spec, and the spec in bytes."""

    id: bytes
    digest: bytes
    spec: bytes


def hash_of_job(job_id: bytes, spec: bytes) -> bytes:
    """Return the hash of one job, over its id and its spec as sent."""
    return blake2b(job_id + spec, digest_size=HASH_BYTES).digest()


def hash_of_part(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of a part, given those of its jobs."""
    return blake2b(b"".join(hashes), digest_size=HASH_BYTES).digest()


def join(jobs: Sequence[KeptJob]) -> bytes:
    """Return the jobs of a part as they are kept: one after the other, so that they can be read one by one."""
    pieces: list[bytes] = []
    for job in jobs:
        pieces += job.id, job.digest, len(job.spec).to_bytes(_LENGTH_BYTES, "big"), job.spec
    return b"".join(pieces)


def split(content: bytes) -> Iterator[KeptJob]:
    """Iterate over the jobs of a part."""
    at = 0
    while at < len(content):
        begin = at + ID_BYTES + _DIGEST_BYTES + _LENGTH_BYTES
        end = begin + int.from_bytes(content[begin - _LENGTH_BYTES : begin], "big")
        yield KeptJob(content[at : at + ID_BYTES], content[at + ID_BYTES : begin - _LENGTH_BYTES], content[begin:end])
        at = end

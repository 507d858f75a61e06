"""The tombstones of forgotten jobs."""

from __future__ import annotations

from ....schemas.naming import JobKey
from ....schemas.private_parts.c_blake2 import blake2b

# With what SQLite adds, a tombstone takes about 32 bytes on the disk.
_MARK_BYTES = 16


def mark_of(key: JobKey) -> bytes:
    """Return the tombstone of a job, which is kept for ever, so that its id never runs again."""
    return blake2b(key.owner + key.id, digest_size=_MARK_BYTES).digest()

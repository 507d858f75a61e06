"""Writes about the growth of a broker, as values: its queues, and the allocations that it has requested from clusters. Knows no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class QueueRow(NamedTuple):
    """A queue as it is stored. `settings`: a GrowthQueue in bytes; `proof`: the request that added it; `shape`: JSON, or empty."""

    name: str
    settings: bytes
    proof: bytes
    paused: bool = False
    why: str = ""
    failures: int = 0
    shape: str = ""
    # It is kept as long as it has allocations.
    removed: bool = False


class AllocationRow(NamedTuple):
    """An allocation as it is stored; `state`: an AllocationState. `token`: the public key of the invitation for its worker."""

    name: str
    queue: str
    cluster_id: str
    state: int
    asked_at_us: int
    token: bytes


class RemovalRow(NamedTuple):
    """A worker that was removed while it had jobs, and is still to be told. `proof`: the signed request that removed it."""

    key: bytes
    name: str
    proof: bytes
    removed_at_us: int


@dataclass(slots=True, eq=False)
class Growth:
    """Record queues and allocations as they are now, and forget others by their names."""

    queues: Sequence[QueueRow] = ()
    allocations: Sequence[AllocationRow] = ()
    gone_queues: Sequence[str] = ()
    gone_allocations: Sequence[str] = ()
    # Workers that do not come back: keys, the names that they had, and when they left.
    departed: Sequence[tuple[bytes, str, int]] = ()
    # The keys of workers that were among these, and were let in again.
    returned: Sequence[bytes] = ()
    # Workers that are to be told that they were removed, and the keys of those that were.
    removals: Sequence[RemovalRow] = ()
    told_removals: Sequence[bytes] = ()

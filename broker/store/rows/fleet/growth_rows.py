"""The rows about the growth of a broker: its queues, and the allocations that it has requested from clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....writes.growth import AllocationRow, Growth, QueueRow, RemovalRow

_Execute = Callable[..., Any]
_Read = Callable[..., list[tuple[Any, ...]]]
# So many are remembered, to tell where jobs ran.
_MOST_DEPARTED = 10_000
# So many of those that were removed are let in once more.
MOST_REMOVALS = 1000


def record(execute: _Execute, write: Growth) -> None:
    """Write what is recorded."""
    for queue in write.queues:
        execute("INSERT OR REPLACE INTO growth_queues VALUES (?, ?, ?, ?, ?, ?, ?, ?)", queue)
    for allocation in write.allocations:
        execute("INSERT OR REPLACE INTO allocations VALUES (?, ?, ?, ?, ?, ?)", allocation)
    for name in write.gone_queues:
        execute("DELETE FROM growth_queues WHERE name = ?", (name,))
    for name in write.gone_allocations:
        execute("DELETE FROM allocations WHERE name = ?", (name,))
    for key in write.returned:
        execute("DELETE FROM departed_workers WHERE key = ?", (key,))
    for worker in write.departed:
        execute("INSERT OR REPLACE INTO departed_workers VALUES (?, ?, ?)", worker)
    for key in write.told_removals:
        execute("DELETE FROM removed_workers WHERE key = ?", (key,))
    for removal in write.removals:
        execute("INSERT OR REPLACE INTO removed_workers VALUES (?, ?, ?, ?)", removal)
        oldest = "SELECT removed_at FROM removed_workers ORDER BY removed_at DESC LIMIT 1 OFFSET ?"
        execute(f"DELETE FROM removed_workers WHERE removed_at <= ({oldest})", (MOST_REMOVALS,))  # noqa: S608 -- our own text
    if write.departed:
        last = "SELECT left_at FROM departed_workers ORDER BY left_at DESC LIMIT 1 OFFSET ?"
        execute(f"DELETE FROM departed_workers WHERE left_at <= ({last})", (_MOST_DEPARTED,))  # noqa: S608 -- our own text


def read_queues(read: _Read) -> Sequence[QueueRow]:
    """Return all queues."""
    rows = map(QueueRow._make, read("SELECT * FROM growth_queues ORDER BY name"))
    return [row._replace(paused=bool(row.paused), removed=bool(row.removed)) for row in rows]


def read_allocations(read: _Read) -> Sequence[AllocationRow]:
    """Return all allocations, oldest first."""
    return list(map(AllocationRow._make, read("SELECT * FROM allocations ORDER BY asked_at, name")))


def read_departed(read: _Read) -> dict[bytes, str]:
    """Return the former names of workers that will not come back, by their keys."""
    return dict(read("SELECT key, name FROM departed_workers"))


def read_removals(read: _Read) -> Sequence[RemovalRow]:
    """Return the removed workers that are still to be told, oldest first."""
    return list(map(RemovalRow._make, read("SELECT key, name, proof, removed_at FROM removed_workers ORDER BY removed_at, key")))

"""At a worker: the rows about jobs that came through a broker: which broker, and whether it has recorded their ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .....schemas.naming import AttemptKey, JobKey
from ....writes.jobs import Added, CarryOut, Origin

_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., list[tuple[Any, ...]]]


class Relayed(NamedTuple):
    """A job of this store, the broker that delivered it, and the broker's name for the attempt."""

    key: JobKey
    relay: bytes
    name: AttemptKey


def record(execute: _Execute, origin: Origin, added: Added) -> None:
    """Record where a new job came from, with its start; does nothing for a known job."""
    if added.known:
        return
    execute("INSERT OR IGNORE INTO relayed_starts (digest, envelope) VALUES (?, ?)", (origin.digest, origin.start))
    execute(
        "INSERT INTO relayed (job, relay, owner, id, attempt, digest) VALUES (?, ?, ?, ?, ?, ?)",
        (added.rows[0], origin.relay, *origin.name, origin.digest),
    )
    if origin.due_us:
        execute("UPDATE jobs SET due = ? WHERE row = ?", (origin.due_us, added.rows[0]))


def settle(execute: _Execute, relay: bytes, names: Sequence[AttemptKey]) -> None:
    """Record that the ends of these attempts are durable at the broker."""
    for name in names:
        execute("UPDATE relayed SET settled = 1 WHERE relay = ? AND owner = ? AND id = ? AND attempt = ?", (relay, *name))


def carry_out(execute: _Execute, write: CarryOut) -> bool:
    """Record that a request is carried out; return whether it was not before. Expired ones are dropped."""
    execute("DELETE FROM carried_out WHERE until < ?", (write.now_us,))
    return bool(execute("INSERT OR IGNORE INTO carried_out (digest, until) VALUES (?, ?)", (write.digest, write.until_us)).rowcount)


def drop(execute: _Execute, row: int) -> None:
    """Delete where a job came from; also the start, after its last job."""
    found = execute("DELETE FROM relayed WHERE job = ? RETURNING digest", (row,)).fetchone()
    if found is not None:
        execute("DELETE FROM relayed_starts WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM relayed WHERE digest = ?)", found * 2)


def unsettled(read: _Read) -> Iterator[Relayed]:
    """Iterate over the jobs whose end no broker has recorded yet, oldest first."""
    for owner, job_id, relay, *name in read(
        "SELECT jobs.owner, jobs.id, relay, relayed.owner, relayed.id, relayed.attempt FROM relayed JOIN jobs ON jobs.row = relayed.job"
        # With `+`, they are found by their index and sorted; without, all would be read in this order.
        " WHERE settled = 0 ORDER BY +job"
    ):
        yield Relayed(JobKey(owner, job_id), relay, AttemptKey(*name))


def has_unsettled(read: _Read) -> bool:
    """Return whether any job has to be reported to a broker."""
    return bool(read("SELECT 1 FROM relayed WHERE settled = 0 LIMIT 1"))


def unsettled_name(read: _Read, key: JobKey) -> tuple[bytes, AttemptKey] | None:
    """Return the broker of a job that has not recorded its end, and its name for the attempt."""
    rows = read(
        "SELECT relay, relayed.owner, relayed.id, relayed.attempt FROM relayed JOIN jobs ON jobs.row = relayed.job"
        " WHERE jobs.owner = ? AND jobs.id = ? AND settled = 0",
        key,
    )
    return (rows[0][0], AttemptKey(*rows[0][1:])) if rows else None


def find(read: _Read, relay: bytes, name: AttemptKey) -> JobKey | None:
    """Return the job with this name at a broker; None if it has not delivered it."""
    rows = read(
        "SELECT jobs.owner, jobs.id FROM relayed JOIN jobs ON jobs.row = relayed.job"
        " WHERE relay = ? AND relayed.owner = ? AND relayed.id = ? AND relayed.attempt = ?",
        (relay, *name),
    )
    return JobKey(*rows[0]) if rows else None


def relay_of(read: _Read, key: JobKey) -> bytes:
    """Return the broker that a job came through; empty if none."""
    rows = read("SELECT relay FROM relayed JOIN jobs ON jobs.row = relayed.job WHERE jobs.owner = ? AND jobs.id = ?", key)
    return bytes(rows[0][0]) if rows else b""


def start_of(read: _Read, relay: bytes, name: AttemptKey) -> tuple[bytes, int]:
    """Return the signed start that a job was delivered with, empty if unknown, and its scheduled time, 0 if it has none."""
    rows = read(
        "SELECT envelope, coalesce(due, 0) FROM relayed JOIN relayed_starts USING (digest) JOIN jobs ON jobs.row = relayed.job"
        " WHERE relay = ? AND relayed.owner = ? AND relayed.id = ? AND relayed.attempt = ?",
        (relay, *name),
    )
    return (rows[0][0], int(rows[0][1])) if rows else (b"", 0)


def start_with(read: _Read, digest: bytes) -> bytes:
    """Return the signed start with this SHA-256; empty if it is not stored."""
    rows = read("SELECT envelope FROM relayed_starts WHERE digest = ?", (digest,))
    return rows[0][0] if rows else b""

"""What is written into the store: writes as values, and the statements that carry them out inside a transaction of somebody else's.

Knows rows, not what they mean, and nothing of commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..schemas.naming import JobKey
from ..schemas.refusal import Refused
from .life import BatchRun


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event to be stored: whose it is, and its bytes without a seq."""

    owner: bytes
    event: bytes


@dataclass(frozen=True, slots=True)
class NewRow:
    """One job to be added."""

    key: JobKey
    digest: bytes
    name: str
    spec: bytes
    queued_at_us: int
    event: EventRow
    launched: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is new about a job, and the events that tell of it. None: as it was."""

    row: int
    state: int
    events: Sequence[EventRow]
    launched: bool = True
    pid: int = 0
    started_at_us: int = 0
    ended_at_us: int = 0
    outcome: bytes | None = None
    stop: str | None = None
    stop_proof: bytes | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an AddJobs. `rows` in the order asked; `known` are positions that were there before, with the same digest."""

    rows: Sequence[int]
    known: frozenset[int]
    first_seq: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was added: the job at `position` is there with another spec."""

    position: int


@dataclass(slots=True, eq=False)
class AddJobs:
    """Add jobs whole or not at all; an id that is there with the same digest is no conflict and is not added again."""

    jobs: Sequence[NewRow]
    batch: BatchRun | None
    proof: bytes
    done: Callable[[Added | Conflict | Refused], None]
    result: Added | Conflict | None = None


@dataclass(slots=True, eq=False)
class ChangeJobs:
    """Record what happened to jobs. Cannot be refused: it is tried until there is room."""

    changes: Sequence[Change]
    done: Callable[[int], None]
    first_seq: int = 0


Write = AddJobs | ChangeJobs


class Rows:
    """The writing side of one connection. Numbers of rows and events are given here, so that they need not be read back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        (last_seq,) = self._execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        (last_row,) = self._execute("SELECT coalesce(max(row), 0) FROM jobs").fetchone()
        self.next_seq = int(last_seq) + 1
        self.next_row = int(last_row) + 1

    def apply(self, write: Write) -> None:
        """Carry out one write; its result or first seq is filled in.

        Raises sqlite3.Error.
        """
        if isinstance(write, ChangeJobs):
            self._change(write)
        else:
            self._add(write)

    def _add(self, write: AddJobs) -> None:
        execute = self._execute
        rows: list[int] = []
        known: set[int] = set()
        for position, job in enumerate(write.jobs):
            found = execute("SELECT row, digest FROM jobs WHERE owner = ? AND id = ?", job.key).fetchone()
            if found is None:
                rows.append(0)
            elif found[1] == job.digest:
                rows.append(found[0])
                known.add(position)
            else:
                write.result = Conflict(position)
                return
        first_seq = self.next_seq
        if len(known) < len(rows):
            proof = self._add_proof(write.proof)
            batch = self._add_batch(write.jobs[0].key.owner, write.batch) if write.batch else None
            for position, job in enumerate(write.jobs):
                if rows[position]:
                    continue
                rows[position] = self.next_row
                self.next_row += 1
                execute(
                    "INSERT INTO jobs (row, owner, id, digest, state, name, batch, proof, spec, launched, queued_at)"
                    " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
                    (rows[position], *job.key, job.digest, job.name, batch, proof, job.spec, job.launched, job.queued_at_us),
                )
                self._add_event(job.event)
        write.result = Added(rows, frozenset(known), first_seq)

    def _add_proof(self, envelope: bytes) -> int:
        return int(self._execute("INSERT INTO proofs (envelope) VALUES (?)", (envelope,)).lastrowid or 0)

    def _add_batch(self, owner: bytes, batch: BatchRun) -> int:
        self._execute(
            "INSERT OR IGNORE INTO batches (owner, id, name, parallel) VALUES (?, ?, ?, ?)", (owner, batch.id, batch.name, batch.parallel)
        )
        (row,) = self._execute("SELECT row FROM batches WHERE owner = ? AND id = ?", (owner, batch.id)).fetchone()
        return int(row)

    def _add_event(self, event: EventRow) -> None:
        self._execute("INSERT INTO events (seq, owner, event) VALUES (?, ?, ?)", (self.next_seq, event.owner, event.event))
        self.next_seq += 1

    def _change(self, write: ChangeJobs) -> None:
        write.first_seq = self.next_seq
        for change in write.changes:
            stop_proof = self._add_proof(change.stop_proof) if change.stop_proof is not None else None
            self._execute(
                "UPDATE jobs SET state = ?, launched = ?, pid = ?, started_at = ?, ended_at = ?, outcome = ?, stop = coalesce(?, stop),"
                " stop_proof = coalesce(?, stop_proof) WHERE row = ?",
                (
                    change.state,
                    change.launched,
                    change.pid,
                    change.started_at_us,
                    change.ended_at_us,
                    change.outcome,
                    change.stop,
                    stop_proof,
                    change.row,
                ),
            )
            for event in change.events:
                self._add_event(event)

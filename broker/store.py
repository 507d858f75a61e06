"""The desk's memory: writes in group commits on a thread of its own, reads in short transactions on the desk's thread.

Knows rows, not what they mean. A write that was done is on disk (WAL, synchronous FULL); all that arrived while the disk was busy
go into the next commit together. Results come back on the desk's loop in the order of submission.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..schemas.naming import JobKey
from ..schemas.refusal import Code, Refused
from . import schema
from .life import BatchRun

# What SQLite gives has no static type; schema.py says what stands where.
Row = tuple[Any, ...]

_log = logging.getLogger(__name__)

# Given back to the file system when it is full, so that outcomes can still be recorded.
_BALLAST_BYTES = 8 * 1024 * 1024
_RETRY_SECONDS = 1.0


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


@dataclass(frozen=True, slots=True)
class Change:
    """What is new about a job, and the events that tell of it. None: as it was."""

    row: int
    state: int
    events: Sequence[EventRow]
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
    result: Added | Conflict | Refused | None = None


@dataclass(slots=True, eq=False)
class ChangeJobs:
    """Record what happened to jobs. Cannot be refused: it is tried until there is room."""

    changes: Sequence[Change]
    done: Callable[[int], None]
    first_seq: int = 0


@dataclass(slots=True)
class _Closing:
    """The last thing in the queue."""


_Write = AddJobs | ChangeJobs


@dataclass(slots=True)
class Store:
    """One state.db. `wake` hands a function to the desk's loop from another thread (loop.call_soon_threadsafe)."""

    path: Path
    wake: Callable[[Callable[[], None]], object]
    id: bytes = b""
    head: int = 0
    _reads: sqlite3.Connection = field(init=False)
    _writes: sqlite3.Connection = field(init=False)
    _waiting: queue.SimpleQueue[_Write | _Closing] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread = field(init=False)
    _next_seq: int = 1
    _next_row: int = 1

    def open(self) -> None:
        """Open or make the file and start the writing thread.

        Raises Refused with words for a newer or damaged store.
        """
        try:
            self._writes = schema.connect(self.path)
        except sqlite3.Error as error:
            raise Refused(
                Code.INTERNAL, f"{self.path} cannot be opened as a store: {error}", "look at the disk and the folder's rights"
            ) from error
        try:
            self.id = schema.prepare(self._writes, self.path)
            self._reads = schema.connect(self.path)
            (last_seq,) = self._writes.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
            (last_row,) = self._writes.execute("SELECT coalesce(max(row), 0) FROM jobs").fetchone()
        except BaseException:
            self._writes.close()
            raise
        self.path.chmod(0o600)
        self.head, self._next_seq, self._next_row = last_seq, last_seq + 1, last_row + 1
        self._lay_ballast()
        self._thread = threading.Thread(target=self._write_until_closed, name="store")
        self._thread.start()

    def close(self) -> None:
        """Finish what was submitted, then close."""
        self._waiting.put(_Closing())
        self._thread.join()
        self._reads.close()
        self._writes.close()

    def submit(self, write: _Write) -> None:
        """Hand over a write; its `done` is called on the loop once it is durable."""
        self._waiting.put(write)

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one query to its end, so that no read transaction stays open and the WAL can be checkpointed."""
        return self._reads.execute(sql, parameters).fetchall()

    # On the writing thread.

    def _write_until_closed(self) -> None:
        while True:
            group, closing = self._take_all()
            if group:
                self._commit(group)
                self.wake(lambda group=group: self._tell(group))  # type: ignore[misc] # reason: a default binds the loop's variable
            if closing:
                return

    def _take_all(self) -> tuple[list[_Write], bool]:
        group: list[_Write] = []
        item = self._waiting.get()
        while not isinstance(item, _Closing):
            group.append(item)
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: Sequence[_Write]) -> None:
        """Commit all; what can be refused is refused when there is no room, the rest is tried until it is written."""
        while True:
            seq, row = self._next_seq, self._next_row
            try:
                self._writes.execute("BEGIN IMMEDIATE")
                for write in group:
                    if isinstance(write, ChangeJobs):
                        self._change(write)
                    elif not isinstance(write.result, Refused):
                        self._add(write)
                self._writes.execute("COMMIT")
            except sqlite3.Error as error:
                self._next_seq, self._next_row = seq, row
                with contextlib.suppress(sqlite3.Error):
                    self._writes.execute("ROLLBACK")
                self._give_way(group, error)
            else:
                return

    def _give_way(self, group: Sequence[_Write], error: sqlite3.Error) -> None:
        _log.error("store: commit failed: %s", error)
        refused = Refused(
            Code.RESOURCE_EXHAUSTED, f"the worker cannot record new jobs: {error}", "make room on the disk of its state folder"
        )
        fresh = [write for write in group if isinstance(write, AddJobs) and not isinstance(write.result, Refused)]
        for write in fresh:
            write.result = refused
        if fresh or self._drop_ballast():
            return
        # Nothing tells when a disk has room again.
        threading.Event().wait(_RETRY_SECONDS)

    def _add(self, write: AddJobs) -> None:
        execute = self._writes.execute
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
        first_seq = self._next_seq
        if len(known) < len(rows):
            proof = self._add_proof(write.proof)
            batch = self._add_batch(write.jobs[0].key.owner, write.batch) if write.batch else None
            for position, job in enumerate(write.jobs):
                if rows[position]:
                    continue
                rows[position] = self._next_row
                self._next_row += 1
                execute(
                    "INSERT INTO jobs (row, owner, id, digest, state, name, batch, proof, spec, queued_at)"
                    " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
                    (rows[position], *job.key, job.digest, job.name, batch, proof, job.spec, job.queued_at_us),
                )
                self._add_event(job.event)
        write.result = Added(rows, frozenset(known), first_seq)

    def _add_proof(self, envelope: bytes) -> int:
        return int(self._writes.execute("INSERT INTO proofs (envelope) VALUES (?)", (envelope,)).lastrowid or 0)

    def _add_batch(self, owner: bytes, batch: BatchRun) -> int:
        self._writes.execute(
            "INSERT OR IGNORE INTO batches (owner, id, name, parallel) VALUES (?, ?, ?, ?)", (owner, batch.id, batch.name, batch.parallel)
        )
        (row,) = self._writes.execute("SELECT row FROM batches WHERE owner = ? AND id = ?", (owner, batch.id)).fetchone()
        return int(row)

    def _add_event(self, event: EventRow) -> None:
        self._writes.execute("INSERT INTO events (seq, owner, event) VALUES (?, ?, ?)", (self._next_seq, event.owner, event.event))
        self._next_seq += 1

    def _change(self, write: ChangeJobs) -> None:
        write.first_seq = self._next_seq
        for change in write.changes:
            stop_proof = self._add_proof(change.stop_proof) if change.stop_proof is not None else None
            self._writes.execute(
                "UPDATE jobs SET state = ?, pid = ?, started_at = ?, ended_at = ?, outcome = ?, stop = coalesce(?, stop),"
                " stop_proof = coalesce(?, stop_proof) WHERE row = ?",
                (
                    change.state,
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

    def _ballast(self) -> Path:
        return self.path.with_name("ballast")

    def _lay_ballast(self) -> None:
        """Reserve room; without it all goes on, only a full disk is felt earlier."""
        try:
            descriptor = os.open(self._ballast(), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _log.warning("store: no ballast file: %s", error)
            return
        try:
            os.posix_fallocate(descriptor, 0, _BALLAST_BYTES)
        except OSError as error:
            _log.warning("store: no ballast file: %s", error)
        finally:
            os.close(descriptor)

    def _drop_ballast(self) -> bool:
        try:
            self._ballast().unlink()
        except FileNotFoundError:
            return False
        return True

    # On the loop.

    def _tell(self, group: Sequence[_Write]) -> None:
        for write in group:
            if isinstance(write, ChangeJobs):
                self.head = max(self.head, write.first_seq + sum(len(change.events) for change in write.changes) - 1)
                write.done(write.first_seq)
            elif write.result is not None:
                if isinstance(write.result, Added):
                    self.head = max(self.head, write.result.first_seq + len(write.jobs) - len(write.result.known) - 1)
                write.done(write.result)

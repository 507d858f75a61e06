"""The statements that execute writes, inside the caller's transaction. Knows rows, not their meaning, and nothing about commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ....schemas.refusal import Refused
from ...jobs.job import BatchRun
from ...jobs.targets import Edge
from ...writes.growth import Growth
from ...writes.jobs import (
    Added,
    AddJobs,
    CarryOut,
    ChangeJobs,
    Conflict,
    Drained,
    DropJobs,
    EventRow,
    FolderMeasured,
    LogsGone,
    NewFinish,
    NewRow,
    RecordHashes,
    Settled,
    Write,
)
from ...writes.schedules import AddSchedule, ChangeSchedule
from ...writes.staged import CommitRun, Committed, DropPart, DropTemplate, StagePart, StartRun
from . import changed_rows, edges, ended_rows, envelopes, hash_rows, new_rows, schedule_rows
from .batches import runs, staged_rows, template_rows
from .fleet import growth_rows, relays
from .tombstones import mark_of

_Thing = TypeVar("_Thing")
# Jobs: some 25 us for each that is new, and 10 for each that is changed. So many labels, files or conditions of a new one take as long as
# a job, and so many bytes.
MOST_A_STEP = 100
_ROWS_OF_ONE = 4
_BYTES_OF_ONE = 8 * 1024
# Always returns one row: row and digest of the job if it exists, and whether its id belongs to a job that was forgotten.
_FIND = "SELECT row, digest, EXISTS (SELECT 1 FROM tombstones WHERE mark = ?) FROM (SELECT 1) LEFT JOIN jobs ON owner = ? AND id = ?"


def jobs_in(write: Write) -> int:
    """Return how many jobs a write contains, which determines about how long it takes."""
    if isinstance(write, ChangeJobs):
        return len(write.changes)
    if isinstance(write, AddJobs):
        # One job alone that waits for none is one step, unless it is large.
        jobs = sum(map(_weight, write.jobs)) if len(write.jobs) > 1 or write.waits else 1
        return jobs + len(write.proof) // _BYTES_OF_ONE
    if isinstance(write, StagePart):
        return len(write.jobs) + len(write.content) // _BYTES_OF_ONE
    # How many bytes the jobs have is not known before.
    return MOST_A_STEP + 1 if isinstance(write, DropJobs) else 1


def _weight(job: NewRow) -> int:
    """Return how many jobs without labels, files and conditions take as long as this one."""
    return 1 + (len(job.labels) + len(job.files) + len(job.after)) // _ROWS_OF_ONE + len(job.spec) // _BYTES_OF_ONE


def _parts(things: Sequence[_Thing], weight: Callable[[_Thing], int] = lambda _: 1) -> Iterable[Sequence[_Thing]]:
    """Return parts that are executed in one step each."""
    # As a rule it is one job, whose sender waits.
    return (things,) if len(things) == 1 else _several_parts(things, weight)


def _several_parts(things: Sequence[_Thing], weight: Callable[[_Thing], int]) -> Iterator[Sequence[_Thing]]:
    first = 0
    total = 0
    for position, thing in enumerate(things):
        total += weight(thing)
        if total > MOST_A_STEP and position > first:
            yield things[first:position]
            first, total = position, weight(thing)
    if things:
        yield things[first:]


class Rows:
    """The writing side of one connection. Assigns the numbers of rows and events, so that they need not be read back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._execute_many = connection.executemany
        (last_seq,) = self._execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        (last_row,) = self._execute("SELECT coalesce(max(row), 0) FROM jobs").fetchone()
        first_seq, last_dropped = self._execute("SELECT first_seq, last_row FROM kept").fetchone()
        # Whether jobs wait for others, or did: otherwise nothing has to be looked up when one is removed.
        (self._has_edges,) = self._execute("SELECT EXISTS (SELECT 1 FROM edges)").fetchone()
        # Whether runs are staged, or were: otherwise a start has nothing to look for there.
        (self._has_staged,) = self._execute("SELECT EXISTS (SELECT 1 FROM staged_runs)").fetchone()
        self.next_seq = max(int(last_seq) + 1, first_seq)
        self.next_row = max(int(last_row), last_dropped) + 1

    def apply(self, write: Write) -> None:
        """Execute one write at once, as `steps` does."""
        for _ in self.steps(write):
            pass

    def steps(self, write: Write) -> Iterator[None]:
        """Execute one write in steps of some milliseconds; its result or first seq is filled in. Nothing may be executed in between.

        Raises sqlite3.Error.
        """
        match write:
            case ChangeJobs():
                yield from self._change(write)
            case AddJobs():
                yield from self._add(write)
            case StagePart():
                self._has_staged = True
                yield from staged_rows.stage(self._connection, write)
            case DropJobs():
                yield from ended_rows.drop(self._execute, write, has_edges=self._has_edges)
            case _:
                self._apply(write)

    def _apply(self, write: Write) -> None:  # noqa: C901, PLR0912 -- a case for each write
        match write:
            case ChangeJobs() | AddJobs() | StagePart() | DropJobs():
                # In steps.
                pass
            case AddSchedule():
                schedule_rows.add(self._execute, write)
            case ChangeSchedule():
                schedule_rows.change(self._execute, write)
            case CommitRun() | DropPart():
                self._stage(write)
            case StartRun():
                self._start_run(write)
            case DropTemplate():
                template_rows.drop(self._execute, write)
            case LogsGone():
                for key in write.keys:
                    self._execute("DELETE FROM leftovers WHERE owner = ? AND id = ? AND attempt = ?", key)
                    self._execute("DELETE FROM leftover_machines WHERE owner = ? AND id = ? AND attempt = ?", key)
            case FolderMeasured():
                ended_rows.measure(self._execute, write)
            case Settled():
                relays.settle(self._execute, write.relay, write.names)
            case RecordHashes():
                hash_rows.record(self._execute, write)
            case CarryOut():
                write.is_new = relays.carry_out(self._execute, write)
            case Growth():
                growth_rows.record(self._execute, write)
            case Drained():
                self._execute("INSERT OR REPLACE INTO workers (key, drained) VALUES (?, ?)", (write.worker, write.drained))

    def _stage(self, write: CommitRun | DropPart) -> None:
        if isinstance(write, DropPart):
            staged_rows.drop_part(self._execute, write)
        else:
            staged_rows.commit(self._execute, write, self.next_row - 1, runs.jobs_of(self._execute, write.owner, write.batch.id))
            if isinstance(write.result, Committed) and not write.result.is_known:
                # Found from now on, with the jobs that are in the queue so far.
                proof = staged_rows.proof_of(self._execute, write.result.row)
                runs.add_jobs(self._execute, write.owner, write.batch, 0, write.queued_at_us, proof)

    def _start_run(self, write: StartRun) -> None:
        self._has_staged = True
        template_rows.start(self._execute, write, self.next_row - 1)
        if isinstance(write.result, Committed):
            if not write.result.is_known:
                proof = staged_rows.proof_of(self._execute, write.result.row)
                runs.add_jobs(self._execute, write.owner, write.batch, 0, write.queued_at_us, proof)
            schedule_rows.record(self._execute, write.fired)

    def _add(self, write: AddJobs) -> Iterator[None]:  # noqa: C901 -- a test for each thing that most jobs do not have, and no call for it
        found = yield from self._find_in_steps(write)
        if isinstance(found, Conflict):
            write.result = found
            return
        rows, known = found
        first_seq = self.next_seq
        run: BatchRun | None = None
        waiting: Mapping[int, Sequence[Edge]] = {}
        if len(known) < len(rows):
            if refused := write.shortage or (self._closed(write) if self._has_staged else None) or self._other_run(write):
                write.result = refused
                return
            fresh = [position for position, row in enumerate(rows) if not row]
            targets = (yield from self._targets(write, fresh)) if write.waits else None
            if isinstance(targets, Refused):
                write.result = targets
                return
            proof = yield from self._add_proof(write, len(fresh))
            batch, run = self._add_to_run(write, known, write.batch, proof.row) if write.batch else (None, None)
            for part in _parts(fresh, lambda position: _weight(write.jobs[position])):
                if part[0] != fresh[0]:
                    yield
                for position in part:
                    rows[position] = self.next_row
                    self.next_row += 1
                added = [(rows[position], write.jobs[position]) for position in part]
                new_rows.insert(self._connection, added, batch, proof)
                yield from new_rows.fill_large(self._connection, added)
                self._add_events([write.jobs[position].event for position in part])
            if targets is not None:
                waiting = yield from edges.add(
                    self._connection, write.jobs, rows, fresh, targets, write.batch.id if write.queued and write.batch else b""
                )
        if write.queued is not None:
            staged_rows.record(self._connection, write)
        write.result = Added(rows, frozenset(known), first_seq, run, waiting)
        if write.fired is not None:
            schedule_rows.record(self._execute, write.fired)
        if write.origin is not None:
            relays.record(self._execute, write.origin, write.result)

    def _add_proof(self, write: AddJobs, fresh: int) -> Generator[None, None, new_rows.Proof]:
        if write.queued is not None:
            return new_rows.Proof(write.queued.proof, write.queued.proof_bytes, 1)
        # With it a run may end with a job that has the same one.
        ends_with = write.batch is not None and write.batch.on_finish
        row = yield from envelopes.add_in_steps(self._connection, write.proof)
        return new_rows.Proof(row, len(write.proof) // fresh, 1 if fresh > 1 or ends_with else None)

    def _closed(self, write: AddJobs) -> Refused | None:
        """Return why a run accepts no further jobs; None if it does."""
        if write.batch is None or write.queued is not None:
            return None
        is_closed = staged_rows.is_closed(self._execute, write.jobs[0].key.owner, write.batch.id)
        return staged_rows.closed(write.batch.id) if is_closed else None

    def _other_run(self, write: AddJobs) -> Refused | None:
        """Return why these are not all jobs of their run, as required; None if they are."""
        if write.batch is None or not write.batch.is_whole:
            return None
        owner = write.jobs[0].key.owner
        return staged_rows.other(write.batch.id) if runs.jobs_of(self._execute, owner, write.batch.id) else None

    def _targets(self, write: AddJobs, fresh: Sequence[int]) -> Generator[None, None, edges.Targets | Refused]:
        """Return the targets of new jobs, some of which have conditions."""
        self._has_edges = True
        groups_upto = write.queued.groups_upto if write.queued is not None else None
        return (yield from edges.targets_of(self._execute, write.jobs, fresh, write.batch.id if write.batch else b"", groups_upto))

    def _find_in_steps(self, write: AddJobs) -> Generator[None, None, tuple[list[int], set[int]] | Conflict]:
        """Return the result of `_find` or `_find_known`, in steps."""
        rows: list[int] = []
        known: set[int] = set()
        for part in _parts(write.jobs):
            if rows:
                yield
            found = self._find(part) if write.queued is None else self._find_known(part)
            if isinstance(found, Conflict):
                return found._replace(position=found.position + len(rows))
            known |= {position + len(rows) for position in found[1]}
            rows += found[0]
        return rows, known

    def _find(self, jobs: Sequence[NewRow]) -> tuple[list[int], set[int]] | Conflict:
        """Return the rows of these jobs, 0 for new ones, and the positions of the known ones."""
        rows: list[int] = []
        known: set[int] = set()
        for position, job in enumerate(jobs):
            row, digest, forgotten = self._execute(_FIND, (mark_of(job.key), *job.key)).fetchone()
            if row is None and forgotten:
                return Conflict(position, forgotten=True)
            if row is None:
                if self._has_staged and staged_rows.digest_of(self._execute, job.key) not in {None, job.digest}:
                    return Conflict(position)
                rows.append(0)
            elif digest == job.digest:
                rows.append(row)
                known.add(position)
            else:
                return Conflict(position)
        return rows, known

    def _find_known(self, jobs: Sequence[NewRow]) -> tuple[list[int], set[int]]:
        """Return the same for a slice of a committed run, which is never refused: a forgotten job has a row below 0."""
        rows: list[int] = []
        known: set[int] = set()
        for position, job in enumerate(jobs):
            row, _, forgotten = self._execute(_FIND, (mark_of(job.key), *job.key)).fetchone()
            rows.append(row or -forgotten)
            if rows[-1]:
                known.add(position)
        return rows, known

    def _add_to_run(self, write: AddJobs, known: Container[int], batch: BatchRun, proof: int) -> tuple[int, BatchRun]:
        fresh = [job for position, job in enumerate(write.jobs) if position not in known]
        return runs.add_jobs(self._execute, fresh[0].key.owner, batch, len(fresh), fresh[0].queued_at_us, proof)

    def _add_events(self, events: Sequence[EventRow]) -> None:
        rows = [(seq, event.owner, event.event, event.aged_from_us) for seq, event in enumerate(events, self.next_seq)]
        self._execute_many("INSERT INTO events (seq, owner, event, aged_from) VALUES (?, ?, ?, ?)", rows)
        self.next_seq += len(rows)

    def _change(self, write: ChangeJobs) -> Iterator[None]:
        write.first_seq = self.next_seq
        events = changed_rows.record(self._connection, write)
        if len(events) > MOST_A_STEP:
            yield
        self._add_events(events)
        for finish in write.finishes:
            self._add_finish(finish)
        write.last_seq = self.next_seq - 1

    def _add_finish(self, finish: NewFinish) -> None:
        """Add the `on_finish` job of a run, in the commit of its last end; never twice, even if that job is forgotten."""
        job = finish.job
        self._execute("UPDATE batches SET is_finished = 1 WHERE owner = ? AND id = ?", finish.run)
        found = self._find([job])
        if isinstance(found, Conflict) or found[1]:
            return
        batch = self._execute("SELECT row, finish_proof FROM batches WHERE owner = ? AND id = ?", finish.run).fetchone()
        if batch is None:
            # All of its jobs were forgotten meanwhile, and nobody knows the run any more.
            return
        run, proof = batch
        finish.job_row, self.next_row = self.next_row, self.next_row + 1
        # It has the proof of its run.
        new_rows.insert(self._connection, [(finish.job_row, job)], run, new_rows.Proof(proof, 0, 1), is_finish=True)
        for _ in new_rows.fill_large(self._connection, [(finish.job_row, job)]):
            pass
        self._add_events([job.event])

"""The statements that execute writes, inside the caller's transaction. Knows rows, not their meaning, and nothing about commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping, Sequence

from ....schemas.jobs.states import State
from ....schemas.naming import AttemptKey, JobKey
from ....schemas.refusal import Refused
from ...desk.jobs.job import BatchRun, RunKey
from ...desk.jobs.targets import Edge
from ..growth_writes import Growth
from ..schedule_writes import AddSchedule, ChangeSchedule
from ..staged_writes import CommitRun, Committed, DropPart, DropTemplate, StagePart, StartRun
from ..writes import (
    Added,
    AddJobs,
    CapacityChange,
    CarryOut,
    Change,
    ChangeJobs,
    Conflict,
    Drained,
    DropJobs,
    Dropped,
    EventRow,
    FolderMeasured,
    LogsGone,
    NewFinish,
    NewRow,
    RecordHashes,
    Settled,
    Width,
    Write,
)
from . import edges, growth_rows, hash_rows, relays, runs, schedule_rows, staged_rows, template_rows
from .tombstones import mark_of

# Always returns one row: row and digest of the job if it exists, and whether its id belongs to a job that was forgotten.
_FIND = "SELECT row, digest, EXISTS (SELECT 1 FROM tombstones WHERE mark = ?3) FROM (SELECT 1) LEFT JOIN jobs ON owner = ?1 AND id = ?2"
_INSERT_JOB = (
    "INSERT INTO jobs (row, owner, id, digest, state, name, batch, proof, spec, launched, attempt, queued_at, store_bytes, rerun_of,"
    " priority, held_by, folder_bytes, shares_proof, never_retried, wait_until, started_by, depth, is_finish, cleans_up,"
    " expires)"
    " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# Each sets no column that stays as it is: that would write the pages of its indexes again. Of a job that goes on; of one that ends, with
# its start, or without it if that is recorded already; and the order to stop it.
_GO_ON = "UPDATE jobs SET state = ?, launched = ?, attempt = ?, pid = ?, started_at = ?, aged_from = ? WHERE row = ?"
_END = "UPDATE jobs SET state = ?, launched = ?, attempt = ?, ended_at = ?, aged_from = ?, outcome = ?, log_bytes = ?, ok = ?"
_END_STARTED = f"{_END} WHERE row = ?"
_END_WITH_START = f"{_END}, pid = ?, started_at = ? WHERE row = ?"
_STOP_JOB = "UPDATE jobs SET stop = coalesce(?, stop), stop_proof = coalesce(?, stop_proof), store_bytes = store_bytes + ? WHERE row = ?"
# It changes no column that an index contains, so it costs a third of one that does.
_LAUNCH_JOB = "UPDATE jobs SET launched = 1 WHERE row = ?"
_COUNT_ENDED = (
    "UPDATE kept SET ended = ended + 1, log_bytes = log_bytes + ?, store_bytes = store_bytes + (SELECT store_bytes FROM jobs WHERE row = ?)"
)
_INSERT_ATTEMPT = "INSERT INTO attempts (job, n, pid, started_at, ended_at, outcome, log_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)"
_HAND_OUT = "UPDATE jobs SET gpus = ? WHERE row = ?"
_FREE = "DELETE FROM placements WHERE job = ? AND n = ?"
_PLACE = "INSERT OR REPLACE INTO placements (job, n, machine) VALUES (?, ?, ?)"
_AWAIT_HASHES = "INSERT OR IGNORE INTO unhashed (job, n) VALUES (?, ?)"
# A spec may have the same label twice.
_INSERT_LABEL = "INSERT OR IGNORE INTO labels (name, value, queued_at, job) VALUES (?, ?, ?, ?)"
# A job may bring one content in several places.
_INSERT_FILE = "INSERT OR IGNORE INTO files (owner, digest, job) VALUES (?, ?, ?)"
# SQLite allows many more in one statement.
_ROWS_A_QUESTION = 100


def _row_of(
    row: int, job: NewRow, batch: int | None, proof: int, store_bytes: int, shares_proof: int | None, *, is_finish: bool = False
) -> tuple[object, ...]:
    """Return the parameters of `_INSERT_JOB`."""
    return (
        row,
        *job.key,
        job.digest,
        job.name,
        batch,
        proof,
        job.spec,
        job.launched,
        job.attempt,
        job.queued_at_us,
        store_bytes,
        b"".join(job.rerun_of) if job.rerun_of else None,
        job.priority,
        job.held_by,
        None if job.has_folder else 0,
        shares_proof,
        job.never_retried,
        job.starts_aged_us,
        job.started_by or None,
        job.depth,
        1 if is_finish else None,
        1 if job.cleans_up else None,
        job.expires_aged_us,
    )


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

    def apply(self, write: Write) -> None:  # noqa: C901, PLR0912 -- a case for each write
        """Execute one write; its result or first seq is filled in.

        Raises sqlite3.Error.
        """
        match write:
            case ChangeJobs():
                self._change(write)
            case AddJobs():
                self._add(write)
                if isinstance(write.result, Added):
                    if write.fired is not None:
                        schedule_rows.record(self._execute, write.fired)
                    if write.origin is not None:
                        relays.record(self._execute, write.origin, write.result)
            case DropJobs():
                self._drop(write)
            case AddSchedule():
                schedule_rows.add(self._execute, write)
            case ChangeSchedule():
                schedule_rows.change(self._execute, write)
            case StagePart() | CommitRun() | DropPart():
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
                self._measure(write)
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

    def _stage(self, write: StagePart | CommitRun | DropPart) -> None:
        if isinstance(write, StagePart):
            self._has_staged = True
            staged_rows.stage(self._connection, write)
        elif isinstance(write, DropPart):
            staged_rows.drop_part(self._execute, write)
        else:
            staged_rows.commit(self._execute, write, self._add_proof, self.next_row - 1)
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

    def _add(self, write: AddJobs) -> None:  # noqa: C901 -- a test for each thing that most jobs do not have, and no call for it
        found = self._find(write.jobs) if write.queued is None else self._find_known(write.jobs)
        if isinstance(found, Conflict):
            write.result = found
            return
        rows, known = found
        first_seq = self.next_seq
        run: BatchRun | None = None
        waiting: Mapping[int, Sequence[Edge]] = {}
        if len(known) < len(rows):
            if refused := write.shortage or (self._closed(write) if self._has_staged else None):
                write.result = refused
                return
            fresh = [position for position, row in enumerate(rows) if not row]
            targets = self._targets(write, fresh) if write.waits else None
            if isinstance(targets, Refused):
                write.result = targets
                return
            proof, proof_bytes, shares_proof = self._proof_of(write, len(fresh))
            batch, run = self._add_to_run(write, known, write.batch, proof) if write.batch else (None, None)
            added: list[tuple[object, ...]] = []
            events: list[EventRow] = []
            labels: list[tuple[object, ...]] = []
            files: list[tuple[object, ...]] = []
            for position, job in enumerate(write.jobs):
                if rows[position]:
                    continue
                rows[position] = self.next_row
                self.next_row += 1
                store_bytes = len(job.spec) + proof_bytes
                if job.labels:
                    labels += [(*label, job.queued_at_us, rows[position]) for label in job.labels]
                for file in job.files:
                    store_bytes += file.size
                    files.append((job.key.owner, file.digest, rows[position]))
                added.append(_row_of(rows[position], job, batch, proof, store_bytes, shares_proof))
                events.append(job.event)
            self._execute_many(_INSERT_JOB, added)
            if labels:
                self._execute_many(_INSERT_LABEL, labels)
            if files:
                self._execute_many(_INSERT_FILE, files)
            self._add_events(events)
            if targets is not None:
                waiting = edges.add(
                    self._connection, write.jobs, rows, fresh, targets, write.batch.id if write.queued and write.batch else b""
                )
        if write.queued is not None:
            staged_rows.record(self._connection, write)
        write.result = Added(rows, frozenset(known), first_seq, run, waiting)

    def _proof_of(self, write: AddJobs, fresh: int) -> tuple[int, int, int | None]:
        """Return the row of the proof of new jobs, what each one's share of it takes, and whether they share it."""
        if write.queued is not None:
            return write.queued.proof, write.queued.proof_bytes, 1
        # With it a run may end with a job that has the same one.
        ends_with = write.batch is not None and write.batch.on_finish
        return self._add_proof(write.proof), len(write.proof) // fresh, 1 if fresh > 1 or ends_with else None

    def _closed(self, write: AddJobs) -> Refused | None:
        """Return why a run takes no further jobs; None if it does."""
        if write.batch is None or write.queued is not None:
            return None
        is_closed = staged_rows.is_closed(self._execute, write.jobs[0].key.owner, write.batch.id)
        return staged_rows.closed(write.batch.id) if is_closed else None

    def _targets(self, write: AddJobs, fresh: Sequence[int]) -> edges.Targets | Refused:
        """Return what new jobs wait for, of which some do."""
        self._has_edges = True
        groups_upto = write.queued.groups_upto if write.queued is not None else None
        return edges.targets_of(self._execute, write.jobs, fresh, write.batch.id if write.batch else b"", groups_upto)

    def _find(self, jobs: Sequence[NewRow]) -> tuple[list[int], set[int]] | Conflict:
        """Return the rows of these jobs, 0 for new ones, and the positions of those that are known."""
        rows: list[int] = []
        known: set[int] = set()
        for position, job in enumerate(jobs):
            row, digest, forgotten = self._execute(_FIND, (*job.key, mark_of(job.key))).fetchone()
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
        """Return the same for a slice of a committed run, which nothing can stop: a job that was forgotten has a row below 0."""
        rows: list[int] = []
        known: set[int] = set()
        for position, job in enumerate(jobs):
            row, _, forgotten = self._execute(_FIND, (*job.key, mark_of(job.key))).fetchone()
            rows.append(row or -forgotten)
            if rows[-1]:
                known.add(position)
        return rows, known

    def _add_to_run(self, write: AddJobs, known: Container[int], batch: BatchRun, proof: int) -> tuple[int, BatchRun]:
        fresh = [job for position, job in enumerate(write.jobs) if position not in known]
        return runs.add_jobs(self._execute, fresh[0].key.owner, batch, len(fresh), fresh[0].queued_at_us, proof)

    def _run_for_each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._execute_many(statement, rows)

    def _add_proof(self, envelope: bytes) -> int:
        return int(self._execute("INSERT INTO proofs (envelope) VALUES (?)", (envelope,)).lastrowid or 0)

    def _add_events(self, events: Sequence[EventRow]) -> None:
        rows = [(seq, event.owner, event.event, event.aged_from_us) for seq, event in enumerate(events, self.next_seq)]
        self._execute_many("INSERT INTO events (seq, owner, event, aged_from) VALUES (?, ?, ?, ?)", rows)
        self.next_seq += len(rows)

    def _launch(self, write: ChangeJobs) -> None:
        self._run_for_each(_LAUNCH_JOB, [(row,) for row in write.launched])
        self._run_for_each(_HAND_OUT, [(",".join(gpus), row) for row, gpus in write.handed_out])
        self._run_for_each(_FREE, write.freed)
        self._run_for_each(_PLACE, write.placed)

    def _change(self, write: ChangeJobs) -> None:  # noqa: C901, PLR0912 -- a test for each thing that most jobs do not have, and no call for it
        write.first_seq = self.next_seq
        if write.launched or write.freed:
            self._launch(write)
        # A stop of many jobs has one proof.
        proofs: dict[bytes, int] = {}
        going_on: list[tuple[object, ...]] = []
        ended_started: list[tuple[object, ...]] = []
        ended_with_start: list[tuple[object, ...]] = []
        stopped: list[tuple[object, ...]] = []
        events: list[EventRow] = []
        altered: list[Change] = []
        ended: list[Change] = []
        for change in write.changes:
            events += change.events
            if change.altered is not None:
                altered.append(change)
            if change.state == State.FINISHED:
                ended.append(change)
            if change.retried is not None:
                self._execute_many(_INSERT_ATTEMPT, [(change.row, *attempt) for attempt in change.retried.attempts])
                self._execute("UPDATE jobs SET not_before = ? WHERE row = ?", (change.retried.not_before_us, change.row))
            if change.stop is not None or change.stop_proof is not None:
                stopped.append(self._stopped(change, proofs, len(write.changes)))
            state, launched, attempt, started = change.state, change.launched, change.attempt, (change.pid, change.started_at_us)
            if change.ok is None:
                going_on.append((state, launched, attempt, *started, change.aged_from_us, change.row))
                continue
            end = (state, launched, attempt, change.ended_at_us, change.aged_from_us, change.outcome, change.log_bytes, change.ok)
            if change.is_start_recorded:
                ended_started.append((*end, change.row))
            else:
                ended_with_start.append((*end, *started, change.row))
        of_kinds = ((_GO_ON, going_on), (_END_STARTED, ended_started), (_END_WITH_START, ended_with_start), (_STOP_JOB, stopped))
        for statement, rows in of_kinds:
            if rows:
                self._execute_many(statement, rows)
        if write.unhashed:
            self._execute_many(_AWAIT_HASHES, write.unhashed)
        if altered:
            self._alter(altered)
        for width in write.widths:
            self._widen(width)
        for run, why in write.broken:
            self._execute("UPDATE batches SET broken_by = ? WHERE owner = ? AND id = ?", (why, *run))
        if write.capacity is not None:
            self._set_capacity(write.capacity)
        self._add_events(events)
        for finish in write.finishes:
            self._add_finish(finish)
        write.last_seq = self.next_seq - 1
        if ended:
            self._count_ended(ended)

    def _stopped(self, change: Change, proofs: dict[bytes, int], changes: int) -> tuple[object, ...]:
        """Return the parameters of `_STOP_JOB`; a stop of many jobs is recorded for all of them in one write, with one proof."""
        proof = change.stop_proof
        if proof is not None and proof not in proofs:
            proofs[proof] = self._add_proof(proof)
        row_of_proof, proof_bytes = (proofs[proof], len(proof) // changes) if proof is not None else (None, 0)
        return change.stop, row_of_proof, proof_bytes, change.row

    def _add_finish(self, finish: NewFinish) -> None:
        """Add what a run ends with, in the commit of its last end; not twice, whatever becomes of that job."""
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
        self._execute(_INSERT_JOB, _row_of(finish.job_row, job, run, proof, len(job.spec), 1, is_finish=True))
        self._run_for_each(_INSERT_LABEL, [(*label, job.queued_at_us, finish.job_row) for label in job.labels])
        self._add_events([job.event])

    def _alter(self, changes: Sequence[Change]) -> None:
        proofs: dict[bytes, int] = {}
        replaced: set[int] = set()
        for change in changes:
            if change.altered is None:
                continue
            priority, held_by, changed_limit_ms, proof = change.altered
            if proof not in proofs:
                proofs[proof] = self._add_proof(proof)
            ((*before,),) = self._execute("SELECT change_proof, limit_proof FROM jobs WHERE row = ?", (change.row,))
            replaced |= {*before} - {None}
            self._execute(
                "UPDATE jobs SET priority = ?1, held_by = ?2, time_limit = ?3, change_proof = ?4,"
                " limit_proof = CASE WHEN time_limit IS ?3 THEN limit_proof ELSE ?4 END WHERE row = ?5",
                (priority, held_by, changed_limit_ms, proofs[proof], change.row),
            )
        self._drop_unused(replaced)

    def _widen(self, width: Width) -> None:
        before = self._execute("SELECT change_proof FROM batches WHERE owner = ? AND id = ?", width.run).fetchone()
        proof = self._add_proof(width.proof)
        self._execute("UPDATE batches SET parallel = ?, change_proof = ? WHERE owner = ? AND id = ?", (width.parallel, proof, *width.run))
        self._drop_unused({before[0]} - {None} if before else {proof})

    def _set_capacity(self, change: CapacityChange) -> None:
        if change.reset:
            self._execute("DELETE FROM capacity")
        rows = [(name, value, change.proof) for name, value in change.rows]
        self._run_for_each("INSERT OR REPLACE INTO capacity (name, value, proof) VALUES (?, ?, ?)", rows)

    def _count_ended(self, ended: Sequence[Change]) -> None:
        for at in range(0, len(ended), _ROWS_A_QUESTION):
            part = ended[at : at + _ROWS_A_QUESTION]
            if len(part) == 1:
                (change,) = part
                self._execute(_COUNT_ENDED, (change.log_bytes, change.row))
                continue
            marks = ", ".join("?" * len(part))
            self._execute(
                "UPDATE kept SET ended = ended + ?, log_bytes = log_bytes + ?,"  # noqa: S608 -- marks only
                f" store_bytes = store_bytes + (SELECT sum(store_bytes) FROM jobs WHERE row IN ({marks}))",
                (len(part), sum(change.log_bytes for change in part), *(change.row for change in part)),
            )
        of_runs: dict[RunKey, list[Change]] = {}
        for change in ended:
            if change.run is not None:
                of_runs.setdefault(change.run, []).append(change)
        for run, changes in of_runs.items():
            runs.record_ends(self._execute, run, changes)

    def _measure(self, write: FolderMeasured) -> None:
        found = self._execute(
            "SELECT row, coalesce(folder_bytes, 0) FROM jobs WHERE owner = ? AND id = ? AND state = 4", write.key
        ).fetchone()
        if found is not None:
            row, before = found
            more = write.size_bytes - before
            self._execute("UPDATE jobs SET folder_bytes = ?, store_bytes = store_bytes + ? WHERE row = ?", (write.size_bytes, more, row))
            self._execute("UPDATE kept SET store_bytes = store_bytes + ?", (more,))

    def _drop(self, write: DropJobs) -> None:
        execute = self._execute
        dropped: list[Dropped] = []
        proofs: set[int] = set()
        batches: dict[int, list[int]] = {}
        last_row = store_bytes = 0
        for key in write.keys:
            found = execute(
                "SELECT row, store_bytes, attempt, pid, started_at, ended_at, log_bytes, proof, stop_proof, change_proof,"
                " limit_proof, batch, ok, is_finish FROM jobs WHERE owner = ? AND id = ? AND state = 4",
                key,
            ).fetchone()
            if found is None:
                continue
            row, its_bytes, attempt, pid, started_at, ended_at, log_bytes, *uses, batch, ok, is_finish = found
            if self._has_edges:
                edges.forget(execute, row, None if is_finish else batch)
            store_bytes += its_bytes
            execute("DELETE FROM jobs WHERE row = ?", (row,))
            execute("DELETE FROM labels WHERE job = ?", (row,))
            execute("DELETE FROM files WHERE job = ?", (row,))
            relays.drop(execute, row)
            hash_rows.drop(execute, row)
            last_row = max(last_row, row)
            proofs.update(use for use in uses if use is not None)
            if batch is not None:
                batches.setdefault(batch, []).extend([] if is_finish else [ok or 0])
            earlier = self._drop_attempts(key, row) if attempt > 1 else []
            dropped.append(Dropped(AttemptKey(*key, attempt), pid, started_at, ended_at, log_bytes, earlier))
            execute("INSERT OR IGNORE INTO tombstones (mark) VALUES (?)", (mark_of(key),))
            for attempt_key, *run in (*earlier, (AttemptKey(*key, attempt), pid, started_at, ended_at)):
                if run[1]:
                    execute(
                        "INSERT OR REPLACE INTO leftovers (owner, id, attempt, pid, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?)",
                        (*attempt_key, *run),
                    )
            self._drop_placed(key, row)
        for batch, oks in batches.items():
            proofs |= runs.drop_jobs(execute, batch, oks)
        self._drop_unused(proofs)
        if dropped:
            execute(
                "UPDATE kept SET ended = ended - ?, log_bytes = log_bytes - ?, store_bytes = store_bytes - ?, last_row = max(last_row, ?)",
                (len(dropped), sum(one.log_bytes for one in dropped), store_bytes, last_row),
            )
        if write.events_upto:
            execute("DELETE FROM events WHERE seq <= ?", (write.events_upto,))
            execute("UPDATE kept SET first_seq = max(first_seq, ?)", (write.events_upto + 1,))
        write.result = dropped

    def _drop_placed(self, key: JobKey, row: int) -> None:
        """Delete where attempts were placed; of those that left logs, that is kept until these are gone."""
        self._execute(
            "INSERT OR REPLACE INTO leftover_machines SELECT owner, id, attempt, machine FROM leftovers"
            " JOIN placements ON placements.n = leftovers.attempt WHERE owner = ? AND id = ? AND placements.job = ?",
            (*key, row),
        )
        self._execute("DELETE FROM placements WHERE job = ?", (row,))

    def _drop_attempts(self, key: JobKey, row: int) -> list[tuple[AttemptKey, int, int, int]]:
        """Delete the attempts before the last one; return the runs that they were."""
        found = self._execute("SELECT n, pid, started_at, ended_at FROM attempts WHERE job = ? ORDER BY n", (row,)).fetchall()
        self._execute("DELETE FROM attempts WHERE job = ?", (row,))
        return [(AttemptKey(*key, attempt), *run) for attempt, *run in found]

    def _drop_unused(self, proofs: Iterable[int]) -> None:
        for proof in proofs:
            self._execute(
                "DELETE FROM proofs WHERE row = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE proof = ?1 AND shares_proof IS NOT NULL)"
                " AND NOT EXISTS (SELECT 1 FROM jobs WHERE stop_proof = ?1) AND NOT EXISTS (SELECT 1 FROM jobs WHERE change_proof = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM jobs WHERE limit_proof = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM batches WHERE change_proof = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM batches WHERE finish_proof = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM staged_runs WHERE proof = ?1)",
                (proof,),
            )

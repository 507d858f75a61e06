"""The desk's database: writes in group commits, reads in short transactions.

A completed write is on disk (WAL, synchronous FULL). Statements run on the desk's loop, where they only change SQLite's memory;
the commit, which waits for the disk, runs on its own thread, and everything submitted meanwhile goes into the next one. Statements
on the thread would be slower: each releases the interpreter's lock and has to wait for it again. Those of large writes are executed in
several turns of the loop. Results arrive in the order of submission.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...schemas import fault_points
from ...schemas.refusal import Code, Reason, Refused
from ..own_process.threads import no_thread
from ..writes.jobs import Added, AddJobs, ChangeJobs, DropJobs, Write
from ..writes.schedules import AddSchedule
from ..writes.staged import CommitRun, StagePart, StartRun
from . import tables
from .ballast import Ballast, make_room
from .commit_times import CommitTimes
from .repair.soundness import is_damage, size_limit, unusable
from .rows.statements import MOST_A_STEP, Rows, jobs_in

# Values from SQLite have no static type; schema_steps.py defines the columns.
Row = tuple[Any, ...]

_log = logging.getLogger(__name__)

_DONE = object()
_RETRY_SECONDS = 1.0
_HAND_OVER_SECONDS = 0.001
# Of a job that starts then, one takes some 0.2 ms.
_REPORTS_A_TURN = 16
# Somebody waits for the result of these; all other writes are tried until they succeed.
_REFUSABLE = (AddJobs, DropJobs, AddSchedule, StagePart, CommitRun, StartRun)


def _nobody_waits() -> None:
    pass


def _nobody_asks(why: str) -> None:
    del why


class _Submitted(NamedTuple):
    """A write, the function to call when it has succeeded or was refused, and the one to call when it is delayed."""

    write: Write
    done: Callable[[], None]
    delayed: Callable[[str], None]


class Store:
    """One state.db, opened at once. `reported` is called after the `done` of every write of a commit was called.

    Raises Refused, with a message, for a store that is newer, damaged, or cannot be read or written.
    """

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, reported: Callable[[], None]) -> None:
        self._loop = loop
        self._waiting: list[_Submitted] = []
        # What the thread is committing, or is to commit when the statements of large writes were executed: those that are left.
        self._committing: Sequence[_Submitted] = []
        self._left: Iterator[None] | None = None
        self._is_closed = False
        # What is durable or refused, and not reported yet, in its order.
        self._unreported: deque[_Submitted] = deque()
        self._retry: asyncio.TimerHandle | None = None
        # The disk is full: each write has its own commit, so that one that does not fit does not affect others.
        self._one_by_one = False
        self._reported = reported
        make_room(path)
        try:
            self._writes = tables.connect(path)
            self._most_pages = tables.most_pages()
        except (sqlite3.Error, OSError) as error:
            raise unusable(path, error) from error
        try:
            self.id = tables.prepare(self._writes, path)
            self._rows = Rows(self._writes)
            self._reads = tables.connect(path)
        except BaseException as error:
            self._writes.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise unusable(path, error) from error
            raise
        self.head = self._rows.next_seq - 1
        self._commit_times = CommitTimes()
        self._commit_seconds = 0.0
        self._ballast = Ballast(path)
        self._commits: queue.SimpleQueue[Sequence[_Submitted] | None] = queue.SimpleQueue()
        # Locked from when the thread is told to commit until it begins.
        self._hand_over = threading.Lock()
        # Why the last commit failed, if it did; read when the thread has written to this descriptor, which costs the loop less than
        # `call_soon_threadsafe`.
        self._failed: sqlite3.Error | None = None
        self._finished = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.add_reader(self._finished, self._commit_finished)
        # `close` waits for it. If the loop has ended by a bug, the process must not stay for it, with the lock of its state folder.
        self._thread = threading.Thread(target=self._commit_in_thread, name="store", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise no_thread(error) from error

    def close(self) -> None:
        """Write what was submitted, then close; no `done` is called any more, and later submissions are not written."""
        self._is_closed = True
        self._commits.put(None)
        self._thread.join()
        self._loop.remove_reader(self._finished)
        os.close(self._finished)
        if self._retry is not None:
            self._retry.cancel()
        with contextlib.suppress(sqlite3.Error):
            if self._waiting or self._left is not None:
                for _ in self._left or ():
                    pass
                self._apply(self._waiting)
                self._writes.execute("COMMIT")
        self._left = None
        self._waiting.clear()
        self._unreported.clear()
        self._committing = []
        self._reads.close()
        self._writes.close()

    def submit(self, write: Write, done: Callable[[], None] = _nobody_waits, delayed: Callable[[str], None] = _nobody_asks) -> None:
        """Submit a write; `done` is called once it is durable or was refused. The result is in the write.

        `delayed` gets the reason each time the write fails and will be tried again.
        """
        if self._is_closed:
            return
        self._waiting.append(_Submitted(write, done, delayed))
        # Begin at once: what is submitted during this commit goes into the next one together.
        if not self._committing and self._retry is None:
            self._begin()

    def let_commit(self) -> None:
        """Return when the thread has started the commit, for which it needs the interpreter's lock."""
        if self._hand_over.acquire(timeout=_HAND_OVER_SECONDS):
            self._hand_over.release()

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of one query, so that no read transaction stays open and the WAL can be checkpointed."""
        try:
            return self._reads.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            _log.error("store: a query failed: %s", error)
            raise Refused(Code.INTERNAL, f"the store cannot be read: {error}", _next_step(error), reason=_reason(error)) from error

    def _begin(self) -> None:
        self._retry = None
        if not self._waiting or self._committing:
            return
        most = 1 if self._one_by_one else len(self._waiting)
        group, self._waiting = self._waiting[:most], self._waiting[most:]
        self._one_by_one = self._one_by_one and bool(self._waiting)
        if sum(jobs_in(submitted.write) for submitted in group) > MOST_A_STEP:
            self._committing = group
            self._left = self._statements(group)
            self._loop.call_soon(self._go_on)
            return
        try:
            self._apply(group)
        except sqlite3.Error as error:
            self._handle_failure(group, error)
        else:
            self._commit(group)

    def _go_on(self) -> None:
        """Execute the next statements of large writes; other work has its turns in between, and its writes wait as for a commit."""
        group, left, self._left = self._committing, self._left, None
        if left is None:
            return
        try:
            is_done = next(left, _DONE) is _DONE
            if is_done and not self._one_by_one and sum(jobs_in(submitted.write) for submitted in self._waiting) <= MOST_A_STEP:
                # Others who have submitted little meanwhile wait for this commit, and not for one more after it.
                more, self._waiting = self._waiting, []
                group = [*group, *more]
                self._apply(more)
        except sqlite3.Error as error:
            self._committing = []
            self._handle_failure(group, error)
        except BaseException:
            self._committing = []
            raise
        else:
            if is_done:
                self._commit(group)
            else:
                self._left = left
                self._loop.call_soon(self._go_on)

    def _commit(self, group: Sequence[_Submitted]) -> None:
        if fault_points.ARMED:
            fault_points.reach("in-group-commit")
        self._committing = group
        self._hand_over.acquire(blocking=False)
        self._commits.put(group)

    def _apply(self, group: Sequence[_Submitted]) -> None:
        for _ in self._statements(group):
            pass

    def _statements(self, group: Sequence[_Submitted]) -> Iterator[None]:
        """Execute the statements of a group, in steps of some milliseconds."""
        if not self._writes.in_transaction:
            self._writes.execute("BEGIN IMMEDIATE")
        jobs = 0
        for submitted in group:
            if jobs and jobs + jobs_in(submitted.write) > MOST_A_STEP:
                yield
                jobs = 0
            jobs += jobs_in(submitted.write)
            if self._most_pages is not None:
                tables.limit_pages(
                    self._writes, self._most_pages, for_new_jobs=isinstance(submitted.write, AddJobs | AddSchedule | StagePart | StartRun)
                )
            yield from self._rows.steps(submitted.write)

    def _commit_in_thread(self) -> None:
        """Wait for the disk, and nothing else. Runs on the thread."""
        while self._commits.get() is not None:
            if self._hand_over.locked():
                self._hand_over.release()
            self._failed = None
            began = time.perf_counter()
            try:
                self._writes.execute("COMMIT")
            except sqlite3.Error as error:
                self._failed = error
            self._commit_seconds = time.perf_counter() - began
            os.eventfd_write(self._finished, 1)

    def _commit_finished(self) -> None:
        os.eventfd_read(self._finished)
        self._committed(self._failed)

    def _committed(self, failed: sqlite3.Error | None) -> None:
        group, self._committing = self._committing, []
        if failed is not None:
            self._handle_failure(group, failed)
            return
        self._commit_times.note(self._commit_seconds)
        is_telling = bool(self._unreported)
        self._unreported += group
        # The disk works on the next group while the results of this one are reported.
        if self._waiting:
            self._begin()
        if not is_telling:
            self._tell()
        if self._ballast.is_missing:
            self._ballast.restore()
        if not self._committing:
            self._begin_ahead()

    @property
    def commits_are_short(self) -> bool:
        """Whether the disk is fast at the moment: one more commit hardly delays what waits for it."""
        return self._commit_times.are_short

    def _tell_of(self, write: _Submitted) -> None:
        """Report a refused write, after those that were submitted before it."""
        is_telling = bool(self._unreported)
        self._unreported.append(write)
        if not is_telling:
            self._tell()

    def _tell(self) -> None:
        """Report what is durable or refused; of very many writes, the rest follows in later turns."""
        for _ in range(min(_REPORTS_A_TURN, len(self._unreported))):
            submitted = self._unreported.popleft()
            self._note_head(submitted.write)
            _report(submitted)
        self._reported()
        if self._unreported:
            self._loop.call_soon(self._tell)

    @property
    def has_ballast(self) -> bool:
        """Whether space is reserved, so that ends of jobs can be recorded when the disk is full."""
        return self._ballast.is_there

    def _begin_ahead(self) -> None:
        """Begin the transaction of the next write while nobody waits for it. Nobody else writes, so nobody is kept waiting."""
        try:
            if not (self._committing or self._waiting or self._writes.in_transaction):
                self._writes.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            # It shows again with the write; or the store is closed by now.
            return

    def _note_head(self, write: Write) -> None:
        if isinstance(write, ChangeJobs):
            self.head = max(self.head, write.last_seq)
        elif isinstance(write, AddJobs) and isinstance(write.result, Added):
            self.head = max(self.head, write.result.first_seq + len(write.jobs) - len(write.result.known) - 1)

    def _handle_failure(self, group: Sequence[_Submitted], error: sqlite3.Error) -> None:
        """Refuse writes that can be refused, after retrying them alone; changes of jobs are retried until they are written."""
        _log.error("store: a commit failed: %s", error)
        with contextlib.suppress(sqlite3.Error):
            self._writes.execute("ROLLBACK")
        first, others = group[0], self._waiting
        write = first.write
        code = Code.INTERNAL if is_damage(error) else Code.RESOURCE_EXHAUSTED
        why = _why(error)
        refused = Refused(code, f"the worker cannot record this: {why}", _next_step(error), reason=_reason(error))
        if len(group) > 1:
            self._one_by_one = True
            self._waiting = [*group, *others]
        elif isinstance(write, AddJobs | AddSchedule | StagePart | CommitRun | StartRun):
            write.result = refused
            self._tell_of(first)
        elif self._ballast.drop():
            self._waiting = [first, *others]
        elif isinstance(write, DropJobs):
            write.result = refused
            self._tell_of(first)
        else:
            # Those that wait for a reply get one before this is tried again.
            asking = [other for other in others if isinstance(other.write, _REFUSABLE)]
            self._one_by_one = True
            self._waiting = [*asking, first, *(other for other in others if not isinstance(other.write, _REFUSABLE))]
            if not asking:
                # Nothing notifies when a disk has free space again.
                self._retry = self._loop.call_later(_RETRY_SECONDS, self._begin)
                for submitted in (first, *others):
                    submitted.delayed(why)
                return
        self._loop.call_soon(self._begin)


def _report(submitted: _Submitted) -> None:
    try:
        submitted.done()
    except Exception:  # noqa: BLE001 -- a bug of one must not cost the others of the commit
        _log.exception("store: the result of a %s could not be reported", type(submitted.write).__name__)


def _why(error: sqlite3.Error) -> str:
    limit = size_limit()
    return f"{error}; {limit}" if limit and not is_damage(error) else str(error)


def _reason(error: sqlite3.Error) -> Reason | None:
    if is_damage(error):
        return Reason.STORE_DAMAGED
    return Reason.DISK_FULL if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL else None


def _next_step(error: sqlite3.Error) -> str:
    if is_damage(error):
        return "rebuild the store on the worker's machine"
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        return "check that the disk of its state folder can be written to, then try again"
    if size_limit():
        return "forget jobs that have ended, or start the worker with a higher limit on the size of files, then try again"
    return "free space on the disk of its state folder, then try again"

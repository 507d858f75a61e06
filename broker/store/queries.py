"""Find jobs: live ones in the desk's memory, ended ones in the store. Returns only jobs that the requesting member may see.

A job whose row is on disk before the desk has been told of the commit does not exist yet: a caller that found the row would wait for an
end that is reported only for the desk's own job, or would stop a job that the desk then starts. Only while a desk is still finding its
jobs, those that it has not found are read from the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...keys.members.rights import Member, Right, may, no_such_job
from ...schemas.generated import event_pb2
from ...schemas.jobs.states import Pick
from ...schemas.naming import JobKey, Typed, format_id
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.capacity import Settings, read_settings
from ..jobs.job import FIRST_ATTEMPT, BatchRun, Job
from ..jobs.targets import Edge
from .job_rows import COLUMNS, FROM, JobRows, read_attempt
from .names import Names
from .rows import edges, hash_rows
from .rows.batches import runs
from .rows.batches.runs import Run, RunPage
from .rows.tombstones import mark_of
from .selection import FEW, Place, Selection, Statement, leaders, walk
from .store import Row, Store

# Events read for one replay, so that a narrow filter over a long history is also answered in parts, and others are served in between.
_REPLAY_ROWS = 1024
# An event takes some 20 us to read.
_REPLAY_EVENTS = 250
_FILES_A_QUESTION = 100
_JOBS_A_QUESTION = 100
# Read in some milliseconds.
_ALIVE_A_QUESTION = 200
# Of specs: a page of the largest jobs has 150 MB.
_BYTES_A_QUESTION = 256 * 1024
_ALIVE = (
    "SELECT queued_at, row FROM jobs INDEXED BY jobs_alive WHERE ok IS NULL AND (queued_at, row) > (?, ?) AND row <= ?"
    " ORDER BY queued_at, row LIMIT ?"
)


class Page(NamedTuple):
    """Jobs in the order of a selection, each with its place, and the place after which more may follow.

    The jobs are made one by one, in their state at that moment; None: one that no longer belongs to the selection.
    """

    jobs: Iterator[tuple[Place, Job | None]]
    onward: Place | None


class Ended(NamedTuple):
    """Ended jobs, the size of their logs in bytes, and the place after which more may follow."""

    keys: Sequence[JobKey]
    log_bytes: int
    onward: Place | None


class Lookup:
    """Queries of the store, where `live` (the desk's own jobs) takes precedence."""

    def __init__(self, store: Store, live: Mapping[JobKey, Job]) -> None:
        self._store = store
        self._live = live
        # Whether the desk knows all jobs that have not ended.
        self.is_whole = True
        self._names = Names(store, live, lambda: self.is_whole)

    def count_alive(self) -> int:
        """Return how many jobs have not ended."""
        return int(self._store.read("SELECT count(*) FROM jobs INDEXED BY jobs_alive WHERE ok IS NULL")[0][0])

    def last_row(self) -> int:
        """Return the highest row number of a job."""
        return int(self._store.read("SELECT coalesce(max(row), 0) FROM jobs")[0][0])

    def alive(self, last_row: int) -> Iterator[Sequence[Job]]:
        """Iterate over all unended jobs up to this row, some at a time, oldest first. A desk takes these over at its start."""
        place, rows = (-1, 0), JobRows()
        while found := self._store.read(_ALIVE, (*place, last_row, _ALIVE_A_QUESTION)):
            part = ", ".join(str(row) for _, row in found)
            yield self._read_rows(self._select(f"WHERE jobs.row IN ({part}) ORDER BY jobs.row"), rows)
            place = found[-1]

    def edges(self, jobs: Sequence[Job]) -> dict[JobKey, list[Edge]]:
        """Return the dependencies of those of these jobs that have not been launched."""
        return edges.of(self._store.read, [job.row for job in jobs])

    def unfinished_runs(self) -> list[tuple[bytes, BatchRun]]:
        """Return the runs, each with its owner, whose `on_finish` was not queued."""
        return runs.unfinished(self._store.read)

    def job(self, key: JobKey) -> Job | None:
        """Return one job by its key; None if there is no such job."""
        found = self._live.get(key)
        if found is not None:
            return found
        rows = self._select(f"WHERE jobs.owner = ? AND jobs.id = ?{self._ended_only}", *key)
        return self._read_rows(rows)[0] if rows else None

    @property
    def _ended_only(self) -> str:
        """The condition for jobs that the desk no longer has in memory."""
        return " AND state = 4" if self.is_whole else ""

    def visible_job(self, key: JobKey, member: Member) -> Job:
        """Return one job that the member may see.

        Raises Refused(NOT_FOUND), with the same message whether the job does not exist or belongs to another member.
        """
        job = self.job(key) if may(member, Right.SEE, key.owner) else None
        if job is not None and not member.sees(key.id, job.started_by):
            raise no_such_job(format_id(key.id))
        if job is None:
            if may(member, Right.SEE, key.owner) and self.forgotten(key):
                message = f"the job {format_id(key.id)} has ended and was forgotten"
                raise Refused(Code.NOT_FOUND, message, "it is never run again", reason=Reason.FORGOTTEN)
            raise no_such_job(format_id(key.id))
        return job

    def unknown(self, owner: bytes, ids: Iterable[bytes]) -> int:
        """Return for how many of the ids the owner has no job."""
        return sum(self.job(JobKey(owner, job_id)) is None for job_id in ids)

    def has_ended(self, key: JobKey) -> bool:
        """Return whether a job exists and its end is durable and reported."""
        return key not in self._live and bool(self._store.read("SELECT 1 FROM jobs WHERE owner = ? AND id = ? AND state = 4", key))

    def forgotten(self, key: JobKey) -> bool:
        """Return whether a job with this key existed and was forgotten."""
        return bool(self._store.read("SELECT 1 FROM tombstones WHERE mark = ?", (mark_of(key),)))

    def named(self, text: str, typed: Typed, member: Member, pick: Pick = Pick.ONLY, owner: bytes = b"") -> Job:
        """Return the job that a text refers to, and how the text was understood; `owner`: its owner, or empty.

        Raises Refused: NOT_FOUND, or INVALID_ARGUMENT if several jobs match.
        """
        names = Names(self._store, self._live, lambda: self.is_whole, member.job) if member.job else self._names
        return self.visible_job(names.find(text, typed, member, pick, owner), member)

    def runs(self, whose: bytes, run: bytes, name: str) -> list[int] | None:
        """Return the rows of the runs with this id, or of this name; of one owner, or of all. None: too many have the name.

        A text that is no run's name can be the beginning of an id. Raises Refused as `runs.begun_by` does.
        """
        conditions = [(value, condition) for value, condition in ((whose, "owner = ?"), (run, "id = ?"), (name, "name = ?")) if value]
        where = " AND ".join(condition for _, condition in conditions)
        most = -1 if run else FEW + 1
        rows = self._store.read(f"SELECT row FROM batches WHERE {where} LIMIT {most}", [value for value, _ in conditions])  # noqa: S608 -- our own texts
        if not rows and not run:
            return runs.begun_by(self._store.read, whose, name)
        return None if len(rows) == most else [row for (row,) in rows]

    def run(self, owner: bytes, run: bytes, name: str) -> Run | None:
        """Return the run with this id, or the newest run with this name; of one owner, or (empty) of any."""
        return runs.find(self._store.read, owner, run, name)

    def is_started_by(self, owner: bytes, run: bytes, job: bytes) -> bool:
        """Return whether a job started the jobs of a run."""
        found = "SELECT 1 FROM jobs WHERE batch = (SELECT row FROM batches WHERE owner = ? AND id = ?) AND started_by = ? LIMIT 1"
        return bool(self._store.read(found, (owner, run, job)))

    def run_page(self, owner: bytes, name: str, after: Place | None, limit: int) -> RunPage:
        """Return runs, newest first, after a place; see `runs.page`."""
        return runs.page(self._store.read, owner, name, after, limit)

    def jobs_at(self, rows: Sequence[int]) -> Iterator[Job]:
        """Iterate over the ended jobs in these rows, in order; forgotten ones are left out."""
        found: dict[int, Job] = {}
        read: frozenset[int] = frozenset()
        for row, part in self._parts(rows).items():
            if row not in read:
                read = part
                found = {job.row: job for job in self._read_rows(self._select(f"WHERE jobs.row IN ({_listed(part)}) AND state = 4"))}
            if row in found:
                yield found[row]

    def running_of(self, run: int) -> list[Job]:
        """Return the jobs of a run that have a process; there are at most as many as slots."""
        rows = self._store.read("SELECT owner, id FROM jobs INDEXED BY jobs_running WHERE state IN (2, 3) AND batch = ?", (run,))
        found = (self._live.get(JobKey(*row)) for row in rows)
        return [job for job in found if job is not None and job.attempt.pid]

    def ended(self, selection: Selection, after: Place | None, limit: int) -> Ended:
        """Return the next jobs of a selection of ended jobs, if their ends are durable and reported."""
        rows, onward = self._walk(selection, after, limit)
        told = [row for row in rows if JobKey(*row[2:]) not in self._live]
        numbers = ", ".join(str(row[1]) for row in told)
        ((log_bytes,),) = self._store.read(f"SELECT coalesce(sum(log_bytes), 0) FROM jobs WHERE row IN ({numbers})") if told else ((0,),)  # noqa: S608 -- numbers
        return Ended([JobKey(*row[2:]) for row in told], log_bytes, onward)

    def _walk(self, selection: Selection, after: Place | None, limit: int) -> tuple[list[Row], Place | None]:
        """Return time, row, owner and id of the next jobs of a selection, and the place after which more may follow."""
        few = next((one for one in leaders(selection) if self._ask(one.question)[0][0] <= FEW), None)
        steps = walk(selection, after, few, limit)
        rows = self._ask(steps.find)
        onward = [Place(*row[:2]) for row in rows[limit - 1 :]]
        if not onward and steps.onward is not None:
            onward = [Place(*row) for row in self._ask(steps.onward)]
        return rows, onward[0] if onward else None

    def page(self, selection: Selection, after: Place | None, limit: int) -> Page:
        """Return the next jobs of a selection after a place. The caller has checked what the member may see."""
        rows, onward = self._walk(selection, after, limit)
        return Page(self._made(rows, selection), onward)

    def _made(self, places: Sequence[Row], selection: Selection) -> Iterator[tuple[Place, Job | None]]:
        reader = JobRows()
        # A job that the desk has not been told of has not ended, and is left out.
        parts = self._parts([number for _, number, *key in places if JobKey(*key) not in self._live])
        read: frozenset[int] = frozenset()
        others: Mapping[int, Row] = {}
        for at_us, number, *key in places:
            job = self._live.get(JobKey(*key))
            if job is not None:
                # Its end may be on disk already, but was not reported.
                belongs = job.state in selection.states and not selection.failed
            else:
                if number not in read and (part := parts.get(number)) is not None:
                    read = part
                    others = {row[0]: row for row in self._select(f"WHERE jobs.row IN ({_listed(part)}){self._ended_only}")}
                if number in others:
                    (job,) = self._read_rows([others[number]], reader)
                else:
                    # It was the desk's own until a moment ago.
                    job = self.job(JobKey(*key))
                # It may have ended since its place was looked up.
                belongs = job is not None and job.state in selection.states
            yield Place(at_us, number), job if belongs else None

    def _parts(self, rows: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """Split these rows into parts that are read together: in order, each with a limited number of bytes."""
        sizes: dict[int, int] = dict(self._store.read(f"SELECT row, length(spec) FROM jobs WHERE row IN ({_listed(rows)})"))  # noqa: S608 -- numbers
        parts: list[list[int]] = []
        left = 0
        for row in rows:
            size = sizes.get(row, 0)
            if not parts or size > left:
                parts.append([])
                left = _BYTES_A_QUESTION
            parts[-1].append(row)
            left -= size
        return {row: frozenset(part) for part in parts for row in part}

    def replay(self, after: int, upto: int, owner: bytes) -> tuple[list[event_pb2.Event], int]:
        """Return some events after a seq (of one owner, or of all), and the seq up to which the store was searched."""
        rows = self._store.read(
            "SELECT seq, owner, event FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", (after, upto, _REPLAY_ROWS)
        )
        events = []
        for seq, whose, payload in rows:
            if not owner or whose == owner:
                event = event_pb2.Event.FromString(payload)
                event.seq = seq
                events.append(event)
                if len(events) == _REPLAY_EVENTS:
                    return events, int(seq)
        return events, int(rows[-1][0]) if len(rows) == _REPLAY_ROWS else upto

    def files_in_use(self, owner: bytes, digests: Sequence[bytes]) -> set[bytes]:
        """Return which of these contents of a member a job refers to."""
        used: set[bytes] = set()
        for at in range(0, len(digests), _FILES_A_QUESTION):
            part = digests[at : at + _FILES_A_QUESTION]
            marks = ", ".join("?" * len(part))
            rows = self._store.read(f"SELECT DISTINCT digest FROM files WHERE owner = ? AND digest IN ({marks})", (owner, *part))  # noqa: S608 -- marks only
            used.update(digest for (digest,) in rows)
        return used

    def log_hashes(self, key: JobKey) -> dict[int, tuple[bytes, bytes]]:
        """Return the hashes of parts of the logs of a job, stdout and stderr, by attempt."""
        return hash_rows.hashes_of(self._store.read, key)

    def capacity(self) -> Settings:
        """Return the capacity settings of operators."""
        return read_settings(dict(self._store.read("SELECT name, value FROM capacity")))

    def oldest_seq(self) -> int:
        """Return the first seq from which no event is missing."""
        return int(self._store.read("SELECT first_seq FROM kept")[0][0])

    def _ask(self, statement: Statement) -> list[Row]:
        return self._store.read(*statement)

    def _select(self, where: str, *parameters: object) -> list[Row]:
        return self._store.read(f"SELECT {COLUMNS} {FROM} {where}", parameters)

    def _read_rows(self, rows: Sequence[Row], reader: JobRows | None = None) -> list[Job]:
        """Return the jobs of these rows, with all attempts."""
        jobs = list(map((reader or JobRows()).read, rows))
        retried = {job.row: job for job in jobs if job.attempt.key.attempt > FIRST_ATTEMPT}
        numbers = list(retried)
        for at in range(0, len(numbers), _JOBS_A_QUESTION):
            part = ", ".join(map(str, numbers[at : at + _JOBS_A_QUESTION]))
            for row, *attempt in self._store.read(
                f"SELECT job, n, pid, started_at, ended_at, outcome FROM attempts WHERE job IN ({part}) ORDER BY job, n"  # noqa: S608 -- numbers
            ):
                job = retried[row]
                job.earlier = (*job.earlier, read_attempt(job.key, *attempt))
        return jobs


def _listed(rows: Iterable[int]) -> str:
    return ", ".join(map(str, rows))

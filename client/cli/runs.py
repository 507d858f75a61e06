"""A run of a batch, where a command takes one: which run is meant, and its jobs. Knows no screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...schemas.job import State
from ...schemas.naming import format_id, parse_id, parse_typed
from ...schemas.refusal import Code, Reason, Refused
from ..library import filters
from ..library.client import Client
from ..library.results import BatchInfo, JobInfo

# How many of the longest jobs are named.
_LONGEST = 3


class Run(NamedTuple):
    """One run of a batch, and whose it is."""

    batch: BatchInfo
    owner: bytes
    owner_name: str
    # Its batch was named; there may be earlier runs.
    by_name: bool = False

    @property
    def id(self) -> str:
        """The id as text."""
        return format_id(self.batch.id)

    def __str__(self) -> str:
        """Return the id, and the name of the batch if it has one."""
        return f"run {self.id}{f' ({self.batch.name})' if self.batch.name else ''}"


@dataclass(slots=True)
class Count:
    """What the jobs of a run add up to. `ok` ended without failure; `ended_at_us` is 0 until all have ended."""

    jobs: int = 0
    queued: int = 0
    running: int = 0
    ok: int = 0
    queued_at_us: int = 0
    ended_at_us: int = 0
    # Those that had a process, the longest first.
    longest: list[JobInfo] = field(default_factory=list)
    failures: list[JobInfo] = field(default_factory=list)

    def __str__(self) -> str:
        """Return how many wait, run, and how the others ended."""
        numbers = {"queued": self.queued, "running": self.running, "ok": self.ok, "failed": len(self.failures)}
        return ", ".join(f"{number} {word}" for word, number in numbers.items() if number)


def counted(jobs: Iterable[JobInfo]) -> Count:
    """Return what these jobs, oldest first, add up to."""
    count = Count()
    for job in jobs:
        count.jobs += 1
        count.queued_at_us = count.queued_at_us or job.queued_at_us
        count.ended_at_us = max(count.ended_at_us, job.ended_at_us)
        if job.outcome is None:
            count.queued += job.state is State.QUEUED
            count.running += job.state is not State.QUEUED
        elif job.outcome.is_ok:
            count.ok += 1
        else:
            count.failures.append(job)
        if job.pid:
            count.longest = sorted([*count.longest, job], key=lambda one: -one.lasted_us)[:_LONGEST]
    if count.queued or count.running:
        count.ended_at_us = 0
    return count


def find_run(client: Client, typed: str) -> Run:
    """Return the run of this id, or the newest run of the batch of this name; one's own, if there is any, or after `OWNER/` another's.

    Raises Refused: NOT_FOUND if there is none.
    """
    owner = parse_typed(typed).owner
    batch = _batch_named(typed.rpartition("/")[2])
    newest: JobInfo | None = None
    if filters.FEATURE not in client.hello().features:
        if owner:
            raise Refused(Code.UNIMPLEMENTED, "the worker is too old to find jobs by OWNER/NAME", "use an id", reason=Reason.UNKNOWN_FIELD)
        # An older worker lists the oldest first.
        newest = next(iter(deque(client.list(all=True, batch=batch), maxlen=1)), None)
    elif owner:
        newest = next(client.list(all=True, batch=batch, user=owner, newest_first=True, limit=1), None)
    else:
        for whose in (client.connection.identity.public, None):
            newest = newest or next(client.list(all=True, batch=batch, owner=whose, newest_first=True, limit=1), None)
    if newest is None or newest.batch is None:
        raise no_such_batch(typed)
    return Run(newest.batch, newest.key.owner, newest.owner_name, isinstance(batch, str))


def no_such_batch(typed: str) -> Refused:
    """Return the answer for a batch or run that does not exist, whether or not a job has that name."""
    remedy = "jobwire list -a --columns id,batch,run shows the batches of your jobs"
    return Refused(Code.NOT_FOUND, f"there is no batch {typed}", remedy, reason=Reason.NO_SUCH_JOB)


def jobs_of(client: Client, run: Run) -> Iterator[JobInfo]:
    """Iterate over the jobs of a run, oldest first."""
    return client.list(all=True, batch=run.batch.id, owner=run.owner)


def unfinished_jobs_of(client: Client, run: Run) -> Iterator[JobInfo]:
    """Iterate over the jobs that have not ended: of the run, or if its batch was named, of all runs of this batch."""
    return client.list(batch=run.batch.name if run.by_name else run.batch.id, owner=run.owner)


def unfinished_title(run: Run) -> str:
    """Return what `unfinished_jobs_of` is about."""
    return f"batch {run.batch.name}" if run.by_name else str(run)


def _batch_named(typed: str) -> str | bytes:
    try:
        return parse_id(typed)
    except ValueError:
        return typed

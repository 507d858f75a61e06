"""Writes about batches that are staged in parts, as values; the result of each is filled in when it is executed. Knows no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...schemas.jobs.conditions import After
from ...schemas.refusal import Refused
from ..jobs.job import BatchRun, RunKey
from .schedules import Fired

# The rows of files with a job below this are of a part, those above up to 0 of a schedule.
FILES_OF_PARTS = -(1 << 40)


class StagedJob(NamedTuple):
    """One job of a part: its id, the digest of its spec, what it waits for, and its name."""

    id: bytes
    digest: bytes
    after: Sequence[After] = ()
    name: str = ""


class Staged(NamedTuple):
    """The result of a StagePart: how many parts and jobs of the run are staged, and whether this part was staged before."""

    parts: int
    jobs: int
    is_known: bool


class Committed(NamedTuple):
    """The result of a CommitRun: the row of the run, its jobs, and whether it was committed before."""

    row: int
    jobs: int
    is_known: bool


class Dropped(NamedTuple):
    """The result of a DropPart: the jobs and the bytes of specs of the removed part, and how many parts are left."""

    jobs: int
    spec_bytes: int
    parts: int


@dataclass(slots=True, eq=False)
class StagePart:
    """Stage one part of a run, all of its jobs or none. A part with the same hashes is not staged again.

    `content`, `reruns` and `hashes` are those of schemas/batches/parts.py. `highest_priority`, `lowest_nice`: of its jobs, which are
    checked again when the run is committed. `claims`: the positions of some jobs, one of each kind that takes the same. `shortage` is the
    result if the part is new. `for_schedule`: the run is not to be committed, but to be started by a schedule.
    """

    run: RunKey
    number: int
    jobs: Sequence[StagedJob]
    content: bytes
    hashes: bytes
    spec_bytes: int
    aged_from_us: int
    files: Sequence[bytes] = ()
    highest_priority: int = 0
    lowest_nice: int = 0
    claims: Sequence[int] = ()
    shortage: Refused | None = None
    for_schedule: bool = False
    reruns: bytes = b""
    result: Staged | Refused | None = None


@dataclass(slots=True, eq=False)
class CommitRun:
    """Record that all jobs of a staged run are to start; `parts` are the hashes of its parts. Their rows follow in slices."""

    owner: bytes
    batch: BatchRun
    parts: Sequence[bytes]
    proof: bytes
    queued_at_us: int
    result: Committed | Refused | None = None


@dataclass(slots=True, eq=False)
class DropPart:
    """Remove the last part of a staged, uncommitted run; `aged_upto_us`: only if none was staged after that."""

    run: RunKey
    aged_upto_us: int | None = None
    result: Dropped | None = None


@dataclass(slots=True, eq=False)
class StartRun:
    """Start the batch of a schedule as the run `batch`; its jobs follow in slices, as those of a committed run.

    `template`: the row of the batch. `fired`: the record of the schedule, in the same commit. `proof`: the request that starts it, empty if
    that is the one that added the schedule. `shortage` is the result if the run is new.
    """

    owner: bytes
    batch: BatchRun
    template: int
    due_us: int
    fired: Fired
    proof: bytes
    queued_at_us: int
    shortage: Refused | None = None
    result: Committed | Refused | None = None


@dataclass(slots=True, eq=False)
class DropTemplate:
    """Remove a part of a batch that no schedule and no run needs any more; `more`: whether there may be more to remove."""

    more: bool = False


class Queued(NamedTuple):
    """A slice of a committed run, whose jobs are added in the same commit.

    `run` is its row; `upto` how many jobs of the part are queued with it; `is_last`: it completes the part, `is_whole`: it completes the
    run. `proof`: the row of the commit's proof, and each job's share of its size. `groups_upto`: the last row when it was committed.
    """

    run: int
    part: int
    upto: int
    is_last: bool
    is_whole: bool
    proof: int
    proof_bytes: int
    groups_upto: int
    is_scheduled: bool = False


class Pending(NamedTuple):
    """A staged run that is not completely queued: how many jobs and bytes of specs are still to come.

    `proof` is 0 if it was not committed. `template`: for a run that a schedule started, the row of the batch; otherwise 0.
    """

    row: int
    key: RunKey
    batch: BatchRun
    jobs: int
    left: int
    left_bytes: int
    aged_from_us: int
    proof: int
    proof_bytes: int
    groups_upto: int
    template: int = 0


class Template(NamedTuple):
    """The batch of a schedule: its row, and what is checked at each start of it.

    `claims`: the specs of some of its jobs, one of each kind that takes the same. `priority`, `nice`: the best of its jobs.
    """

    row: int
    jobs: int
    spec_bytes: int
    priority: int
    nice: int
    claims: Sequence[bytes]


class Part(NamedTuple):
    """A part of a committed run whose jobs are not all queued: how many are. `is_final`: no part follows.

    `clean_up`: the ids of those that clean up. `reruns`: which jobs they run again.
    """

    number: int
    content: bytes
    queued: int
    is_final: bool
    clean_up: frozenset[bytes] = frozenset()
    reruns: bytes = b""

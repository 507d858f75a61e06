"""Writes to the store, as values; the result of each is filled in when it is executed. Knows no SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ...schemas.jobs.brought_files import BroughtFile
from ...schemas.jobs.conditions import After
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Refused
from ..jobs.ends import NO_ENDS, Ends
from ..jobs.job import FIRST_ATTEMPT, BatchRun, RunKey
from ..jobs.targets import Edge
from .growth import Growth
from .schedules import AddSchedule, ChangeSchedule, Fired
from .staged import CommitRun, DropPart, DropTemplate, Queued, StagePart, StartRun


class EventRow(NamedTuple):
    """One event to be stored: its owner, its bytes without a seq, and the time from which its age counts."""

    owner: bytes
    event: bytes
    aged_from_us: int


class NewRow(NamedTuple):
    """One job to be added."""

    key: JobKey
    digest: bytes
    name: str
    spec: bytes
    queued_at_us: int
    event: EventRow
    launched: bool = False
    attempt: int = FIRST_ATTEMPT
    labels: Sequence[tuple[str, str]] = ()
    # The job whose spec it was started with.
    rerun_of: JobKey | None = None
    # What it brings; together with its folder, that counts as kept for it.
    files: Sequence[BroughtFile] = ()
    # Its priority, and who holds it; None: nobody.
    priority: int = 0
    held_by: str | None = None
    has_folder: bool = False
    # What it waits for.
    after: Sequence[After] = ()
    # When it may start, if it waits for a time on the scale of ages.py.
    starts_aged_us: int | None = None
    expires_aged_us: int | None = None
    # It is not retried, whatever its spec says.
    never_retried: bool = False
    # The id of the job that started it, and how many jobs started each other before it.
    started_by: bytes = b""
    depth: int = 0
    cleans_up: bool = False


class EndedAttempt(NamedTuple):
    """An attempt that ended, and after which another one follows. `outcome`: protobuf."""

    attempt: int
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: bytes
    log_bytes: int


class Retried(NamedTuple):
    """Ended attempts that are not recorded yet, and before when the following one does not start (ages.py); 0: any time."""

    attempts: Sequence[EndedAttempt]
    not_before_us: int = 0


class Altered(NamedTuple):
    """Settings that replace those of a job's spec, and the request for them."""

    priority: int
    held_by: str | None
    changed_limit_ms: int | None
    proof: bytes


class Width(NamedTuple):
    """How many jobs of a run may run at once from now on, and the request for it."""

    run: RunKey
    parallel: int
    proof: bytes


class CapacityChange(NamedTuple):
    """Capacity settings by name, as stored, and the request for them. `reset`: earlier settings are dropped."""

    rows: Sequence[tuple[str, str]]
    reset: bool
    proof: bytes


class Change(NamedTuple):
    """The new values of a job's row, and the events about them. None: unchanged."""

    row: int
    state: int
    events: Sequence[EventRow]
    launched: bool = True
    # Which attempt the rest tells of.
    attempt: int = FIRST_ATTEMPT
    pid: int = 0
    started_at_us: int = 0
    ended_at_us: int = 0
    # Whether an earlier change has recorded the same pid and start.
    is_start_recorded: bool = False
    # The time from which its age counts, once it has ended.
    aged_from_us: int = 0
    outcome: bytes | None = None
    stop: str | None = None
    stop_proof: bytes | None = None
    # The size of its logs, and whether it ended well, once it has ended.
    log_bytes: int = 0
    ok: bool | None = None
    # The run of a batch that counts it, if there is one.
    run: RunKey | None = None
    # What that counts.
    end: Ends = NO_ENDS
    # None: as it was.
    altered: Altered | None = None
    # None: the attempt that the rest tells of is the one that it was about before.
    retried: Retried | None = None


class Added(NamedTuple):
    """The result of an AddJobs. `rows` are in the order of its jobs; `known` are positions of jobs that existed with the same digest.

    `batch`: the run that the added jobs joined, with the name and width of its first submission. `waiting`: the edges of those that wait
    for others, by position.
    """

    rows: Sequence[int]
    known: frozenset[int]
    first_seq: int
    batch: BatchRun | None = None
    waiting: Mapping[int, Sequence[Edge]] = MappingProxyType({})


class Conflict(NamedTuple):
    """Nothing was added: the job at `position` exists with another spec, or has ended and was `forgotten`."""

    position: int
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The broker that delivered a job, its name for the attempt, and the signed start of the client, with its SHA-256."""

    relay: bytes
    name: AttemptKey
    digest: bytes
    start: bytes
    # The time of a schedule for which it is; 0: none has started it.
    due_us: int = 0


@dataclass(slots=True, eq=False)
class Settled:
    """Record that a broker needs nothing more of these attempts."""

    relay: bytes
    names: Sequence[AttemptKey]


@dataclass(slots=True, eq=False)
class RecordHashes:
    """Record the outcome of an attempt with the hashes of its output, computed after its end. A job forgotten meanwhile is skipped."""

    key: AttemptKey
    outcome: bytes
    stdout_hashes: bytes
    stderr_hashes: bytes


@dataclass(slots=True, eq=False)
class CarryOut:
    """Record a signed request that has an expiry, before it is carried out; `is_new`: it was not recorded before."""

    digest: bytes
    until_us: int
    now_us: int
    is_new: bool = False


@dataclass(slots=True, eq=False)
class Drained:
    """Record whether a worker of this broker gets jobs."""

    worker: bytes
    drained: bool


@dataclass(slots=True, eq=False)
class NewFinish:
    """The `on_finish` job of a run, added in the commit of the last end. The result: its row, 0 if its id is or was in use."""

    run: RunKey
    job: NewRow
    job_row: int = 0


@dataclass(slots=True, eq=False)
class AddJobs:
    """Add all jobs or none; an id that exists with the same digest is no conflict and is not added again.

    `shortage` is the result if any of them is new: a known job stays known, however full the disk is.
    """

    jobs: Sequence[NewRow]
    batch: BatchRun | None
    proof: bytes
    shortage: Refused | None = None
    # What is recorded of the schedule that starts them.
    fired: Fired | None = None
    # By which broker they came, one job each.
    origin: Origin | None = None
    result: Added | Conflict | Refused | None = None
    # Whether any of them waits for others.
    waits: bool = False
    # The slice of a committed run that they are. Then nothing is refused: a job that is known in any way is not added.
    queued: Queued | None = None


@dataclass(slots=True, eq=False)
class ChangeJobs:
    """Record what happened to jobs. Cannot be refused: it is retried until there is space."""

    changes: Sequence[Change]
    widths: Sequence[Width] = ()
    first_seq: int = 0
    # One less than `first_seq` without events.
    last_seq: int = 0
    # The rows of jobs of which only this is recorded: that they may have been started.
    launched: Sequence[int] = ()
    # Runs whose other jobs are cancelled, and why.
    broken: Sequence[tuple[RunKey, str]] = ()
    # And the rows of those that are handed out GPUs, with their ids.
    handed_out: Sequence[tuple[int, Sequence[str]]] = ()
    # The rows of those that are placed on one of several machines, which attempt it is, and the machine.
    placed: Sequence[tuple[int, int, bytes]] = ()
    # Attempts that are on none, after their machine has refused them: the row of the job, and which attempt it is.
    freed: Sequence[tuple[int, int]] = ()
    capacity: CapacityChange | None = None
    finishes: Sequence[NewFinish] = ()
    # Attempts whose output is still to be hashed here: the row of the job, and which attempt it is.
    unhashed: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """One job that was removed: where the logs of its attempts are, and their total size. A job that never started has none.

    `earlier`: key, pid, start and end of each attempt before the last one.
    """

    key: AttemptKey
    pid: int
    started_at_us: int
    ended_at_us: int
    log_bytes: int
    earlier: Sequence[tuple[AttemptKey, int, int, int]] = ()


@dataclass(slots=True, eq=False)
class DropJobs:
    """Remove ended jobs, leaving tombstones, and events up to a seq. Jobs that are gone or have not ended are skipped."""

    keys: Sequence[JobKey]
    events_upto: int
    result: Sequence[Dropped] | Refused = ()


@dataclass(slots=True, eq=False)
class LogsGone:
    """Record that the log folders of forgotten jobs are gone."""

    keys: Sequence[AttemptKey]


@dataclass(slots=True, eq=False)
class FolderMeasured:
    """Record how many bytes the folder of an ended job takes. A job forgotten meanwhile is skipped."""

    key: JobKey
    size_bytes: int


Write = (
    AddJobs
    | ChangeJobs
    | DropJobs
    | LogsGone
    | FolderMeasured
    | AddSchedule
    | ChangeSchedule
    | Settled
    | RecordHashes
    | CarryOut
    | Drained
    | Growth
    | StagePart
    | CommitRun
    | DropPart
    | StartRun
    | DropTemplate
)

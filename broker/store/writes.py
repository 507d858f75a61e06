"""What is written into the store, as values; what came of each is filled in when it is carried out. Knows no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ..desk.job import BatchRun


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event to be stored: whose it is, its bytes without a seq, and from when on its age counts."""

    owner: bytes
    event: bytes
    aged_from_us: int


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
    # From when on its age counts, once it has ended.
    aged_from_us: int = 0
    outcome: bytes | None = None
    stop: str | None = None
    stop_proof: bytes | None = None
    # What its logs take, once it has ended.
    log_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an AddJobs. `rows` in the order asked; `known` are positions that were there before, with the same digest."""

    rows: Sequence[int]
    known: frozenset[int]
    first_seq: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was added: the job at `position` is there with another spec, or it has ended and was `forgotten`."""

    position: int
    forgotten: bool = False


@dataclass(slots=True, eq=False)
class AddJobs:
    """Add jobs whole or not at all; an id that is there with the same digest is no conflict and is not added again.

    `shortage` is the answer if any of them is new: what is known is known, however full the disk is.
    """

    jobs: Sequence[NewRow]
    batch: BatchRun | None
    proof: bytes
    shortage: Refused | None = None
    result: Added | Conflict | Refused | None = None


@dataclass(slots=True, eq=False)
class ChangeJobs:
    """Record what happened to jobs. Cannot be refused: it is tried until there is room."""

    changes: Sequence[Change]
    first_seq: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """One job that was dropped: where its logs are, and what they take. Without a start it has none."""

    key: JobKey
    pid: int
    started_at_us: int
    ended_at_us: int
    log_bytes: int


@dataclass(slots=True, eq=False)
class DropJobs:
    """Drop jobs that have ended, leaving tombstones, and events up to a seq. What is gone already, or has not ended, is passed over."""

    keys: Sequence[JobKey]
    events_upto: int
    result: Sequence[Dropped] | Refused = ()


@dataclass(slots=True, eq=False)
class LogsGone:
    """Note that the log folders of forgotten jobs are gone."""

    keys: Sequence[JobKey]


Write = AddJobs | ChangeJobs | DropJobs | LogsGone

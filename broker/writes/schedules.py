"""Writes about schedules, as values, and schedules as they are stored. Knows no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...schemas.refusal import Refused

# Of one member.
MOST_SCHEDULES = 1000


class ScheduleRow(NamedTuple):
    """A schedule as it is stored. `spec`: as received, in bytes; `proof`: the request that added it. Numbers are those of due.py.

    `batch`: a Batch in bytes, in place of a spec; empty: it starts one job.
    """

    row: int
    owner: bytes
    id: bytes
    name: str
    spec: bytes
    cron: str
    zone: str
    overlap: int
    missed: int
    paused: bool
    fired_upto_us: int
    waiting: Sequence[int]
    proof: bytes
    batch: bytes = b""


class Firing(NamedTuple):
    """The result of one time of a schedule: the id of the job or run that was started, empty if none was, and a note about it."""

    due_us: int
    job: bytes = b""
    note: str = ""


class Fired(NamedTuple):
    """The record of scheduled times that were due: in one commit with the job that was started, if one was."""

    schedule: int
    upto_us: int
    waiting: Sequence[int]
    firings: Sequence[Firing]
    owner: bytes = b""


@dataclass(slots=True, eq=False)
class AddSchedule:
    """Add a schedule; its row is the result. If the same one exists, it is not added again.

    For a batch: the id under which it is staged, and the hashes of its parts.
    """

    schedule: ScheduleRow
    digests: Sequence[bytes] = ()
    staged: bytes = b""
    parts: Sequence[bytes] = ()
    result: int | Refused = 0


@dataclass(slots=True, eq=False)
class ChangeSchedule:
    """Record results of scheduled times, that the schedule is paused or resumed, or (`removed`) that it is gone."""

    row: int
    fired: Fired | None = None
    paused: bool | None = None
    removed: bool = False
    proof: bytes = b""
    result: None = field(default=None, init=False)

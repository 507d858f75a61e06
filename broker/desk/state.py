"""What the desk decides from: jobs that have not ended, what waits and runs, and what is on its way to the disk. decide.py changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...schemas.generated import event_pb2
from ...schemas.naming import JobKey
from ..store.writes import AddJobs, ChangeJobs
from .effects import Reply
from .inputs import Start
from .job import Job, StopOrder
from .life import WAITING, WITH_ENGINE
from .pauses import Pauses
from .queue import Queue


@dataclass(slots=True, eq=False)
class Accepting:
    """Jobs on their way into the store."""

    write: AddJobs
    start: Start
    jobs: Sequence[Job]
    events: Sequence[event_pb2.Event]
    # Free slots that they count on.
    promised: int


@dataclass(slots=True, eq=False)
class Recording:
    """Changes on their way into the store, and what is to be done when they are there."""

    write: ChangeJobs
    events: dict[Job, list[event_pb2.Event]]
    launching: Sequence[Job]
    replies: Sequence[Reply]
    ending: Sequence[tuple[Job, StopOrder]]


@dataclass(slots=True, eq=False)
class State:
    """All that is decided from: the jobs that have not ended, what waits and what runs, and what is on its way to the disk."""

    queue: Queue
    live: dict[JobKey, Job] = field(default_factory=dict)
    pauses: Pauses = field(default_factory=Pauses)
    # How many jobs of each owner are on their way into the store, which no queue knows yet; and the slots that they count on.
    arriving: Counter[bytes] = field(default_factory=Counter)
    promised: int = 0
    under_way: dict[int, Accepting | Recording] = field(default_factory=dict)
    writes: int = 0

    def waiting_of(self, owner: bytes) -> int:
        """Count the jobs of this owner that wait, or will."""
        return self.queue.waiting_of(owner) + self.arriving[owner]

    def why_waiting(self, job: Job) -> str:
        """Return in words why a job does not run yet, or does not go on; empty if it does not wait."""
        if job.phase in WAITING:
            return self.queue.why_waiting(job.key)
        return job.delayed_by if job.phase in WITH_ENGINE else ""

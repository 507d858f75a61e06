"""What a change of a job is: why it is refused, and what it changes. Pure."""

from __future__ import annotations

from ...schemas.generated import event_pb2
from ...schemas.job import EventKind
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from .events import event_of
from .inputs import Alter
from .job import Job
from .life import ENDED, WAITING, Happening, Phase
from .queue import Queue

_ENDING = frozenset({Phase.ABORTING, Phase.STOPPING})


def why_not(key: JobKey, job: Job | None, alter: Alter) -> Refused | None:
    """Return why a job cannot be changed so; None if it can, or is so already.

    A request is sent again when its answer was lost, and the job that it released may have started meanwhile.
    """
    if job is None or job.attempt.phase in ENDED:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} has ended", reason=Reason.ENDED)
    if alter.time_limit_ms not in (None, job.changed_limit_ms) and job.attempt.phase in _ENDING:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} is being stopped", reason=Reason.ENDING)
    if job.attempt.phase in WAITING or not (alter.held or alter.priority not in (None, job.priority)):
        return None
    what = "cannot be held" if alter.held else "its priority has no effect any more"
    message = f"the job {format_id(key.id)} has started, and {what}"
    return Refused(Code.FAILED_PRECONDITION, message, "pause it, or stop it" if alter.held else "", reason=Reason.STARTED)


def apply(job: Job, alter: Alter, queue: Queue, now_us: int) -> list[event_pb2.Event]:
    """Change a job, and its place in the queue; return the events about it, none if it is so already or cannot be changed."""
    phase = job.attempt.phase
    events = _wait(job, alter, queue, now_us) if phase in WAITING else []
    if alter.time_limit_ms not in (None, job.changed_limit_ms) and phase not in ENDED | _ENDING:
        job.changed_limit_ms = alter.time_limit_ms
        limit = f"time limit {alter.time_limit_ms / 1000:g} s" if alter.time_limit_ms else "no time limit"
        events.append(event_of(EventKind.CHANGED, job, now_us, f"{limit}, set by {alter.by}"))
    return events


def _wait(job: Job, alter: Alter, queue: Queue, now_us: int) -> list[event_pb2.Event]:
    events = []
    if alter.priority is not None and alter.priority != job.priority:
        job.priority = alter.priority
        queue.set_priority(job.key, job.priority)
        events.append(event_of(EventKind.CHANGED, job, now_us, f"priority {job.priority}, set by {alter.by}"))
    if alter.held is not None and alter.held is not (job.held_by is not None):
        if alter.held:
            job.held_by = alter.by
            job.attempt.happened(Happening.HELD)
            queue.hold(job.key)
            events.append(event_of(EventKind.HELD, job, now_us, f"held by {alter.by}"))
        else:
            job.held_by = None
            queue.let_go(job.key)
            events.append(event_of(EventKind.RELEASED, job, now_us, f"released by {alter.by}"))
    return events

"""Requests to suspend or resume jobs, until they are answered. In memory only: after a restart, the engine reports again.

Pure: effects are returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ..jobs.job import Job
from ..jobs.life import ENDED, SUSPENDABLE, Phase
from .effects import Effect, Hold, Reply
from .inputs import Suspend


@dataclass(slots=True, eq=False)
class _Wait:
    keys: set[JobKey]
    asked: Suspend


@dataclass(slots=True, eq=False)
class Pauses:
    """The requests that are not answered yet."""

    _waits: dict[JobKey, list[_Wait]] = field(default_factory=dict)

    def ask(self, asked: Suspend, jobs: Sequence[Job | None]) -> list[Effect]:
        """Return the effects: all jobs are suspended or resumed, or none if one is not running. `jobs`: None for one that has ended."""
        holds: list[Effect] = []
        for key, job in zip(asked.keys, jobs, strict=True):
            if job is None or job.attempt.phase not in SUSPENDABLE:
                return [Reply(partial(asked.done, _cannot(key, job, paused=asked.paused)))]
            holds.append(Hold(job.attempt.key, asked.paused, asked.proof))
        wait = _Wait(set(asked.keys), asked)
        for key in asked.keys:
            self._waits.setdefault(key, []).append(wait)
        return holds

    def hear(self, job: Job, *, paused: bool, why: str = "") -> list[Effect]:
        """Note whether a job is suspended (one that has ended is not); return the replies that are due.

        A request to suspend a job is refused if it keeps running: for the reason `why`, or because the engine is ending it.
        """
        job.attempt.paused = paused
        due: list[Effect] = []
        for wait in self._waits.pop(job.key, ()):
            if not wait.keys:
                continue
            if wait.asked.paused and not paused and job.attempt.phase not in ENDED:
                wait.keys.clear()
                due.append(Reply(partial(wait.asked.done, _cannot(job.key, job, paused=True, because=why))))
                continue
            wait.keys.discard(job.key)
            if not wait.keys:
                due.append(Reply(partial(wait.asked.done, None)))
        return due


def _cannot(key: JobKey, job: Job | None, *, paused: bool, because: str = "") -> Refused:
    if because:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} cannot be paused: {because}")
    why, reason = _why_not(job)
    message = f"the job {format_id(key.id)} {why} and cannot {'be paused' if paused else 'continue'}"
    return Refused(Code.FAILED_PRECONDITION, message, reason=reason)


def _why_not(job: Job | None) -> tuple[str, Reason]:
    if job is None or job.attempt.phase in ENDED:
        return "has ended", Reason.ENDED
    if job.attempt.phase in (Phase.ABORTING, Phase.STOPPING):
        return "is being stopped", Reason.ENDING
    # A job that runs as far as the desk knows is being ended by the engine: it has exceeded a limit.
    return ("is being ended", Reason.ENDING) if job.attempt.phase in SUSPENDABLE else ("has not started", Reason.NOT_STARTED)

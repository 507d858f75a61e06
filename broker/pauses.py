"""Which jobs stand still, and which requests wait for that. Kept in memory only: after a restart the engine tells it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..schemas.naming import JobKey, format_id
from ..schemas.refusal import Code, Reason, Refused
from .engine import Engine
from .life import Job, Phase

_WHY_NOT = {
    Phase.QUEUED: ("has not started", Reason.NOT_STARTED),
    Phase.STARTING: ("has not started", Reason.NOT_STARTED),
    Phase.STOPPING: ("is being stopped", Reason.ENDING),
    Phase.FINISHED: ("has ended", Reason.ENDED),
}


@dataclass(slots=True, eq=False)
class _Wait:
    keys: set[JobKey]
    paused: bool
    # Gets why not, if so; called once.
    done: Callable[[Refused | None], None]


class Pauses:
    """Pauses jobs and lets them go on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waits: dict[JobKey, list[_Wait]] = {}

    def ask(self, jobs: Sequence[Job], done: Callable[[Refused | None], None], *, paused: bool) -> None:
        """Let all of these stand still, or go on; `done` is called when that is so, or they have ended. Repeated it changes nothing.

        It gets Refused(FAILED_PRECONDITION) where the engine is ending one of them by itself. That is raised if one of them does not run.
        """
        for job in jobs:
            if job.phase is not Phase.RUNNING:
                raise _cannot(job, paused=paused)
        wait = _Wait({job.key for job in jobs}, paused, done)
        for job in jobs:
            self._waits.setdefault(job.key, []).append(wait)
            self._engine.pause(job.key, paused=paused)

    def hear(self, job: Job, *, paused: bool, why: str = "") -> None:
        """Take from the engine whether a job stands still; one that ended does not."""
        job.paused = paused
        for wait in self._waits.pop(job.key, ()):
            if not wait.keys:
                continue
            if wait.paused and not paused and job.phase is not Phase.FINISHED:
                wait.keys.clear()
                wait.done(_cannot(job, paused=True, because=why))
                continue
            wait.keys.discard(job.key)
            if not wait.keys:
                wait.done(None)


def _cannot(job: Job, *, paused: bool, because: str = "") -> Refused:
    if because:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(job.key.id)} cannot be paused: {because}")
    # One that runs for the desk is ended by the engine then: it has gone over a limit.
    why, reason = _WHY_NOT.get(job.phase, ("is being ended", Reason.ENDING))
    message = f"the job {format_id(job.key.id)} {why} and cannot {'be paused' if paused else 'go on'}"
    return Refused(Code.FAILED_PRECONDITION, message, reason=reason)

"""Which jobs stand still, and which requests wait for that. Kept in memory only: after a restart the engine tells it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..schemas.naming import JobKey, format_id
from ..schemas.refusal import Code, Refused
from .engine import Engine
from .life import Job, Phase

_WHY_NOT = {
    Phase.QUEUED: "has not started",
    Phase.STARTING: "has not started",
    Phase.STOPPING: "is being stopped",
    Phase.FINISHED: "has ended",
}


@dataclass(slots=True, eq=False)
class _Wait:
    keys: set[JobKey]
    done: Callable[[], None]


class Pauses:
    """Pauses jobs and lets them go on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waits: dict[JobKey, list[_Wait]] = {}

    def ask(self, jobs: Sequence[Job], done: Callable[[], None], *, paused: bool) -> None:
        """Let all of these stand still, or go on; `done` is called when that is so, or they have ended. Repeated it changes nothing.

        Raises Refused(FAILED_PRECONDITION) for all if one of them does not run.
        """
        for job in jobs:
            if job.phase is not Phase.RUNNING:
                does = "be paused" if paused else "go on"
                raise Refused(Code.FAILED_PRECONDITION, f"the job {format_id(job.key.id)} {_WHY_NOT[job.phase]} and cannot {does}")
        wait = _Wait({job.key for job in jobs}, done)
        for job in jobs:
            self._waits.setdefault(job.key, []).append(wait)
            self._engine.pause(job.key, paused=paused)

    def hear(self, job: Job, *, paused: bool) -> None:
        """Take from the engine whether a job stands still; one that ended does not."""
        job.paused = paused
        for wait in self._waits.pop(job.key, ()):
            wait.keys.discard(job.key)
            if not wait.keys:
                wait.done()

"""A job as the desk remembers it, and what belongs to it: its batch's run, and the order to end it."""

from __future__ import annotations

from dataclasses import dataclass

from ...schemas.job import Outcome, State
from ...schemas.naming import JobKey
from ...schemas.spec import JobSpec
from ..engine import Run
from .life import SHOWN, Happening, Phase, advance


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One run of a batch: id (16 bytes), name, and how many of its jobs may run at once (0: no limit of its own)."""

    id: bytes
    name: str
    parallel: int


@dataclass(frozen=True, slots=True)
class StopOrder:
    """That a job is to be ended: first signal, grace, and who asked in words."""

    signal: int
    grace_ms: int
    asked_by: str


@dataclass(slots=True, eq=False)
class Job:
    """One job as the desk remembers it. Times in microseconds UTC, 0 for not yet."""

    row: int
    key: JobKey
    spec: JobSpec
    digest: bytes
    batch: BatchRun | None
    phase: Phase
    queued_at_us: int
    # Since when it waits or runs, as Clock.passed_us tells it: how long is not told from dates, as clocks are set.
    since_us: int = 0
    pid: int = 0
    started_at_us: int = 0
    ended_at_us: int = 0
    # When what it is now was recorded, on the scale of ages.py: its age counts from there once it has ended, and not from a date.
    aged_from_us: int = 0
    outcome: Outcome | None = None
    stop: StopOrder | None = None
    # Whether all its processes are suspended, while it runs.
    paused: bool = False
    # Why its start, or its output while it runs, must wait; empty unless it does.
    delayed_by: str = ""

    @property
    def run(self) -> Run:
        """Where its logs are."""
        return Run(self.key, self.pid, self.started_at_us, self.ended_at_us)

    @property
    def state(self) -> State:
        """The state as others are told it."""
        return SHOWN[self.phase]

    def lasted_us(self, passed_us: int) -> int:
        """Return how long it ran, or has been running or waiting, at a moment of `Clock.passed_us`."""
        if self.phase is Phase.FINISHED:
            return self.ended_at_us - (self.started_at_us or self.queued_at_us)
        return passed_us - self.since_us

    def happened(self, happening: Happening) -> None:
        """Move on.

        Raises Impossible for what cannot happen in its phase.
        """
        self.phase = advance(self.phase, happening)

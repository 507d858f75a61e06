"""A job's life, as the desk sees it: one literal table. Knows no clock and no store, and calls no engine.

Two phases look the same from outside, QUEUED and STARTING: in both the job has no process yet. They differ in who must be asked
to stop it: the queue, or the engine.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..schemas.job import Outcome, State
from ..schemas.naming import JobKey
from ..schemas.spec import JobSpec
from .engine import Run


class Phase(enum.Enum):
    """Where a job is."""

    QUEUED = enum.auto()
    STARTING = enum.auto()
    RUNNING = enum.auto()
    STOPPING = enum.auto()
    FINISHED = enum.auto()


class Happening(enum.Enum):
    """What moves a job on."""

    LAUNCHED = enum.auto()
    STARTED = enum.auto()
    STOP_ASKED = enum.auto()
    ENDED = enum.auto()


class Impossible(Exception):  # noqa: N818 -- names what was found, in the manner of a fact
    """Something happened to a job that cannot happen in its phase: a bug, or a fact that came twice in a way nobody foresaw."""


# A start or an end that is told again (after a restart) changes nothing; a stop of a queued job ends it then and there.
NEXT: dict[tuple[Phase, Happening], Phase] = {
    (Phase.QUEUED, Happening.LAUNCHED): Phase.STARTING,
    (Phase.QUEUED, Happening.STOP_ASKED): Phase.FINISHED,
    # After a restart the desk does not remember that it had launched the job.
    (Phase.QUEUED, Happening.STARTED): Phase.RUNNING,
    (Phase.QUEUED, Happening.ENDED): Phase.FINISHED,
    (Phase.STARTING, Happening.STARTED): Phase.RUNNING,
    (Phase.STARTING, Happening.STOP_ASKED): Phase.STOPPING,
    (Phase.STARTING, Happening.ENDED): Phase.FINISHED,
    (Phase.RUNNING, Happening.STARTED): Phase.RUNNING,
    (Phase.RUNNING, Happening.STOP_ASKED): Phase.STOPPING,
    (Phase.RUNNING, Happening.ENDED): Phase.FINISHED,
    (Phase.STOPPING, Happening.STARTED): Phase.STOPPING,
    (Phase.STOPPING, Happening.STOP_ASKED): Phase.STOPPING,
    (Phase.STOPPING, Happening.ENDED): Phase.FINISHED,
    (Phase.FINISHED, Happening.STARTED): Phase.FINISHED,
    (Phase.FINISHED, Happening.STOP_ASKED): Phase.FINISHED,
    (Phase.FINISHED, Happening.ENDED): Phase.FINISHED,
}


class TakeUp(enum.Enum):
    """What a desk does with a job that had not ended when it was last there."""

    QUEUE = enum.auto()
    COUNT_AS_RUNNING = enum.auto()
    # It is counted as running, and ended as it was promised.
    REPEAT_STOP = enum.auto()
    # It was stopped while it was being started, and that never came to be.
    CANCEL = enum.auto()


# By the phase in which it was stored, and whether the engine knows of it.
RECOVERED: dict[tuple[Phase, bool], TakeUp] = {
    (Phase.QUEUED, False): TakeUp.QUEUE,
    # It was launched, and the fact had not arrived or was not durable.
    (Phase.QUEUED, True): TakeUp.COUNT_AS_RUNNING,
    # An engine never forgets a job with a process: it calls it lost at least.
    (Phase.RUNNING, False): TakeUp.COUNT_AS_RUNNING,
    (Phase.RUNNING, True): TakeUp.COUNT_AS_RUNNING,
    (Phase.STOPPING, False): TakeUp.CANCEL,
    (Phase.STOPPING, True): TakeUp.REPEAT_STOP,
}

_STATES = {
    Phase.QUEUED: State.QUEUED,
    Phase.STARTING: State.QUEUED,
    Phase.RUNNING: State.RUNNING,
    Phase.STOPPING: State.STOPPING,
    Phase.FINISHED: State.FINISHED,
}
_PHASES = {
    State.QUEUED: Phase.QUEUED,
    State.RUNNING: Phase.RUNNING,
    State.STOPPING: Phase.STOPPING,
    State.FINISHED: Phase.FINISHED,
}


def advance(phase: Phase, happening: Happening) -> Phase:
    """Say the next phase.

    Raises Impossible for what is not in the table.
    """
    try:
        return NEXT[phase, happening]
    except KeyError:
        raise Impossible(f"{happening.name} in phase {phase.name}") from None


def state_of(phase: Phase) -> State:
    """Say the phase as others are told it and as it is stored."""
    return _STATES[phase]


def phase_of(state: State) -> Phase:
    """Say in which phase a stored job is taken up again."""
    return _PHASES[state]


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
    # Whether it is durable that it may have been started: without that, a power loss could make it run twice.
    launched: bool = False
    # Whether its start, and its end, are durable; before that nobody is told.
    start_recorded: bool = False
    recorded: bool = False
    # Whether all its processes stand still, while it runs.
    paused: bool = False
    # Why its start, or its output while it runs, must wait; empty unless it does.
    delayed_by: str = ""

    @property
    def run(self) -> Run:
        """Say where its logs are."""
        return Run(self.key, self.pid, self.started_at_us, self.ended_at_us)

    @property
    def state(self) -> State:
        """Say the state as others are told it."""
        return _STATES[self.phase]

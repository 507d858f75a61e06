"""A job in the desk's memory: its current attempt, the run of its batch, and the request to end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ...schemas.generated import job_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import OnFailure, Outcome, State
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.wire_codec import outcome_to_wire
from ...schemas.workers.capacity import PLAIN, Shun, Wants
from ..engine import Run
from .ends import NO_ENDS, Ends
from .life import ENDED, NEXT, SHOWN, Happening, Phase, advance

# The number of the attempt that a job begins with.
FIRST_ATTEMPT = 1


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One run of a batch: id (16 bytes), name, and how many of its jobs may run at once (0: no limit of its own).

    `on_failure`: what a failed job does to the others. `broken_by`: why they were cancelled, if one failed. For the run itself:
    `on_finish`, the spec of its final job as received, `is_finished`, whether that was queued, `ends`, how its jobs ended.
    """

    id: bytes
    name: str
    parallel: int
    on_failure: OnFailure = OnFailure.CONTINUE
    broken_by: str = ""
    on_finish: bytes = b""
    is_finished: bool = False
    ends: Ends = NO_ENDS
    # Of one that is submitted: it has no other jobs than those that come with it.
    is_whole: bool = False


class RunKey(NamedTuple):
    """Identifies a run: its owner, and its id."""

    owner: bytes
    id: bytes


@dataclass(frozen=True, slots=True)
class StopOrder:
    """A request to end a job: first signal, grace period, and who asked, for messages."""

    signal: int
    grace_ms: int
    asked_by: str


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt at a job. Times are in microseconds UTC, 0: not yet."""

    key: AttemptKey
    phase: Phase
    # Since when it waits or runs, on the scale of Clock.passed_us: durations are not computed from dates, as clocks are set.
    since_us: int = 0
    pid: int = 0
    started_at_us: int = 0
    ended_at_us: int = 0
    outcome: Outcome | None = None
    # Whether all its processes are suspended while it runs.
    paused: bool = False
    # Why its start, or its output while it runs, waits; empty if it does not.
    delayed_by: str = ""
    # Why what happened to it cannot be recorded at the moment; empty if it can.
    unrecorded: str = ""
    # The pid and the start that this run of the worker has recorded, or submitted to be; None: none yet.
    recorded_start: tuple[int, int] | None = None
    # The outcome that `told_outcome` was made of, and what that is.
    _told: tuple[Outcome, job_pb2.Outcome] | None = None

    @property
    def told_outcome(self) -> job_pb2.Outcome:
        """The outcome as events and reports contain it, empty if there is none; shared by all of them, so it must be copied."""
        if self.outcome is None:
            return job_pb2.Outcome()
        if self._told is None or self._told[0] is not self.outcome:
            self._told = self.outcome, outcome_to_wire(self.outcome)
        return self._told[1]

    @property
    def waits_for(self) -> str:
        """Everything that it waits for; empty if nothing."""
        return "; ".join(filter(None, (self.delayed_by, self.unrecorded)))

    @property
    def run(self) -> Run:
        """The run that identifies its logs."""
        return Run(self.key, self.pid, self.started_at_us, self.ended_at_us)

    def happened(self, happening: Happening) -> None:
        """Advance the phase.

        Raises Impossible for something that cannot happen in this phase.
        """
        before = self.phase
        self.phase = NEXT.get((before, happening)) or advance(before, happening)


class Refusal(NamedTuple):
    """The refusal of a job by a machine. `shun`: excludes the machine for the job; None: it may be tried again."""

    name: str
    why: str
    shun: Shun | None


# Of a million jobs that wait, hardly one has any: an empty dictionary for each would take 80 MB.
_NOBODYS: Mapping[bytes, Refusal] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Job:
    """One job: what was submitted, and the current attempt at it."""

    # Its row in the store; 0 before it has one.
    row: int
    key: JobKey
    spec: JobSpec
    digest: bytes
    batch: BatchRun | None
    # In microseconds UTC.
    queued_at_us: int
    # Replaced only when the end of the attempt before is durable: writes that are under way are about this one.
    attempt: Attempt
    # When its present state was recorded, on the scale of ages.py: once it has ended, its age counts from there and not from a date.
    aged_from_us: int = 0
    # It ends the job and not only the attempt: a job that was stopped is not tried again.
    stop: StopOrder | None = None
    # Among those of its owner; a change may have set another one than that of its spec.
    priority: int = 0
    # The time limit that it got instead of that of its spec, 0: none; None: that of its spec counts.
    changed_limit_ms: int | None = None
    # While it waits: who holds it, by name; empty if it was submitted so. None: nobody does.
    held_by: str | None = None
    # While it waits: whether that is for the end of others.
    awaits: bool = False
    # The job whose spec it was started with; that one may be forgotten.
    rerun_of: JobKey | None = None
    # The id of the job that started it with its own key, of the same owner, and how many jobs started each other before it.
    started_by: bytes = b""
    depth: int = 0
    # The size of its spec as stored, which its owner is charged for until it has ended.
    spec_bytes: int = 0
    # What it takes while it runs, and the GPUs that it was handed out when it was last launched.
    wants: Wants = PLAIN
    gpus: tuple[str, ...] = ()
    # Of several machines: the one on which the current attempt was placed, before it was launched.
    machine: bytes = b""
    # Machines that have refused it, by key: their names, why, and what the queue knows that by (None: they may be asked again).
    refusals: Mapping[bytes, Refusal] = field(default_factory=lambda: _NOBODYS)

    # Before this its next attempt does not start, on the scale of ages.py, which no clock that is set changes; 0: it waits for no time.
    # `State.deadlines` says when it is due.
    not_before_us: int = 0
    # The attempts before the current one, in their order.
    earlier: Sequence[Attempt] = ()
    # The attempt that follows the current one, while the end of that is being written. Then it takes its place; it may be chosen before,
    # and is launched after that.
    following: Attempt | None = None
    # Its store was rebuilt: whether somebody stopped it is not known any more.
    never_retried: bool = False
    # When it may start, as was asked when it was submitted, 0: it does not wait for that, or not any more. One is by the machine's clock,
    # the other on the scale of Clock.passed_us; `starts_aged_us` is what is stored of that, on the scale of ages.py, which outlives a boot.
    starts_wall_us: int = 0
    starts_passed_us: int = 0
    starts_aged_us: int | None = None
    # After this it does not start for the first time, on the same two scales, so that no clock that is set changes it. 0, None: never.
    expires_passed_us: int = 0
    expires_aged_us: int | None = None
    # It is the `on_finish` of its run, and none of the jobs that the run consists of.
    is_finish: bool = False
    # It cleans up after others of its run (clean_up.py): a failure that cancels the rest of that spares it.
    cleans_up: bool = False

    @property
    def part_of(self) -> RunKey | None:
        """The run that it is a job of; None for an `on_finish` job."""
        return RunKey(self.key.owner, self.batch.id) if self.batch is not None and not self.is_finish else None

    @property
    def lined_up_with(self) -> BatchRun | None:
        """The run whose width it counts towards."""
        return None if self.is_finish else self.batch

    @property
    def is_ready(self) -> bool:
        """Whether it may start as soon as there is room."""
        is_waiting = self.not_before_us or self.awaits or self.waits_to_start
        return self.held_by is None and not is_waiting

    @property
    def waits_to_start(self) -> bool:
        """Whether its earliest start time has not come."""
        return bool(self.starts_wall_us or self.starts_passed_us)

    @property
    def ended_before(self) -> Sequence[Attempt]:
        """The attempts before the latest one."""
        return self.earlier if self.following is None else [*self.earlier, self.attempt]

    @property
    def latest(self) -> Attempt:
        """The attempt that requests are about; the end of the one before may not have been published yet."""
        return self.following or self.attempt

    @property
    def state(self) -> State:
        """The state that others are shown."""
        return SHOWN[self.attempt.phase]

    @property
    def final_outcome(self) -> Outcome | None:
        """How it ended for good, even if that is not durable yet; None while it has not."""
        attempt = self.following or self.attempt
        return attempt.outcome if attempt.phase in ENDED else None

    def lasted_us(self, passed_us: int) -> int:
        """Return for how many microseconds it ran, or has been running or waiting, at a moment of `Clock.passed_us`."""
        attempt = self.attempt
        if attempt.phase is Phase.FINISHED:
            return attempt.ended_at_us - (attempt.started_at_us or self.queued_at_us)
        return passed_us - attempt.since_us

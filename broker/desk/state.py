"""The state that the desk decides from: jobs that have not ended, what waits and runs, and what is being written. decide.py changes it."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...schemas.generated import event_pb2
from ...schemas.jobs.conditions import base_of
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.workers.capacity import Capacity, Settings, Wants
from ..jobs import retries
from ..jobs.dependencies import Dependencies
from ..jobs.finish import Finish
from ..jobs.job import Job, RunKey, StopOrder
from ..jobs.life import WAITING, WITH_ENGINE, Phase, TakeUp
from ..jobs.loans import Loans, starters, why_never
from ..writes.jobs import Added, AddJobs, ChangeJobs
from .deadlines import Deadlines
from .effects import NEVER, Reply, WakeAt
from .inputs import Moment, Start
from .pauses import Pauses
from .queue.queue import Queue

# Of those that have refused a job.
_REFUSALS_SHOWN = 8


@dataclass(slots=True, eq=False)
class Accepting:
    """Jobs that are being written."""

    write: AddJobs
    start: Start
    jobs: Sequence[Job]
    events: Sequence[event_pb2.Event]
    # Free slots that are reserved for them.
    promised: int
    # The width that their run was given meanwhile.
    parallel: int | None = None


@dataclass(slots=True, eq=False)
class Recording:
    """Changes that are being written, and what follows when they are durable."""

    write: ChangeJobs
    events: dict[Job, list[event_pb2.Event]]
    launching: Sequence[Job]
    replies: Sequence[Reply]
    ending: Sequence[tuple[Job, StopOrder]]
    limiting: Sequence[Job] = ()
    # New jobs, with which runs end.
    finishes: Sequence[tuple[RunKey, Job]] = ()
    # Jobs that were refused where they were placed.
    returned: Sequence[Job] = ()
    # Whether the next part of what follows from ends is decided then.
    goes_on: bool = False


@dataclass(slots=True, eq=False)
class State:
    """Everything that decisions depend on: unended jobs, what waits and runs, and what is being written."""

    queue: Queue
    live: dict[JobKey, Job] = field(default_factory=dict)
    # The same, by the run of a batch that they belong to; and of each run those that have a name, by that and by it without an index.
    runs: dict[RunKey, dict[JobKey, Job]] = field(default_factory=dict)
    named: dict[RunKey, dict[str, dict[JobKey, Job]]] = field(default_factory=dict)
    pauses: Pauses = field(default_factory=Pauses)
    dependencies: Dependencies = field(default_factory=Dependencies)
    # Whether `Following` is on its way, or comes when a part of what follows is durable.
    is_following: bool = False
    # The runs of which no further job may start, and why.
    broken: dict[RunKey, str] = field(default_factory=dict)
    # Those among them with jobs that are spared, and may start.
    sparing: set[RunKey] = field(default_factory=set)
    # The runs whose `on_finish` is not queued yet; those of which no job is left; and those where that is being written.
    finishes: dict[RunKey, Finish] = field(default_factory=dict)
    finishing: set[RunKey] = field(default_factory=set)
    finished: set[RunKey] = field(default_factory=set)
    # How many starts of jobs of a run are being written.
    joining: Counter[RunKey] = field(default_factory=Counter)
    # How many jobs of each owner are being written and not in the queue yet, and the slots reserved for them.
    arriving: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    promised: int = 0
    # How many jobs of each owner are staged, or committed and not in the queue yet.
    staged: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    # While a desk finds the jobs of its store: what it still does with those of which it does anything. None: it knows all.
    recovering: dict[Job, TakeUp] | None = None
    # The bytes of the specs of each owner's jobs that have not ended, are staged, or are being written.
    held_bytes: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    under_way: dict[int, Accepting | Recording] = field(default_factory=dict)
    writes: int = 0
    # New jobs that are durable, and take their places in the queue with the next input, which is `Reconsidered`.
    entering: list[tuple[Accepting, Added]] = field(default_factory=list)
    # The jobs that wait for a time: on the scale of Moment.passed_us, and by the machine's clock; and when the desk was told to wake up.
    deadlines: Deadlines[Job] = field(default_factory=Deadlines)
    clock_deadlines: Deadlines[Job] = field(default_factory=Deadlines)
    # The jobs that end if they still wait at a time, on the scale of Moment.passed_us.
    expiring: Deadlines[Job] = field(default_factory=Deadlines)
    # None that says nothing about that itself expires before this; they are looked at together.
    lapses_us: int | None = None
    # Those that are to end for that, if they still wait.
    lapsed: deque[Job] = field(default_factory=deque)
    alarm: WakeAt | None = NEVER
    # The jobs that wait for jobs which they started.
    loans: Loans = field(default_factory=Loans)
    # Attempts whose broker says that they wait for jobs, which may be anywhere.
    wait_at_broker: set[AttemptKey] = field(default_factory=set)
    # What the worker was started with for jobs, and what an operator has set instead.
    capacity: Capacity = field(default_factory=lambda: Capacity(1))
    settings: Settings = field(default_factory=Settings)

    def add(self, job: Job) -> None:
        """Add a job that has not ended, whose spec is charged to its owner already."""
        self.live[job.key] = job
        if job.batch is not None:
            run = RunKey(job.key.owner, job.batch.id)
            self.runs.setdefault(run, {})[job.key] = job
            if job.spec.name:
                named = self.named.setdefault(run, {})
                for name in {job.spec.name, base_of(job.spec.name)}:
                    named.setdefault(name, {})[job.key] = job

    def remove(self, job: Job) -> None:
        """Remove a job that has ended."""
        self.expiring.drop(job)
        del self.live[job.key]
        self.hold(job.key.owner, -job.spec_bytes)
        if job.batch is not None:
            run = RunKey(job.key.owner, job.batch.id)
            del self.runs[run][job.key]
            if job.spec.name:
                for name in {job.spec.name, base_of(job.spec.name)}:
                    del self.named[run][name][job.key]
            if not self.runs[run]:
                del self.runs[run]
                self.named.pop(run, None)
                if self.broken:
                    self.broken.pop(run, None)
                    self.sparing.discard(run)

    def stage(self, owner: bytes, jobs: int, spec_bytes: int) -> None:
        """Count staged jobs of an owner; negative: they are no longer staged, or are being written."""
        self.staged[owner] += jobs
        if not self.staged[owner]:
            del self.staged[owner]
        self.hold(owner, spec_bytes)

    def hold(self, owner: bytes, size_bytes: int) -> None:
        """Count bytes of specs held for an owner; negative: they are released."""
        self.held_bytes[owner] += size_bytes
        if not self.held_bytes[owner]:
            del self.held_bytes[owner]

    def wait(self, job: Job, moment: Moment, wait_us: int) -> None:
        """Let a job that is not in a line of the queue wait this long from this moment on; `Due` ends the wait."""
        job.not_before_us = moment.aged_us + wait_us
        self.deadlines.set(job, moment.passed_us + wait_us)

    def joined(self, run: RunKey) -> None:
        """Note that jobs that were to join a run have arrived, or will not."""
        self.joining[run] -= 1
        if not self.joining[run]:
            del self.joining[run]

    def enqueue(self, job: Job) -> None:
        """Queue a job; one that waits for a start time is let in when that has come.

        Its place is that of its row, so a retry does not wait behind everything submitted since, nor a job after a restart.
        """
        self.queue.add(job.key, job.lined_up_with, job.priority, ready=job.is_ready, wants=self.wants(job), order=job.row)
        if job.starts_passed_us:
            self.deadlines.set(job, job.starts_passed_us)
        if job.starts_wall_us:
            self.clock_deadlines.set(job, job.starts_wall_us)
        if not job.expires_passed_us:
            return
        if job.spec.says_until_when:
            self.expiring.set(job, job.expires_passed_us)
        elif self.lapses_us is None or job.expires_passed_us < self.lapses_us:
            self.lapses_us = job.expires_passed_us

    def wants(self, job: Job) -> Wants:
        """Return what a job takes, with its time limit if that decides on which machine it runs."""
        limit_ms = job.spec.time_limit_ms if job.changed_limit_ms is None else job.changed_limit_ms
        wants = self.queue.stock.timed(job.wants, limit_ms)
        if not job.refusals:
            return wants
        shuns = tuple(sorted(one.shun for one in job.refusals.values() if one.shun is not None))
        return wants._replace(shuns=shuns) if shuns else wants

    def let_in(self, job: Job) -> None:
        """Let a job start whose start time has come, unless it also waits for something else."""
        # One that is being written is put into the queue when it is durable.
        if job.is_ready and job.key in self.live:
            self.queue.let_in(job.key)

    def wait_no_more(self, job: Job) -> None:
        """Drop the deadline of a job that has ended."""
        self.deadlines.drop(job)
        self.clock_deadlines.drop(job)

    def waiting_of(self, owner: bytes) -> int:
        """Return how many jobs of this owner wait, including staged ones and those being written."""
        return self.queue.waiting_of(owner) + self.arriving.get(owner, 0) + self.staged.get(owner, 0)

    def holds_slot(self, key: JobKey) -> bool:
        """Return whether a job is in one of the slots."""
        job = self.live.get(key)
        return job is not None and job.attempt.phase in WITH_ENGINE

    def why_waiting(self, job: Job) -> str:
        """Return why a job does not run yet, or does not continue; empty if it does not wait."""
        attempt = job.attempt
        if attempt.phase in WAITING:
            if job.held_by is not None:
                return held(job.held_by)
            if job.awaits:
                return self.dependencies.why_waiting(job.key, self.live)
            if job.not_before_us:
                return retries.why_waiting(job)
            return self.queue.why_waiting(job.key) + self._why_never(job) + _refused_by(job)
        return "" if attempt.phase is Phase.FINISHED else attempt.waits_for

    def _why_never(self, job: Job) -> str:
        """Return, as the end of a sentence, that a job cannot start while the job that waits for it runs; empty if it can."""
        waiting = list(starters(job.key.owner, job.started_by, self.live))
        if not waiting or not self.queue.lends(waiting[0].key):
            return ""
        why = why_never(job.wants, waiting, self.queue.stock.capacity)
        return f"; {why}: stop one of them" if why else ""


def _refused_by(job: Job) -> str:
    """Return, as the end of a sentence, which machines have refused a job; empty if none has."""
    return "".join(f"; {one.name} refused it: {one.why}" for one in list(job.refusals.values())[-_REFUSALS_SHOWN:])


def held(by: str) -> str:
    """Return why a held job waits."""
    return f"{by} holds it until it is released" if by else "it was submitted on hold, and waits until it is released"

"""The inputs of the desk: requests, facts from the engine, and results of writes. Values."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...schemas.jobs.spec import JobSpec
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Refused
from ...schemas.workers.capacity import NOBODYS, Capacity, Settings, Wants
from ..engine import Fact
from ..jobs.job import BatchRun, Job, RunKey, StopOrder
from ..jobs.targets import Edge
from ..writes.jobs import Added, Conflict, Origin
from ..writes.schedules import Fired
from ..writes.staged import Queued
from .queue.stock import End


class Moment(NamedTuple):
    """The time of a decision: the date, the time since the machine was booted, and the time on the scale of ages.

    `wall_us`: the machine's clock, which people set, and by which they say when a job is to start.
    """

    now_us: int
    passed_us: int
    aged_us: int
    wall_us: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One job as requested: `raw` is its spec as received, which is what is stored.

    `rerun_of`: the job that it runs again, if it is a rerun. `is_only_named`: the request has no spec; it is taken from that job.
    """

    id: bytes
    spec: JobSpec
    digest: bytes
    raw: bytes
    rerun_of: JobKey | None = None
    is_only_named: bool = False


class Accepted(NamedTuple):
    """The jobs of a start, which are now durable, in the order requested; how many were known; and the seq before their first event.

    `seq` is None if nothing was to be recorded.
    """

    keys: Sequence[JobKey]
    known: int
    seq: int | None


class Start(NamedTuple):
    """Accept all jobs or none; `done` is called with the result, before any of them starts.

    `shortage` is the result if one of them is new and there is no space for it.
    """

    owner: bytes
    asked: Sequence[Asked]
    batch: BatchRun | None
    proof: bytes
    shortage: Refused | None
    done: Callable[[Accepted | Refused], None]
    # What is recorded of the schedule that starts them, in the same commit.
    fired: Fired | None = None
    # The id of the job that starts them with its own key, and how many jobs started each other before them.
    started_by: bytes = b""
    depth: int = 0
    # By which broker it came; then it is one job.
    origin: Origin | None = None
    # The slice of a committed run that they are, and the ids of those that clean up after others of it.
    queued: Queued | None = None
    clean_up: Container[bytes] = frozenset()

    @property
    def needs_no_others(self) -> bool:
        """Whether its jobs depend only on jobs in the same start, and on nothing that a desk recovers at its start."""
        is_asked_for = self.fired is None and self.origin is None and self.queued is None and not self.started_by
        return is_asked_for and self.batch is None and not any(one.spec.after for one in self.asked)


class Stop(NamedTuple):
    """End jobs with all their processes; `done` is called when the request is durable. Jobs that have ended are skipped.

    `only_queued`: jobs that may have a process are skipped too.
    """

    orders: Sequence[tuple[JobKey, StopOrder]]
    proof: bytes
    done: Callable[[], None]
    only_queued: bool = False


class Signal(NamedTuple):
    """Send one signal to all processes of a job; `done` is called with the reason if not all received it, else None."""

    key: JobKey
    number: int
    done: Callable[[Refused | None], None]
    # The request, which a broker passes on.
    proof: bytes = b""


class Suspend(NamedTuple):
    """Suspend all of these jobs, or (`paused` False) resume them; `done` gets the reason if that fails. Repeating it changes nothing."""

    keys: Sequence[JobKey]
    paused: bool
    done: Callable[[Refused | None], None]
    proof: bytes = b""


class Alter(NamedTuple):
    """Hold or release waiting jobs, set their priority, or the time limit of waiting or running jobs (0: none); None: unchanged.

    `done` is called when the change is durable, or with the reason why it is refused. `by`: who requested it. `skips`: jobs that cannot be
    changed are skipped; otherwise all are changed or none.
    """

    keys: Sequence[JobKey]
    held: bool | None
    priority: int | None
    time_limit_ms: int | None
    by: str
    proof: bytes
    done: Callable[[Refused | None], None]
    skips: bool = False


class SetWidth(NamedTuple):
    """Change how many jobs of runs may run at once; `done` is called when that is durable."""

    runs: Sequence[RunKey]
    parallel: int
    proof: bytes
    done: Callable[[], None]


class SetCapacity(NamedTuple):
    """Change the capacity for jobs; `done` is called when that is durable. `reset`: first drop everything that was set before."""

    settings: Settings
    reset: bool
    proof: bytes
    done: Callable[[], None]


class Await(NamedTuple):
    """A command inside a job waits for jobs that this job started; with `begins` False, it no longer does.

    `outer`: the attempt that runs the command.
    """

    outer: AttemptKey
    inner: Sequence[JobKey]
    begins: bool


class Lend(NamedTuple):
    """An attempt waits for jobs that its broker knows; with `begins` False, it no longer does."""

    key: AttemptKey
    begins: bool


class SetMachine(NamedTuple):
    """Change the capacity of one of several machines (None: unchanged), and whether jobs may be placed there. `name` is for people.

    `end`: when it ends, if it does. `gone`: it will not come back. `renewed`: it may now accept what it has refused.
    """

    machine: bytes
    name: str
    capacity: Capacity | None
    ready: bool
    end: End | None = None
    gone: bool = False
    renewed: bool = False
    # What others have there, that is, no jobs of this desk.
    others: Wants = NOBODYS
    # Why no jobs are placed there, as what follows `which`.
    why_closed: str = ""


class Facts(NamedTuple):
    """Facts from the engine, in order."""

    facts: Sequence[Fact]


class Found(NamedTuple):
    """Jobs that a desk finds in its store at its start. `known`: attempts that the engine knows; `awaiting`: jobs with dependencies."""

    jobs: Sequence[Job]
    known: Container[AttemptKey] = ()
    awaiting: Container[JobKey] = ()


class EdgesFound(NamedTuple):
    """The dependencies of some of these jobs, after all jobs are found."""

    edges: Sequence[tuple[JobKey, Sequence[Edge]]]


class RunsFound(NamedTuple):
    """Some of the runs, after all jobs and their dependencies are found.

    `unfinished`: those whose `on_finish` was not queued, each with its owner; after all of these, the runs that have jobs.
    """

    unfinished: Sequence[tuple[bytes, BatchRun]] = ()
    runs: Sequence[RunKey] = ()


class Recovered(NamedTuple):
    """Part of what the engine knows about these jobs. After the last part, jobs start again."""

    facts: Sequence[Fact]
    is_last: bool = True


class Written(NamedTuple):
    """The result of the write with this number; for changes, the number of the first event."""

    number: int
    result: Added | Conflict | Refused | int


class WriteDelayed(NamedTuple):
    """The write with this number failed, and is retried until it succeeds. Passed for each failure, with the reason."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """Limits have changed, or new jobs are durable and acknowledged."""


@dataclass(frozen=True, slots=True)
class Due:
    """The moment of `WakeAt` has come, or the machine's clock was set."""


@dataclass(frozen=True, slots=True)
class Following:
    """There are more consequences of ends to decide."""


Input = (
    Start
    | Stop
    | Signal
    | Suspend
    | Alter
    | SetWidth
    | SetCapacity
    | Await
    | Lend
    | SetMachine
    | Facts
    | Found
    | EdgesFound
    | RunsFound
    | Recovered
    | Written
    | WriteDelayed
    | Reconsidered
    | Due
    | Following
)

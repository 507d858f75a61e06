"""The interface between the desk and what runs jobs: effects go down, facts come up.

It is implemented by this machine (worker/engine/engine.py), and by the workers of a broker (broker/fleet/engine.py). Every effect is
idempotent by the key of an attempt: a start that is repeated starts nothing. Facts about one attempt arrive in order; a fact is repeated
(by `recover`) until it is `settled`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from ..schemas.jobs.spec import JobSpec
from ..schemas.jobs.states import Outcome
from ..schemas.jobs.terminal import TerminalSize
from ..schemas.naming import AttemptKey, JobKey
from ..schemas.refusal import Refused
from ..schemas.workers.capacity import Capacity
from .depot import Depot

StreamName = Literal["stdout", "stderr"]


class Launch(NamedTuple):
    """An attempt at a job to start; its start time is never before it was queued, even if the clock was set meanwhile."""

    key: AttemptKey
    spec: JobSpec
    queued_at_us: int = 0
    # The job whose spec it is, if it was run again: recorded with the logs.
    rerun_of: JobKey | None = None
    # The time limit that it got instead of that of its spec, 0: none; None: that of its spec counts.
    changed_limit_ms: int | None = None
    # The GPUs that it was handed out.
    gpus: tuple[str, ...] = ()
    # Of several machines: the one on which it was placed, which is durable.
    machine: bytes = b""
    # What it finds in the file of its key, if it may start jobs.
    key_text: bytes = b""
    # The id of the job that started it, and how many jobs started each other before it: recorded with the logs.
    started_by: bytes = b""
    depth: int = 0


class Run(NamedTuple):
    """Identifies the logs of an attempt: its process and times (microseconds UTC); pid 0 if it could not start, end 0 while it runs."""

    key: AttemptKey
    pid: int
    started_at_us: int
    ended_at_us: int = 0


class Started(NamedTuple):
    """The job has a process. `adopted`: it was found again after a restart. `paused`: all its processes are suspended."""

    key: AttemptKey
    pid: int
    started_at_us: int
    adopted: bool = False
    paused: bool = False


class Ended(NamedTuple):
    """Nothing of the job is left and its logs are complete. pid 0: it could not be started; the outcome says why.

    `ended_passed_us`: its end on CLOCK_BOOTTIME, of this or an earlier run of the machine; 0: not known. `ended_ago_us`: how long ago it
    ended, if it is told later.
    """

    key: AttemptKey
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome
    ended_passed_us: int = 0
    ended_ago_us: int = 0


class Paused(NamedTuple):
    """All processes of a running job are suspended now, or (`paused` False) continue. `why`: why they could not be suspended."""

    key: AttemptKey
    paused: bool
    why: str = ""


class Delayed(NamedTuple):
    """A job waits for something that only the engine knows: its start, which was tried, or its output. It continues by itself.

    An empty `why` means that it no longer waits. A job that has started does not wait until another fact says so. `stuck`: its end waits,
    because some of its processes cannot be ended, or its output has no space; whoever waits for the end is notified.
    """

    key: AttemptKey
    why: str
    stuck: bool = False


class Returned(NamedTuple):
    """Of several machines, the one on which the job was placed has refused it: it was never accepted there, and never will be.

    `name`: of the machine, for people. `lasts`: that machine would refuse it again, until more is known of it.
    """

    key: AttemptKey
    machine: bytes
    name: str
    why: str
    lasts: bool = True


Fact = Started | Ended | Paused | Delayed | Returned


class Hashed(NamedTuple):
    """The hashes of the output of an attempt that has ended: roots, and those of parts (keys/proofs/log_hash.py). `problem`: why not.

    `told`: of another worker, what that tells and has signed about the end, with the roots.
    """

    key: AttemptKey
    stdout_root: bytes = b""
    stderr_root: bytes = b""
    stdout_hashes: bytes = b""
    stderr_hashes: bytes = b""
    problem: str = ""
    told: Outcome | None = None


class LogHasher(Protocol):
    """Hashes the output of attempts that have ended, while nobody waits for it."""

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Pass results to `done`, on the loop, from now on."""
        ...

    def recorded(self, key: AttemptKey) -> None:
        """Note that a result is durable, or is not wanted."""
        ...

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Hash so many bytes of stdout and of stderr, unless that is being done. The end of the attempt is durable."""
        ...

    def is_hashing(self, key: AttemptKey) -> bool:
        """Return whether the output of an attempt is still to be hashed, or that is not durable."""
        ...


class Expected(NamedTuple):
    """A job that has not ended as far as the desk knows: queued (pid 0) or running. It cannot have started before it was queued.

    `launched`: a start may have been requested, without a fact about it so far. `spec`: if it is known.
    """

    key: AttemptKey
    pid: int
    started_at_us: int
    queued_at_us: int
    launched: bool
    spec: JobSpec | None = None
    rerun_of: JobKey | None = None
    machine: bytes = b""


class LogPart(NamedTuple):
    """Bytes of a log from a known position, and the size of the log so far."""

    start: int
    data: bytes
    size: int


class LogPiece(NamedTuple):
    """So many bytes, of which stream they are, and when they arrived (microseconds UTC)."""

    stream: StreamName
    size: int
    at_us: int


class LogReader(Protocol):
    """Reads one log from a position to its end, however long that takes; or both, in the order in which their bytes arrived."""

    @property
    def pieces(self) -> Sequence[LogPiece]:
        """What the bytes of the last read are; empty without times."""
        ...

    def read(self, length: int) -> bytes:
        """Return the next bytes, at most `length`; empty if there are none now. Raises Refused if they cannot be read."""
        ...

    def close(self) -> None:
        """Release file and watch."""
        ...


class Feeder(Protocol):
    """What feeds the standard input of a job through an `Inlet`. Called on the loop, never during a call of its inlet."""

    def advance(self) -> None:
        """Check the inlet again: more can be written to it."""
        ...

    def over(self, why: str) -> None:
        """Stop: the job gets no more; `why`, empty if it has got everything."""
        ...

    def taken(self) -> None:
        """Stop: a feeder with another token feeds the job."""
        ...

    def refuse(self, refused: Refused) -> None:
        """Stop: the job cannot be fed from here, and waits for its feeder."""
        ...


class Inlet(Protocol):
    """The standard input of a running job. Offsets count from its first byte."""

    @property
    def reached(self) -> int:
        """How many bytes have arrived; they are not lost any more."""
        ...

    @property
    def limit(self) -> int:
        """Up to which offset bytes may be written now; 0 until the first `advance`."""
        ...

    def write(self, data: memoryview) -> None:
        """Add bytes. Raises Refused if that is not possible."""
        ...

    def note(self, size: int, state: bytes) -> None:
        """Note a state of who feeds, when the bytes up to `size` have arrived: 32 bytes; the last two are kept while the job runs."""
        ...

    def noted(self) -> tuple[int, bytes]:
        """Return the last note that is of no more than has arrived, and its size; 0 and nothing if there is none."""
        ...

    def reread(self, start: int) -> bytes:
        """Return what has arrived from an offset on: no more than a megabyte is there for certain, before the last one."""
        ...

    def finish(self, problem: str = "") -> None:
        """End the input after what was written; `problem` says what is wrong with that, and the job counts as failed."""
        ...

    def close(self) -> None:
        """Stop feeding; the job waits for its feeder for a while."""
        ...


class Terminal(Protocol):
    """The terminal of a running job, for one who types there. Others may do so at the same time."""

    def type(self, data: bytes) -> int:
        """Type bytes and return how many of them; `advance` says when more can be typed. 0 until the first `advance`."""
        ...

    def resize(self, size: TerminalSize) -> None:
        """Give it this size; does nothing before the first `advance`."""
        ...

    def close(self) -> None:
        """Stop typing."""
        ...


class Engine(Protocol):
    """What a desk needs from whatever runs its jobs."""

    @property
    def capacity(self) -> Capacity:
        """What there is for jobs, unless an operator has set something else."""
        ...

    @property
    def memory_problem(self) -> str:
        """Why the memory of jobs is not limited, whatever their spec says; empty: it is."""
        ...

    @property
    def depot(self) -> Depot:
        """What keeps the files of the jobs."""
        ...

    def start(self, launches: Sequence[Launch]) -> None:
        """Start jobs; `Started` or `Ended` follows for each."""
        ...

    def signal(self, key: AttemptKey, number: int, done: Callable[[Refused | None], None], proof: bytes) -> None:
        """Send one signal to all processes of a job; `done` gets why not all received it, if so. `proof`: the request, as received."""
        ...

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        """Give a job that was started another time limit, which counts from its start; 0: none. Said again for each run of the desk."""
        ...

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes) -> None:
        """Suspend a running job, or let it continue; `Paused` or `Ended` follows. `proof`: the request, as received."""
        ...

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Let other jobs use the slots of one that waits for jobs which it has started, or (`begins` False) not any more."""
        ...

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        """Send `number` to the whole job and SIGKILL after the grace (0: at once); `Ended` follows when nothing is left."""
        ...

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Report that the `Ended` facts of these jobs are durable; the engine may forget them."""
        ...

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the logs of runs that have ended; `done` is called once, with those that are gone. Does not wait for the disk."""
        ...

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        """Return what happened to these jobs, and to all others that the engine knows.

        A job with a pid of which nothing can be found is reported `Ended` as lost; so is one that was launched, if the engine cannot
        exclude that it ran. A job that never reached the engine is not reported.
        """
        ...

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        """Return a range, which is shorter at the end of the log. Raises Refused(NOT_FOUND) if there is no log."""
        ...

    def tail_log(self, run: Run, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines that fit into `most_bytes`."""
        ...

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        """Return a reader from `start`; `on_growth` is called (on the loop) whenever there may be more."""
        ...

    def follow_timed(self, run: Run, streams: Sequence[StreamName], starts: Sequence[int], on_growth: Callable[[], None]) -> LogReader:
        """Return a reader with times; `starts` are the positions in stdout and in stderr."""
        ...

    def find_in_logs(self, run: Run, since_us: int) -> Sequence[int]:
        """Return from which positions on stdout and stderr hold what arrived at a moment or later."""
        ...

    def feed(self, key: AttemptKey, token: bytes, feeder: Feeder) -> Inlet:
        """Return the standard input of a running job whose spec says `feed`; the feeder is told when it can be written to.

        The first token that is used for a job is the only one that can be used for it.
        """
        ...

    def terminal(self, key: AttemptKey, feeder: Feeder) -> Terminal:
        """Return the terminal of a running job that has one; the feeder is told when it can be typed at."""
        ...

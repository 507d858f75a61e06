"""The interface between the desk and what runs jobs: effects go down, facts come up.

It is implemented by this machine (worker/engine/engine.py), and by the workers of a broker (broker/fleet/engine.py). Every effect is
idempotent by the key of an attempt: a repeated start starts nothing. Facts about one attempt arrive in order; a fact is repeated (by
`recover`) until it is `settled`.
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
    """An attempt to start; its start time is never before it was queued, even if the clock was set meanwhile."""

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

    `ended_passed_us`: its end on CLOCK_BOOTTIME, of this or an earlier boot; 0: not known. `ended_ago_us`: how long ago it ended, if it is
    reported later.
    """

    key: AttemptKey
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome
    ended_passed_us: int = 0
    ended_ago_us: int = 0


class Paused(NamedTuple):
    """All processes of a running job are suspended now, or (`paused` False) resumed. `why`: why they could not be suspended."""

    key: AttemptKey
    paused: bool
    why: str = ""


class Delayed(NamedTuple):
    """A job waits for something that only the engine knows: its attempted start, or its output. It continues by itself.

    An empty `why` means that it no longer waits. A job that has started does not wait until another fact says so. `stuck`: its end waits,
    because some of its processes cannot be killed, or its output has no space; whoever waits for the end is notified.
    """

    key: AttemptKey
    why: str
    stuck: bool = False


class Returned(NamedTuple):
    """With several machines: the one on which the job was placed has refused it; it was never accepted there, and never will be.

    `name`: of the machine, for people. `lasts`: that machine would refuse it again, until its state is known to have changed.
    """

    key: AttemptKey
    machine: bytes
    name: str
    why: str
    lasts: bool = True


Fact = Started | Ended | Paused | Delayed | Returned


class Hashed(NamedTuple):
    """The hashes of the output of an ended attempt: roots, and those of parts (keys/proofs/log_hash.py). `problem`: why there are none.

    `told`: for another worker's attempt, its signed statement about the end, with the roots.
    """

    key: AttemptKey
    stdout_root: bytes = b""
    stderr_root: bytes = b""
    stdout_hashes: bytes = b""
    stderr_hashes: bytes = b""
    problem: str = ""
    told: Outcome | None = None


class LogHasher(Protocol):
    """Hashes the output of ended attempts at low priority."""

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Pass results to `done`, on the loop, from now on."""
        ...

    def recorded(self, key: AttemptKey) -> None:
        """Note that a result is durable, or no longer wanted."""
        ...

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Hash this many bytes of stdout and of stderr, unless that is in progress. The end of the attempt is durable."""
        ...

    def is_hashing(self, key: AttemptKey) -> bool:
        """Return whether the output of an attempt is still to be hashed, or its hashes are not durable yet."""
        ...


class Expected(NamedTuple):
    """A job that has not ended as far as the desk knows: queued (pid 0) or running. It cannot have started before it was queued.

    `launched`: a start may have been requested, without a fact about it so far. `spec`: if known.
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
    """A number of bytes, the stream they belong to, and when they arrived (microseconds UTC)."""

    stream: StreamName
    size: int
    at_us: int


class LogReader(Protocol):
    """Reads one log from a position to its end, however long that takes; or both logs, in the order in which their bytes arrived."""

    @property
    def pieces(self) -> Sequence[LogPiece]:
        """The pieces of the last read; empty without times."""
        ...

    def read(self, length: int) -> bytes:
        """Return the next bytes, at most `length`; empty if there are none now. Raises Refused if they cannot be read."""
        ...

    def close(self) -> None:
        """Close the file and its watch."""
        ...


class Feeder(Protocol):
    """A client that feeds the standard input of a job through an `Inlet`. Called on the loop, never during a call of its inlet."""

    def advance(self) -> None:
        """Check the inlet again: more can be written to it."""
        ...

    def over(self, why: str) -> None:
        """Stop: the job takes no more input; `why` is empty if it got everything."""
        ...

    def taken(self) -> None:
        """Stop: a feeder with another token feeds the job."""
        ...

    def refuse(self, refused: Refused) -> None:
        """Stop: the job cannot be fed over this stream, and waits for its feeder."""
        ...


class Inlet(Protocol):
    """The standard input of a running job. Offsets count from its first byte."""

    @property
    def reached(self) -> int:
        """How many bytes have arrived; these are not lost."""
        ...

    @property
    def limit(self) -> int:
        """Up to which offset bytes may be written now; 0 until the first `advance`."""
        ...

    def write(self, data: memoryview) -> None:
        """Add bytes. Raises Refused if they cannot be written."""
        ...

    def note(self, size: int, state: bytes) -> None:
        """Store 32 bytes of the feeder's state at offset `size`, once that many bytes have arrived; the last two notes are kept."""
        ...

    def noted(self) -> tuple[int, bytes]:
        """Return the last note whose size has been reached, and the size; empty and 0 if there is none."""
        ...

    def reread(self, start: int) -> bytes:
        """Return the bytes from an offset on; only the megabyte before the last note is guaranteed to be available."""
        ...

    def finish(self, problem: str = "") -> None:
        """End the input after the bytes written; with a `problem`, which says what is wrong with them, the job counts as failed."""
        ...

    def close(self) -> None:
        """Stop feeding; the job waits for its feeder for a while."""
        ...


class Terminal(Protocol):
    """The terminal of a running job, for one client that types there. Others may type at the same time."""

    def type(self, data: bytes) -> int:
        """Type bytes and return how many were accepted; `advance` is called when more can be typed. Returns 0 until the first `advance`."""
        ...

    def resize(self, size: TerminalSize) -> None:
        """Set the size; does nothing before the first `advance`."""
        ...

    def close(self) -> None:
        """Stop typing."""
        ...


class Engine(Protocol):
    """What a desk needs from whatever runs its jobs."""

    @property
    def capacity(self) -> Capacity:
        """The capacity for jobs, unless an operator has set another one."""
        ...

    @property
    def memory_problem(self) -> str:
        """Why memory limits of jobs are not enforced; empty if they are."""
        ...

    @property
    def depot(self) -> Depot:
        """The depot, which keeps the files of the jobs."""
        ...

    def start(self, launches: Sequence[Launch]) -> None:
        """Start jobs; `Started` or `Ended` follows for each."""
        ...

    def signal(self, key: AttemptKey, number: int, done: Callable[[Refused | None], None], proof: bytes) -> None:
        """Send one signal to all processes of a job; `done` gets the reason if not all received it. `proof`: the signed request."""
        ...

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        """Set another time limit for a started job, counted from its start; 0: none. Repeated for each run of the desk."""
        ...

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes) -> None:
        """Suspend a running job, or resume it; `Paused` or `Ended` follows. `proof`: the request, as received."""
        ...

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Let other jobs use the slots of one that waits for jobs it has started; with `begins` False, no longer."""
        ...

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        """Send signal `number` to the whole job, and SIGKILL after the grace period (0: at once); `Ended` follows when nothing is left."""
        ...

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Note that the `Ended` facts of these jobs are durable; the engine may forget them."""
        ...

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the logs of ended runs; `done` is called once, with those that are gone. Does not wait for the disk."""
        ...

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        """Return what happened to these jobs, and to all others that the engine knows.

        A job with a pid that left no trace is reported `Ended` as lost; so is one that was launched, if the engine cannot exclude that it
        ran. A job that never reached the engine is not reported.
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
        """Return the standard input of a running job whose spec says `feed`; the feeder is called when it can be written to.

        Only the first token that is used for a job is accepted.
        """
        ...

    def terminal(self, key: AttemptKey, feeder: Feeder) -> Terminal:
        """Return the terminal of a running job that has one; the feeder is called when it can be typed at."""
        ...

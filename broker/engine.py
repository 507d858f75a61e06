"""The seam between the desk and what runs jobs: effects go down, facts come up.

Beneath it stands this very machine (worker/engine/engine.py) or, later, a fleet of workers. Every effect is idempotent by job key: a
start that is repeated starts nothing. Facts of one job come in order; a fact is repeated (by `recover`) until it was `settled`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..schemas.job import Outcome
from ..schemas.naming import JobKey
from ..schemas.refusal import Refused
from ..schemas.spec import JobSpec

StreamName = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Launch:
    """A job to start; it does not start before it was queued, whatever became of the clock meanwhile."""

    key: JobKey
    spec: JobSpec
    queued_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Where the logs of a job are: its process and times (microseconds UTC); pid 0 if it could not start, end 0 while it runs."""

    key: JobKey
    pid: int
    started_at_us: int
    ended_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """The job has a process. `adopted`: it was found again after a restart. `paused`: all of it stands still."""

    key: JobKey
    pid: int
    started_at_us: int
    adopted: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing of the job is left and its logs are whole. pid 0: it could not be started; the outcome tells why."""

    key: JobKey
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Paused:
    """All processes of a job that runs stand still now, or (`paused` False) go on. `why`: they were to stand still, and cannot."""

    key: JobKey
    paused: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Delayed:
    """A job must wait for something that only the engine sees: its start, which was tried, or in its writes. It goes on by itself.

    `why` empty: it waits no more. A job that has started does not wait, unless that is said again. `stuck`: its end waits, because some of
    its processes cannot be ended, and who waits for that is told.
    """

    key: JobKey
    why: str
    stuck: bool = False


Fact = Started | Ended | Paused | Delayed


@dataclass(frozen=True, slots=True)
class Expected:
    """A job that the desk believes not to have ended: queued (pid 0) or running. It cannot have started before it was queued.

    `launched`: a start may have been asked for, of which nothing was heard yet. `spec`: where it is known.
    """

    key: JobKey
    pid: int
    started_at_us: int
    queued_at_us: int
    launched: bool
    spec: JobSpec | None = None


@dataclass(frozen=True, slots=True)
class LogPart:
    """Bytes of a log from a known position, and how many there are so far."""

    start: int
    data: bytes
    size: int


class LogReader(Protocol):
    """Reads one log from a position to its end, however long that takes."""

    def read(self, length: int) -> bytes:
        """Get the next bytes, at most `length`; empty if there are none now."""
        ...

    def close(self) -> None:
        """Let go of file and watch."""
        ...


class Engine(Protocol):
    """What a desk needs of what runs its jobs."""

    @property
    def slots(self) -> int:
        """How many jobs may run at once."""
        ...

    def start(self, launches: Sequence[Launch]) -> None:
        """Start jobs; `Started` or `Ended` comes for each."""
        ...

    def signal(self, key: JobKey, number: int, done: Callable[[Refused | None], None]) -> None:
        """Send one signal to all processes of a job; `done` gets why not all got it, if so."""
        ...

    def pause(self, key: JobKey, *, paused: bool) -> None:
        """Let a job that runs stand still, or go on; `Paused` or `Ended` comes."""
        ...

    def end(self, key: JobKey, number: int, grace_ms: int) -> None:
        """Send `number` to the whole job and SIGKILL after the grace (0: at once); `Ended` comes when nothing is left."""
        ...

    def settled(self, keys: Sequence[JobKey]) -> None:
        """Say that the `Ended` facts of these are durable; the engine may forget them."""
        ...

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the logs of runs that have ended; `done` gets those that are gone. Waits for no disk."""
        ...

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        """Say what became of these, and of all others that the engine knows of.

        A job with a pid of which nothing can be found is reported `Ended` as lost; so is one that was launched, if the engine cannot
        exclude that it ran. One that never reached the engine is not reported.
        """
        ...

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        """Read a range; shorter at the end of the log. `Refused(NOT_FOUND)` if there is no log."""
        ...

    def tail_log(self, run: Run, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Read the last lines, as far as they fit into `most_bytes`."""
        ...

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        """Read on from `start`; `on_growth` is called (on the loop) whenever there may be more."""
        ...

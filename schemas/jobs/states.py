"""States and outcomes of jobs, the exit status for an outcome, and the kinds of events."""

from __future__ import annotations

import enum

from ..private_parts.frozen import frozen
from . import reserved_statuses


class State(enum.IntEnum):
    """The state of a job; numbers as in job.proto."""

    QUEUED = 1
    RUNNING = 2
    STOPPING = 3
    FINISHED = 4


class OutcomeKind(enum.IntEnum):
    """How a job ended; numbers as in job.proto."""

    EXITED = 1
    SIGNALED = 2
    FAILED_TO_START = 3
    TIMED_OUT = 4
    CANCELLED = 5
    OVER_LIMIT = 6
    LOST = 7


class OnFailure(enum.IntEnum):
    """What happens to the rest of a run when one of its jobs fails; numbers as in job.proto. STOP_REST also stops jobs that run."""

    CONTINUE = 0
    CANCEL_REST = 1
    STOP_REST = 2


class JobTime(enum.IntEnum):
    """One of the times of a job; numbers as in request.proto."""

    QUEUED = 1
    STARTED = 2
    ENDED = 3


class Pick(enum.IntEnum):
    """Which job a name refers to if several jobs have it; numbers as in request.proto. ONLY: refuse an ambiguous name."""

    ONLY = 0
    NEWEST = 1
    ALIVE = 2


class EventKind(enum.IntEnum):
    """The kind of an event; numbers as in event.proto."""

    QUEUED = 1
    STARTED = 2
    STOPPING = 3
    FINISHED = 4
    ADOPTED = 5
    HELD = 6
    RELEASED = 7
    CHANGED = 8
    RETRYING = 9


@frozen
class ResourceUse:
    """The resources that a job used. The first three: its first process and the children it waited for, from wait4(2); 0 if unknown.

    `cpu_us`, `peak_memory_bytes`: all its processes together; 0 if unknown. `read_bytes`, `written_bytes`: from and to disks, by its first
    process and the children it waited for; None if unknown.
    """

    user_us: int = 0
    system_us: int = 0
    max_resident_bytes: int = 0
    cpu_us: int = 0
    peak_memory_bytes: int = 0
    read_bytes: int | None = None
    written_bytes: int | None = None


@frozen
class Outcome:
    """How a job ended. `exit_status` as from waitpid(2); 127, 126 or 125 if it could not be started.

    `stdout_problem` and `stderr_problem` say why a log is or may be incomplete; empty: it is complete. `stdin_problem` says why the job did
    not get all of its standard input; empty: it got all, or closed it.
    """

    kind: OutcomeKind
    exit_status: int = 0
    signal: int = 0
    sentence: str = ""
    use: ResourceUse = ResourceUse()
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    stdout_problem: str = ""
    stderr_problem: str = ""
    stdin_problem: str = ""
    # Cancelled because it was to start only if another job failed, which did not.
    unneeded: bool = False
    # What the worker that ran the job has signed about it, serialized; at the worker itself empty.
    attestation: bytes = b""
    # Cancelled because it was not to start later.
    expired: bool = False
    # The hashes of its output, see keys/proofs/log_hash.py; empty of an empty log, and if it is not known. `hash_follows`: it will be; a
    # broker is told then. `hash_problem`: why it will not.
    stdout_root: bytes = b""
    stderr_root: bytes = b""
    hash_follows: bool = False
    hash_problem: str = ""
    # Of one that is lost: what its worker has signed about how it really ended, when that came back; serialized, as `attestation`.
    late_end: bytes = b""

    @property
    def log_bytes(self) -> int:
        """The size of both logs together, in bytes."""
        return self.stdout_bytes + self.stderr_bytes

    @property
    def is_hashed(self) -> bool:
        """Whether its output has hashes, will have them, or has a reason why it has none."""
        return bool(self.stdout_root or self.stderr_root or self.hash_follows or self.hash_problem)

    @property
    def is_ok(self) -> bool:
        """Whether the job exited with 0, its logs are complete, and it got its input."""
        return self.kind is OutcomeKind.EXITED and self.exit_status == 0 and self.is_whole and not self.stdin_problem

    @property
    def is_failure(self) -> bool:
        """Whether it counts as failed, everywhere that failures are counted: it is not ok, and the job was not unneeded."""
        return not (self.unneeded or self.is_ok)

    @property
    def is_whole(self) -> bool:
        """Whether every byte that the job wrote is in its logs."""
        return not (self.stdout_problem or self.stderr_problem)

    def problems_beside(self, sentence: str) -> list[str]:
        """Return which logs are incomplete and why, if the sentence about the end does not say so already; most workers' sentences do."""
        problems = (("stdout", self.stdout_problem), ("stderr", self.stderr_problem))
        return [f"its {stream} is incomplete: {problem}" for stream, problem in problems if problem and problem not in sentence]


def exit_status(kind: int, status: int, signal: int) -> int:
    """Return the exit status with which a command reports a job: 128+n for a signal, 124 over its time limit, 153 over another limit.

    The numbers are those of the shell, timeout(1) and docker-run(1).
    """
    match kind:
        case OutcomeKind.EXITED | OutcomeKind.FAILED_TO_START:
            return status
        case OutcomeKind.TIMED_OUT:
            return reserved_statuses.TIMED_OUT
        case OutcomeKind.SIGNALED:
            return 128 + signal if signal else status
        case OutcomeKind.OVER_LIMIT:
            return reserved_statuses.OVER_LIMIT
        case OutcomeKind.CANCELLED:
            return 128 + 15
        case _:
            return reserved_statuses.OWN_FAILURE


def return_code(outcome: Outcome) -> int:
    """Return the return code as in `subprocess`: the exit status, or the negative signal; 0 only if the job exited with 0."""
    if outcome.kind in (OutcomeKind.EXITED, OutcomeKind.FAILED_TO_START):
        return outcome.exit_status
    if outcome.signal:
        return -outcome.signal
    if outcome.kind is OutcomeKind.CANCELLED:
        return -15
    return exit_status(outcome.kind, outcome.exit_status, 0) or reserved_statuses.OWN_FAILURE

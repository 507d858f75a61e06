"""Named points at which a daemon can be made to die, for tests of what survives. Off unless the environment sets them.

    JOBWIRE_FAULT=in-group-commit                   SIGKILL to itself, the first time it reaches this point
    JOBWIRE_FAULT=in-group-commit:3,during-adoption:stop      the third time; SIGSTOP to itself; it continues after SIGCONT
    JOBWIRE_FAULT_SPENT=FOLDER                      each fault leaves a file of its name there and does not happen again

Without that folder, the fault happens once in each process that reaches the point, so it happens again in the next process.

In the lowest storey because all daemons use it. Knows none of them and imports almost nothing, so that the keeper stays small.
"""

from __future__ import annotations

import os

from .private_parts.c_signal import signal

POINTS = {
    # The worker.
    "in-group-commit": "the statements of a group were executed, its COMMIT was not",
    "after-commit-before-reply": "jobs are durable and their `queued` is published, the start is not acknowledged",
    "after-commit-of-a-batch": "a batch that was staged is committed, none of its jobs is in the queue",
    "after-start-of-a-run": "the batch of a schedule is started, none of its jobs is in the queue",
    "after-slice": "some jobs of a committed batch are in the queue, the others are not",
    "after-commit-before-publish": "events are durable, and not published",
    "after-intent-before-start": "the folders of jobs that may start exist, the supervisor has not been told",
    "in-an-upload": "a part of a content is on the disk",
    "after-content-before-name": "a content is complete and on the disk, and does not have its name",
    "after-name-before-answer": "a content has its name, its sender has not been told",
    "while-files-are-unpacked": "some of what a job brings is in its folder",
    "after-unpack-before-start": "the folder of a job is complete, the job is not started",
    "while-files-are-kept": "some of what was put for a job that waits is kept for it",
    "while-files-are-placed": "some of what was put into the folder of a job is there",
    "after-input-before-given": "bytes of a standard input are in its file, the supervisor was not told",
    "during-recovery": "the engine has reported what it knows, the desk has recorded none of it",
    # The supervisor.
    "after-intent-before-fork": "logs and pipes exist and are deposited, the process does not exist",
    "after-fork-before-record": "the process exists, its folder is not renamed yet",
    "after-exit-before-outcome": "the job ended and its pipes are drained, its outcome is not written",
    "after-outcome-before-reap": "the outcome is written, the leader is still a zombie",
    "after-outcome-before-rename": "the leader is reaped, its folder still has the name of a running job's",
    "after-rename-before-report": "the end is on disk, neither keeper nor worker has been told",
    "while-input-is-given": "the job was given some of its standard input, the worker was not told",
    "during-adoption": "one running job is adopted, the others are not",
    # The keeper.
    "after-deposit": "a deposit has arrived; the fork that it is for may or may not follow",
    "before-next-supervisor": "the supervisor is dead, the next one is not started",
}

_FAULT = "JOBWIRE_FAULT"
_SPENT = "JOBWIRE_FAULT_SPENT"


class Fault:
    """The fault at one point."""

    __slots__ = ("passes_left", "signal")

    def __init__(self, passes: int, number: int) -> None:
        self.passes_left = passes
        self.signal = number


def parse(text: str) -> dict[str, Fault]:
    """Return the faults that `JOBWIRE_FAULT` sets, by point.

    Raises ValueError for an unknown point or a wrong number.
    """
    found: dict[str, Fault] = {}
    for part in filter(None, text.split(",")):
        name, *rest = part.split(":")
        if name not in POINTS:
            raise ValueError(f"{name!r} is not a fault point; the points are {', '.join(POINTS)}")
        number = signal.SIGKILL
        if rest[-1:] == ["stop"]:
            number = signal.SIGSTOP
            del rest[-1]
        passes = rest.pop() if rest else "1"
        if rest or not passes.isdecimal() or passes == "0":
            raise ValueError(f"{part!r} is not a fault: write POINT, POINT:N, POINT:stop or POINT:N:stop")
        found[name] = Fault(int(passes), number)
    return found


def _armed() -> dict[str, Fault]:
    try:
        return parse(os.environ.get(_FAULT, ""))
    except ValueError as error:
        # Without the fault a test would pass, so do not start at all.
        raise SystemExit(f"{_FAULT}: {error}") from None


# Checked before every `reach`: `if faults.ARMED: faults.reach(...)`.
ARMED = _armed()


def reach(point: str) -> None:
    """Reach a point; the process dies or stops here if a fault is set for it."""
    fault = ARMED.get(point)
    if fault is None:
        return
    fault.passes_left -= 1
    if fault.passes_left == 0 and _is_unspent(point):
        os.kill(os.getpid(), fault.signal)


def _is_unspent(point: str) -> bool:
    folder = os.environ.get(_SPENT)
    if not folder:
        return True
    try:
        os.close(os.open(f"{folder}/{point}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    return True

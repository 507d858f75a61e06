"""The findings about each thing that can be wrong, from facts that are passed in: whether it is ok, why not, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ....keys.holder import SUSPENDED
from ....keys.members.rights import Right
from ....schemas.naming import short_id
from ....schemas.workers.warning_subjects import Subject, split_warning
from ..status.status_text import describe
from ..terminal.screen import duration

if TYPE_CHECKING:
    from ....schemas.refusal import Refused
    from ...library.values.broker_workers import BrokerWorker
    from ...library.values.job_info import JobInfo
    from ...library.values.status import WorkerStatus

_SECOND_US = 1_000_000
# Dates are off, but nothing else.
_CLOCK_MAY_DIFFER_US = 30 * _SECOND_US
# Beyond that a broker refuses what its clients sign, and gives a worker no jobs.
_CLOCK_REFUSED_US = 300 * _SECOND_US
_SET_CLOCK = "set the wrong one, or find out why NTP does not (timedatectl)"
# A job that waits for longer, and was not asked to, is worth a look.
_LONG_US = 3600 * _SECOND_US
_WELL = {
    Subject.CONTAINMENT: "by cgroup, session and mark; a job that drops all of these on purpose can escape stop",
    Subject.SUPERVISOR: "running; jobs outlive it, except those that asked for a signal at the death of their parent (setpriv --pdeathsig)",
    Subject.KEEPER: "running",
    Subject.SURROUNDINGS: "its jobs have everything that the machine offers",
    Subject.DESCRIPTORS: "the limit on open files is high enough",
    Subject.INODES: "enough are free",
    Subject.BALLAST: "space is reserved for the ends of jobs",
    Subject.LOG: "no errors since it was started",
}
_NEXT = {
    Subject.CONTAINMENT: "run the worker as root, or as a service with Delegate=yes",
    Subject.SUPERVISOR: "see supervisor.log in its state folder",
    Subject.KEEPER: "",
    Subject.SURROUNDINGS: "start the worker from a shell without that: jobwire worker stop, then any command",
    Subject.DESCRIPTORS: "raise LimitNOFILE= of its service (ulimit -n), or lower --slots",
    Subject.SPACE: "jobwire forget --older-than 7d, or remove other files there",
    Subject.INODES: "jobwire forget --older-than 7d, or remove other files there (df -i)",
    Subject.BALLAST: "it is reserved again when there is space, at the latest by a restart of the worker",
    Subject.LOG: "see its log",
}
_OF_A_MACHINE = frozenset({Subject.CONTAINMENT, Subject.SUPERVISOR, Subject.KEEPER, Subject.SURROUNDINGS})
_AWAY = {
    "unreachable": "been unreachable",
    "stopped": "been stopped on its machine",
    "never seen": "not been connected since the broker was started",
}
# The states of a process that has ended, letters of proc_pid_stat(5).
_ENDED = frozenset("ZXx")


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One check: its subject, the result, and what to do about it; empty if nothing."""

    level: Level
    what: str
    sentence: str
    next_step: str = ""


def ok(what: str, sentence: str) -> Finding:
    """Return the finding that something is ok."""
    return Finding(Level.OK, what, sentence)


def refused(what: str, error: Refused) -> Finding:
    """Return the finding for a refusal."""
    return Finding(Level.PROBLEM, what, error.message, error.next_step)


def of_process(pid: str, state: str) -> Finding:
    """Return the finding about the process of this user's private worker; `state`: one letter, empty if not visible from here."""
    what = "process"
    if state in SUSPENDED:
        return Finding(Level.PROBLEM, what, f"your private worker, pid {pid}, is suspended (SIGSTOP)", f"kill -CONT {pid}")
    if state in _ENDED:
        return Finding(
            Level.PROBLEM,
            what,
            f"your private worker, pid {pid}, has ended, but its parent has not reaped it",
            f"end its parent; its pid: ps -o ppid= {pid}",
        )
    where = "" if state else ", in another container or on another machine"
    return ok(what, f"your private worker is running, pid {pid}{where}")


def of_version(ours: str, theirs: str, kind: str, *, private: bool) -> Finding:
    """Return the finding which of client and worker is older, if one is."""
    if ours == theirs:
        return ok("version", f"jobwire {ours}, as the {kind} has it")
    sentence = f"this is jobwire {ours}, and the {kind} is jobwire {theirs}"
    if private:
        return Finding(Level.WARNING, "version", sentence, "jobwire worker reload")
    is_older = _release(theirs) < _release(ours)
    return Finding(Level.WARNING, "version", sentence, f"upgrade the {kind}" if is_older else "upgrade jobwire here")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def of_clock(ahead_us: int, kind: str) -> Finding:
    """Return the finding about the clock of the worker, given how far it is ahead of the local one, negative: behind."""
    off = abs(ahead_us)
    which = "ahead of" if ahead_us > 0 else "behind"
    sentence = f"the {kind}'s clock is {duration(off)} {which} the one here"
    if off < _CLOCK_MAY_DIFFER_US:
        return ok("clock", sentence if off >= _SECOND_US else f"the {kind} has the same time")
    if off < _CLOCK_REFUSED_US:
        return Finding(Level.WARNING, "clock", f"{sentence}: dates differ", _SET_CLOCK)
    return Finding(Level.PROBLEM, "clock", f"{sentence}: dates differ, and brokers refuse that much", _SET_CLOCK)


def of_status(status: WorkerStatus) -> Iterator[Finding]:
    """Iterate over findings from what a worker or broker reports about itself and about this user."""
    kind = status.kind or "worker"
    said = dict(describe("", status))
    yield ok("you", said["you"])
    if status.roster_problem:
        yield Finding(Level.PROBLEM, "roster", said["roster"])
    elif "roster" in said:
        yield ok("roster", said["roster"])
    if status.running is None:
        yield Finding(Level.WARNING, kind, "it is too old to tell more", f"upgrade the {kind}")
        return
    if status.refuses:
        yield Finding(Level.PROBLEM, "new jobs", f"are refused: {status.refuses}", _NEXT[Subject.SPACE])
    yield ok("slots", said["slots"])
    if status.memory_problem:
        yield Finding(Level.WARNING, "memory", said["memory"])
    troubles = [split_warning(warning) for warning in status.warnings]
    if "disk" in said and not any(subject is Subject.SPACE for subject, _ in troubles):
        yield ok("disk", said["disk"])
    yield from _of_troubles(status, kind, troubles)


def _of_troubles(status: WorkerStatus, kind: str, said: Sequence[tuple[Subject | None, str]]) -> Iterator[Finding]:
    about = {subject for subject, _ in said}
    rights = status.rights or ()
    for subject, sentence in _WELL.items():
        concerns = subject not in _OF_A_MACHINE or kind == "worker"
        if subject not in about and status.tells_troubles and concerns and _is_told(subject, rights):
            yield ok(subject, sentence)
    yield from (_of_trouble(subject, sentence, kind) for subject, sentence in said)


def _of_trouble(subject: Subject | None, sentence: str, kind: str) -> Finding:
    if subject is None:
        return Finding(Level.WARNING, kind, sentence)
    level = Level.PROBLEM if subject is Subject.SUPERVISOR else Level.WARNING
    return Finding(level, "disk" if subject is Subject.SPACE else subject, sentence, _NEXT[subject])


def _is_told(subject: Subject, rights: Sequence[str]) -> bool:
    """Return whether a member with these rights would be told of problems."""
    if subject is Subject.CONTAINMENT:
        return True
    return (Right.ADMINISTER if subject is Subject.LOG else Right.SEE_OTHERS).value in rights


def without_workers(warnings: Sequence[str], workers: Sequence[BrokerWorker]) -> tuple[str, ...]:
    """Return the warnings of a broker, except those about workers that `of_workers` covers."""
    told = tuple(f"worker {one.name} " for one in workers if _is_away(one))
    return tuple(warning for warning in warnings if not warning.startswith(told))


def of_workers(workers: Sequence[BrokerWorker]) -> Iterator[Finding]:
    """Iterate over findings about the workers of a broker: how many are ready, and which are away."""
    ready = sum(one.state == "ready" for one in workers)
    sentence = f"{ready} of {len(workers)} {'is' if ready == 1 else 'are'} ready"
    if not workers:
        # One that gets them from a cluster may have none as long as nothing waits.
        yield Finding(Level.WARNING, "workers", "the broker has no workers", "jobwire broker invite, on the machine of the broker")
    elif ready:
        yield ok("workers", sentence)
    else:
        yield Finding(Level.PROBLEM, "workers", f"{sentence}: no job starts", "jobwire broker list")
    for one in filter(_is_away, workers):
        since = f" for {duration(one.since // timedelta(microseconds=1))}" if one.since else ""
        count = "1 job, which starts" if one.jobs == 1 else f"{one.jobs} jobs, which start"
        jobs = f", and has {count} nowhere else" if one.jobs else ""
        yield Finding(Level.WARNING, "workers", f"{one.name} has {_AWAY[one.state]}{since}{jobs}", f"jobwire broker show {one.name}")


def _is_away(worker: BrokerWorker) -> bool:
    # One that is drained is meant to be away.
    return worker.state in _AWAY and not worker.drained


def of_oldest(job: JobInfo) -> Finding:
    """Return the finding about the job that has waited longest, among those that this user may see."""
    name = f" ({job.name})" if job.name else ""
    why = f": {job.waits_for}" if job.waits_for else ""
    sentence = f"job {short_id(job.key.id)}{name} has been waiting for longest, for {duration(job.lasted_us)}{why}"
    is_meant = bool(job.held or job.awaits or job.starts_at_us)
    if job.lasted_us < _LONG_US or is_meant:
        return ok("queue", sentence)
    return Finding(Level.WARNING, "queue", sentence, f"jobwire show {short_id(job.key.id)}")

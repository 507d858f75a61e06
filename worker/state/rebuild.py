"""Rebuild a lost or damaged store from the log folders.

What a folder becomes:

    <pid>_<start>_<end>       ended, with the outcome of its `outcome` file; lost if that is missing or damaged, running if it cannot be
                              read at the moment: the next worker reads it when it can be
    <pid>_<start>             running; the next worker asks the supervisor, which adopts the job or reports how it ended
    .new-<handle>, `stderr`   queued, because a start was attempted; the supervisor decides, as after any crash
    .new-<handle>             lost, because it was accepted but not started, and may have been cancelled; its outcome says so

If a job was retried, its last attempt counts, and earlier ones are recorded. It is not retried again: whether it was stopped is not known.

What only the store knew is lost: queued jobs, runs of batches, the proofs of requests, events, forgotten ids. So a start that was first
sent to the old store is never run: it is refused because it names that store's id, see broker/requests/start.py. Schedules and what an
operator has set are taken over from the old store as far as it can be read; schedules are paused, see salvage.py.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError

from ...broker.jobs.job import Job
from ...broker.jobs.life import Phase
from ...broker.schedules.schedule import Schedule
from ...broker.store.ballast import make_room
from ...broker.store.repair import restore, soundness
from ...broker.writes.schedules import ScheduleRow
from ...broker.writes.staged import Template
from ...keys.files.private_files import sync_folder
from ...schemas.clock import wall_us
from ...schemas.jobs.states import OutcomeKind
from ...schemas.naming import format_time
from ...schemas.refusal import Code, Refused
from . import layout
from .lock import StateLock, last_description
from .rebuilt_jobs import folder_names, read_jobs
from .store_files import strange_log

_SIDE_FILES = ("", "-wal", "-shm")


@dataclass(slots=True)
class Rebuilt:
    """The result of a rebuild. `left_out`: folders without a readable job; `kept`: the new name of the old store, if there was one.

    `schedules`, `settings`: what was taken over from it; `unread`: why there may have been more, empty if not.
    """

    damage: str
    kept: str = ""
    ended: int = 0
    running: int = 0
    starting: int = 0
    lost: int = 0
    left_out: list[str] = field(default_factory=list)
    schedules: Sequence[str] = ()
    settings: Sequence[str] = ()
    unread: str = ""


def demand_sound(state: Path) -> None:
    """Refuse to start a worker with a store that has lost jobs.

    Raises Refused(FAILED_PRECONDITION) if it is damaged, cannot be read, or is missing although there are logs, or if the logs cannot be
    read, because jobs in them would be missed.
    """
    _demand_reach(state / layout.LOGS)
    path = state / layout.STORE
    make_room(path)
    if strange := _strange_log(state):
        as_it_is = f"; or, to use the store that is there without that log: mv {path}-wal {path}-wal.before" if path.exists() else ""
        step = f"rebuild it from the logs: {command(state)}{as_it_is}"
        raise Refused(Code.FAILED_PRECONDITION, f"the store {path} cannot be used: {strange}", step)
    damage = _missing(state) if not soundness.exists(path) else soundness.find_damage(path, soundness.MOST_BYTES_AT_A_START)
    if damage:
        raise Refused(Code.FAILED_PRECONDITION, f"the store {path} cannot be used: {damage}", f"rebuild it from the logs: {command(state)}")


def _demand_reach(logs: Path) -> None:
    if logs.exists() and not os.access(logs, os.R_OK | os.X_OK):
        raise Refused(Code.FAILED_PRECONDITION, f"the log folders in {logs} cannot be read", f"chmod u+rwx {logs}")


def command(state: Path) -> str:
    """Return the command that rebuilds the store."""
    return f"jobwire worker rebuild --state {state}"


def rebuild(state: Path, *, force: bool = False) -> Rebuilt:
    """Rebuild the store of a state folder; no worker may be running. The old one is kept under another name.

    Raises Refused if a worker is running, if the store is intact or unreadable and `force` is not set, or if there is nothing to rebuild.
    """
    path = state / layout.STORE
    if not state.is_dir():
        raise Refused(Code.NOT_FOUND, f"there is no state folder {state}", "choose it with --state")
    lock = StateLock(state)
    try:
        _demand_reach(state / layout.LOGS)
        strange = _strange_log(state)
        damage = strange or (_damage_of(path, force=force) if soundness.exists(path) else _missing(state))
        if not damage and not soundness.exists(path):
            raise Refused(Code.NOT_FOUND, f"{state} has neither a store nor logs", "nothing to do: a worker creates a new store")
        if not damage and not force:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"the store {path} is intact; there is nothing to do",
                "to rebuild it nevertheless, without the data that only the store has: --force",
            )
        return _rebuild(state, Rebuilt(damage), strange)
    finally:
        lock.release()


def _strange_log(state: Path) -> str:
    try:
        return strange_log(state, last_description(state))
    except OSError as error:
        raise soundness.out_of_reach(state / layout.STORE, error.strerror) from error


def _damage_of(path: Path, *, force: bool) -> str:
    """Return what is wrong with the store; raises if it cannot be read for another reason, which must not cost queued jobs."""
    try:
        return soundness.find_damage(path)
    except Refused as refused:
        if not force:
            raise
        return str(refused)


def _missing(state: Path) -> str:
    """Return a sentence if the store is missing although there are logs; empty if there are none."""
    count = sum(1 for _ in folder_names(state / layout.LOGS))
    jobs = "a job" if count == 1 else f"{count} jobs"
    return f"it is missing or empty, although there are logs of {jobs}" if count else ""


def _rebuild(state: Path, found: Rebuilt, strange: str) -> Rebuilt:
    path = state / layout.STORE
    fresh = state / f"{layout.STORE}.new"
    for end in _SIDE_FILES:
        fresh.with_name(f"{fresh.name}{end}").unlink(missing_ok=True)
    try:
        # A log of another store would be read as part of this one.
        old = path if not strange and soundness.exists(path) else None
        salvaged = restore.restore(fresh, _counted(read_jobs(str(state / layout.LOGS), found.left_out), found), old, _is_schedule)
        found.schedules, found.settings, found.unread = salvaged._replace(problem=salvaged.problem or strange)
        fresh.chmod(0o600)
        kept = f"{layout.STORE}.set-aside-{format_time(wall_us())}"
        for end in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(f"{layout.STORE}{end}").rename(state / f"{kept}{end}")
                found.kept = kept
        fresh.rename(path)
        sync_folder(state)
    except (OSError, sqlite3.Error) as error:
        raise Refused(Code.UNAVAILABLE, f"the store could not be rebuilt in {state}: {error}", "fix that and run it again") from error
    return found


# Whether its batch can be read is seen when that is copied.
_NO_JOBS = Template(0, 0, 0, 0, 0, ())


def _is_schedule(row: ScheduleRow) -> bool:
    try:
        Schedule.of(row, _NO_JOBS if row.batch else None)
    except Refused:
        # It can be read, but not followed here: its time zone may be missing. The worker says so.
        return True
    except (ValueError, TypeError, DecodeError):
        return False
    return True


def _counted(jobs: Iterator[Job], found: Rebuilt) -> Iterator[Job]:
    for job in jobs:
        _count(job, found)
        yield job


def _count(job: Job, found: Rebuilt) -> None:
    attempt = job.attempt
    if attempt.outcome is not None and attempt.outcome.kind is OutcomeKind.LOST:
        found.lost += 1
    elif attempt.phase is Phase.FINISHED:
        found.ended += 1
    elif attempt.phase is Phase.RUNNING:
        found.running += 1
    else:
        found.starting += 1

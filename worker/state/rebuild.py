"""Rebuild a lost or damaged store from the log folders.

What a folder becomes:

    <pid>_<start>_<end>       ended, with the outcome of its `outcome` file; lost if that is missing or damaged, running if it cannot be
                              read at the moment: the next worker reads it when it can be
    <pid>_<start>             running; the next worker asks the supervisor, which adopts the job or reports how it ended
    .new-<handle>, `stderr`   queued, because a start was attempted; the supervisor decides, as after any crash
    .new-<handle>             lost, because it was accepted but not started, and may have been cancelled; its outcome says so

If a job was retried, its last attempt counts, and those before it are recorded. It is not retried any more: whether somebody stopped it is
not known.

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

from ...broker.jobs.job import Attempt, Job
from ...broker.jobs.life import Phase
from ...broker.schedules.schedule import Schedule
from ...broker.store.repair import restore, soundness
from ...broker.writes.schedules import ScheduleRow
from ...broker.writes.staged import Template
from ...keys.files.private_files import sync_folder
from ...schemas.clock import wall_us
from ...schemas.jobs import spec as specs
from ...schemas.jobs import spec_check
from ...schemas.jobs.brought_files import BroughtFile, FileKind
from ...schemas.jobs.conditions import After, Condition
from ...schemas.jobs.process_limits import ResourceLimit
from ...schemas.jobs.retry import RetryRule
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import Outcome, OutcomeKind
from ...schemas.jobs.terminal import TerminalSize
from ...schemas.naming import AttemptKey, FolderName, JobKey, format_time, parse_folder
from ...schemas.refusal import Code, Refused
from ..engine.facts import outcome_of
from ..wire.words import Kind
from . import layout, small_files
from .lock import StateLock, last_description
from .log_folders import folders, job_files, outcomes
from .log_folders.folders import INTENT_PREFIX
from .log_folders.job_files import JobFile, to_bytes
from .log_folders.outcomes import OutcomeFile
from .store_files import strange_log

_SIDE_FILES = ("", "-wal", "-shm")
_NOT_READABLE = "how it ended is not known: its outcome file is missing or damaged"
_NEVER_TRIED = "it was accepted but not started before the store was lost; it may have been cancelled, so it is not started"


@dataclass(slots=True)
class Rebuilt:
    """The result of a rebuild. `left_out`: folders without a readable job; `kept`: the new name of the old store, if there was one.

    `schedules`, `settings`: what was taken over from it; `unread`: why there may have been more, empty if there was not.
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
    read: what they say about jobs would be missed.
    """
    _demand_reach(state / layout.LOGS)
    path = state / layout.STORE
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
    """Return the command to type."""
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
    """Return what is wrong with the store. If it cannot be read for another reason, queued jobs must not be lost for that."""
    try:
        return soundness.find_damage(path)
    except Refused as refused:
        if not force:
            raise
        return str(refused)


def _missing(state: Path) -> str:
    """Return a sentence if the store is missing although there are logs; empty if there are none."""
    count = sum(1 for _ in _names(state / layout.LOGS))
    return f"it is missing or empty, although there are logs of {count} jobs" if count else ""


def _rebuild(state: Path, found: Rebuilt, strange: str) -> Rebuilt:
    path = state / layout.STORE
    fresh = state / f"{layout.STORE}.new"
    for end in _SIDE_FILES:
        fresh.with_name(f"{fresh.name}{end}").unlink(missing_ok=True)
    try:
        # A log of another store would be read as part of this one.
        old = path if not strange and soundness.exists(path) else None
        salvaged = restore.restore(fresh, _read_all(str(state / layout.LOGS), found), old, _is_schedule)
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


def _names(logs: Path) -> Iterator[tuple[str, FolderName | None]]:
    """Iterate over all names that may belong to a job: the oldest starts first, intents last."""
    try:
        names = os.listdir(logs)  # noqa: PTH208 -- names are wanted, not paths
    except FileNotFoundError:
        return
    known = [(name, parse_folder(name)) for name in names]
    known = [(name, parsed) for name, parsed in known if parsed is not None or name.startswith(INTENT_PREFIX)]
    yield from sorted(known, key=lambda one: (one[1] is None, one[1].started_at_us if one[1] else 0))


def _read_all(logs: str, found: Rebuilt) -> Iterator[Job]:
    names = list(_names(Path(logs)))
    folders_of = _by_job(logs, [name for name, _ in names])
    for name, parsed in names:
        path = f"{logs}/{name}"
        try:
            file = job_files.read_job(path)
            key = folders.key_of(file.handle)
            *before, last = sorted(folders_of[key.job].items())
            if key.attempt < last[0]:
                continue
            if name != last[1]:
                raise ValueError("a copy")
            job = _new_job(key, file, path)
            _place(job, path, parsed)
            job.earlier = [*filter(None, (_earlier(key.job, number, f"{logs}/{folder}") for number, folder in before))]
            job.queued_at_us = min([job.queued_at_us, *(attempt.started_at_us for attempt in job.earlier)])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, Refused):
            # One folder that cannot be understood must not affect the other jobs.
            found.left_out.append(name)
            continue
        _count(job, found)
        yield job


def _earlier(key: JobKey, number: int, path: str) -> Attempt | None:
    """Return an attempt that ended, and after which another one followed; None if it never had a folder of its own."""
    parsed = parse_folder(Path(path).name)
    if parsed is None:
        return None
    attempt = Attempt(AttemptKey(*key, number), Phase.FINISHED)
    _place_ended(attempt, outcomes.read_outcome(path), parsed)
    # Its folder may not have been renamed.
    attempt.ended_at_us = attempt.ended_at_us or attempt.started_at_us
    return attempt


def _by_job(logs: str, names: list[str]) -> dict[JobKey, dict[int, str]]:
    """Return the folder of each attempt at each job; if there are copies, the newest."""
    found: dict[JobKey, dict[int, str]] = {}
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            key = folders.key_of(job_files.read_job(f"{logs}/{name}").handle)
            found.setdefault(key.job, {})[key.attempt] = name
    return found


def spec_of(job: JobFile, stdin: bytes | None) -> JobSpec:
    """Return exactly the spec from which a `job` file was written."""
    return JobSpec(
        argv=tuple(to_bytes(argument) for argument in job.argv),
        environment=tuple((to_bytes(name), to_bytes(value)) for name, value in job.environment),
        directory=b"" if "directory" in job.left_open else to_bytes(job.directory),
        stdin=stdin,
        name=job.name,
        labels=tuple((name, value) for name, value in job.labels),
        time_limit_ms=job.time_limit_ms,
        stop_signal=job.stop_signal,
        grace_ms=None if "grace_ms" in job.left_open else job.grace_ms,
        output_limit_bytes=job.output_limit_bytes,
        linger=job.linger,
        feed=job.feed,
        files=tuple(
            BroughtFile(to_bytes(path), bytes.fromhex(digest), size, FileKind(kind), mode) for path, digest, size, kind, mode in job.files
        ),
        outputs=tuple(map(to_bytes, job.outputs)),
        stderr_to_stdout=job.stderr_to_stdout,
        start_at_us=job.start_at_us,
        start_in_ms=job.start_in_ms,
        not_after_us=job.not_after_us,
        not_after_ms=job.not_after_ms,
        terminal=TerminalSize(*job.terminal) if job.terminal is not None else None,
        priority=job.priority,
        held=job.held,
        after=tuple(After(Condition(one), bytes.fromhex(of), bytes.fromhex(run), name) for one, of, run, name in job.after),
        retry=RetryRule(*job.retry) if job.retry is not None else None,
        memory_bytes=job.memory_bytes,
        nice=job.nice,
        umask=job.umask,
        rlimits=tuple(ResourceLimit(*limit) for limit in job.rlimits),
        cpus=job.cpus,
        gpus=job.gpus,
        resources=job.resources,
        only_one=job.only_one,
        on=job.on,
        not_on=job.not_on,
        may_submit=bool(job.key_file),
    )


def _new_job(key: AttemptKey, file: JobFile, path: str) -> Job:
    spec = spec_of(file, small_files.read_file(f"{path}/stdin") if file.has_stdin else None)
    spec_check.check(spec)
    attempt = Attempt(key, Phase.CLEARED)
    job = Job(0, key.job, spec, specs.digest(spec), None, 0, attempt, priority=spec.priority, rerun_of=file.rerun_of, never_retried=True)
    job.gpus = file.handed_out
    job.started_by, job.depth = file.started_by, file.depth
    return job


def _place(job: Job, path: str, parsed: FolderName | None) -> None:
    """Set the phase of a job, and when it was queued, started and ended."""
    attempt = job.attempt
    unread: list[OSError] = []
    if parsed is None:
        _place_intent(job, path)
    elif parsed.ended_at_us and ((outcome := outcomes.read_outcome(path, unread.append)) is not None or not unread):
        _place_ended(attempt, outcome, parsed)
    else:
        attempt.phase = Phase.RUNNING
        attempt.pid, attempt.started_at_us = parsed.pid, parsed.started_at_us
    # The folder does not show when it was queued, but it was not after its start.
    job.queued_at_us = job.queued_at_us or attempt.started_at_us


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


def _place_ended(attempt: Attempt, file: OutcomeFile | None, parsed: FolderName) -> None:
    attempt.phase = Phase.FINISHED
    attempt.pid, attempt.started_at_us, attempt.ended_at_us = parsed
    attempt.outcome = outcome_of(file._asdict()) if file is not None else Outcome(OutcomeKind.LOST, sentence=_NOT_READABLE)


def _place_intent(job: Job, path: str) -> None:
    intent = Path(path)
    job.queued_at_us = intent.joinpath("job").stat().st_mtime_ns // 1000
    if intent.joinpath("stderr").exists():
        return
    attempt = job.attempt
    attempt.phase = Phase.FINISHED
    attempt.outcome = Outcome(OutcomeKind.LOST, sentence=_NEVER_TRIED)
    while True:
        attempt.started_at_us = attempt.ended_at_us = wall_us()
        ended = Path(folders.run_path(str(intent.parent), 0, attempt.started_at_us, attempt.ended_at_us))
        if not ended.exists():
            break
    # So that a supervisor that still has to start it finds an outcome instead of an intent.
    for name in folders.STREAMS:
        intent.joinpath(name).touch(small_files.FILE_MODE)
    said = OutcomeFile(Kind.LOST, sentence=_NEVER_TRIED, started_at_us=attempt.started_at_us, ended_at_us=attempt.ended_at_us)
    outcomes.write_outcome(path, outcomes.outcome_text(said))
    intent.rename(ended)

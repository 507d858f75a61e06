"""Makes a store that is gone or broken anew from the log folders.

What becomes of each folder:

    <pid>_<start>_<end>       ended, as its `outcome` file says; lost where that cannot be read
    <pid>_<start>             running: the next worker asks the supervisor, which adopts it or says how it ended
    .new-<handle>, `stderr`   a start was tried: queued, and the supervisor's word counts, as after any crash
    .new-<handle>             accepted and never tried: lost, for nobody knows whether it was cancelled. It gets an outcome that says so

What only the store knew is gone: jobs that were queued, runs of batches, who asked for what, events, ids that were forgotten. So no
start that was first tried against the old store is ever run: it is refused by the old store's id, see broker/requests/start.py.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...broker.desk.job import Job
from ...broker.desk.life import Phase
from ...broker.store import restore, soundness
from ...keys.private_files import sync_folder
from ...schemas import spec as specs
from ...schemas.clock import wall_us
from ...schemas.job import Outcome, OutcomeKind
from ...schemas.naming import FolderName, format_time, parse_folder
from ...schemas.refusal import Code, Refused
from ...schemas.spec import JobSpec
from ..engine.facts import outcome_of
from . import folders, job_files, layout, small_files
from .folders import INTENT_PREFIX
from .job_files import JobFile, OutcomeFile, to_bytes
from .lock import StateLock

_SIDE_FILES = ("", "-wal", "-shm")
_NOT_READABLE = "how it ended is not known: its outcome file is gone or broken"
_NEVER_TRIED = "it was accepted and not started before the store was lost; whether it was still wanted is not known, so it is not started"


@dataclass(slots=True)
class Rebuilt:
    """What was found. `left_out`: folders that hold no job that can be read; `kept`: the old store's name now, if there was one."""

    damage: str
    kept: str = ""
    ended: int = 0
    running: int = 0
    starting: int = 0
    lost: int = 0
    left_out: list[str] = field(default_factory=list)


def demand_sound(state: Path) -> None:
    """Let no worker run on a store that forgot jobs.

    Raises Refused(FAILED_PRECONDITION) if it is damaged, cannot be read, or is not there while there are logs.
    """
    path = state / layout.STORE
    damage = _missing(state) if not soundness.exists(path) else soundness.find_damage(path, soundness.MOST_BYTES_AT_A_START)
    if damage:
        raise Refused(
            Code.FAILED_PRECONDITION, f"the store {path} cannot be used: {damage}", f"make it anew from the logs: {command(state)}"
        )


def command(state: Path) -> str:
    """Say what to type."""
    return f"jobwire worker rebuild --state {state}"


def rebuild(state: Path, *, force: bool = False) -> Rebuilt:
    """Make the store of a state folder anew; no worker may run. The old one is kept under another name.

    Raises Refused if a worker runs, if the store is sound or cannot be read and it is not forced, or if there is nothing to make one of.
    """
    path = state / layout.STORE
    if not state.is_dir():
        raise Refused(Code.NOT_FOUND, f"there is no state folder {state}", "name it with --state")
    lock = StateLock(state)
    try:
        damage = _damage_of(path, force=force) if soundness.exists(path) else _missing(state)
        if not damage and not soundness.exists(path):
            raise Refused(Code.NOT_FOUND, f"{state} has neither a store nor logs", "nothing is to be done: a worker makes a new store")
        if not damage and not force:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"the store {path} is whole; nothing is to be done",
                "to put it away all the same, with all that only it knows: --force",
            )
        return _rebuild(state, Rebuilt(damage))
    finally:
        lock.release()


def _damage_of(path: Path, *, force: bool) -> str:
    """Say what is wrong with it; that it cannot be read may have another reason, which must not cost the jobs that wait in it."""
    try:
        return soundness.find_damage(path)
    except Refused as refused:
        if not force:
            raise
        return str(refused)


def _missing(state: Path) -> str:
    """Say that the store is gone although there are logs; empty where there are none either."""
    count = sum(1 for _ in _names(state / layout.LOGS))
    return f"it is gone, or empty, while the logs of {count} jobs are there" if count else ""


def _rebuild(state: Path, found: Rebuilt) -> Rebuilt:
    path = state / layout.STORE
    fresh = state / f"{layout.STORE}.new"
    for end in _SIDE_FILES:
        fresh.with_name(f"{fresh.name}{end}").unlink(missing_ok=True)
    try:
        restore.restore(fresh, _read_all(str(state / layout.LOGS), found))
        fresh.chmod(0o600)
        kept = f"{layout.STORE}.set-aside-{format_time(wall_us())}"
        for end in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(f"{layout.STORE}{end}").rename(state / f"{kept}{end}")
                found.kept = kept
        fresh.rename(path)
        sync_folder(state)
    except (OSError, sqlite3.Error) as error:
        raise Refused(Code.UNAVAILABLE, f"the store could not be made anew in {state}: {error}", "mend that, and say it again") from error
    return found


def _names(logs: Path) -> Iterator[tuple[str, FolderName | None]]:
    """Go through everything that looks as if it belonged to a job; the oldest starts first, intents last."""
    try:
        names = os.listdir(logs)  # noqa: PTH208 -- names are wanted, not paths
    except FileNotFoundError:
        return
    known = [(name, parse_folder(name)) for name in names]
    known = [(name, parsed) for name, parsed in known if parsed is not None or name.startswith(INTENT_PREFIX)]
    yield from sorted(known, key=lambda one: (one[1] is None, one[1].started_at_us if one[1] else 0))


def _read_all(logs: str, found: Rebuilt) -> Iterator[Job]:
    names = list(_names(Path(logs)))
    newest = _newest(logs, [name for name, _ in names])
    for name, parsed in names:
        path = f"{logs}/{name}"
        try:
            file = job_files.read_job(path)
            if newest.get(file.handle) != name:
                raise ValueError("a copy")
            job = _new_job(file, path)
            _place(job, path, parsed)
        except (OSError, ValueError, TypeError, AttributeError, Refused):
            # One folder that cannot be understood must not cost the other jobs.
            found.left_out.append(name)
            continue
        _count(job, found)
        yield job


def _newest(logs: str, names: list[str]) -> dict[str, str]:
    """Choose the folder that tells of a job, by handle, where somebody has made a copy."""
    chosen: dict[str, str] = {}
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            chosen[job_files.read_job(f"{logs}/{name}").handle] = name
    return chosen


def spec_of(job: JobFile, stdin: bytes | None) -> JobSpec:
    """Make the very spec that a `job` file was written from."""
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
    )


def _new_job(file: JobFile, path: str) -> Job:
    spec = spec_of(file, small_files.read_file(f"{path}/stdin") if file.has_stdin else None)
    specs.check(spec)
    return Job(0, folders.key_of(file.handle).job, spec, specs.digest(spec), None, Phase.CLEARED, queued_at_us=0)


def _place(job: Job, path: str, parsed: FolderName | None) -> None:
    """Say where a job is in its life."""
    if parsed is None:
        _place_intent(job, path)
    elif parsed.ended_at_us:
        _place_ended(job, job_files.read_outcome(path), parsed)
    else:
        job.phase = Phase.RUNNING
        job.pid, job.started_at_us = parsed.pid, parsed.started_at_us
    # When it was queued is not written there; not after its start.
    job.queued_at_us = job.queued_at_us or job.started_at_us


def _count(job: Job, found: Rebuilt) -> None:
    if job.outcome is not None and job.outcome.kind is OutcomeKind.LOST:
        found.lost += 1
    elif job.phase is Phase.FINISHED:
        found.ended += 1
    elif job.phase is Phase.RUNNING:
        found.running += 1
    else:
        found.starting += 1


def _place_ended(job: Job, file: OutcomeFile | None, parsed: FolderName) -> None:
    job.phase = Phase.FINISHED
    job.pid, job.started_at_us, job.ended_at_us = parsed
    job.outcome = outcome_of(file._asdict()) if file is not None else Outcome(OutcomeKind.LOST, sentence=_NOT_READABLE)


def _place_intent(job: Job, path: str) -> None:
    intent = Path(path)
    job.queued_at_us = intent.joinpath("job").stat().st_mtime_ns // 1000
    if intent.joinpath("stderr").exists():
        return
    job.phase = Phase.FINISHED
    job.outcome = Outcome(OutcomeKind.LOST, sentence=_NEVER_TRIED)
    while True:
        job.started_at_us = job.ended_at_us = wall_us()
        ended = Path(folders.run_path(str(intent.parent), 0, job.started_at_us, job.ended_at_us))
        if not ended.exists():
            break
    # So that a supervisor that has still to start it finds no intent, but how it ended.
    for name in folders.STREAMS:
        intent.joinpath(name).touch(small_files.FILE_MODE)
    said = OutcomeFile("lost", sentence=_NEVER_TRIED, started_at_us=job.started_at_us, ended_at_us=job.ended_at_us)
    job_files.write_outcome(path, job_files.outcome_text(said))
    intent.rename(ended)

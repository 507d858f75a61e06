"""Jobs read from their log folders, for a store that is rebuilt; rebuild.py says what each folder becomes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ...broker.jobs.job import Attempt, Job
from ...broker.jobs.life import Phase
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
from ...schemas.naming import AttemptKey, FolderName, JobKey, parse_folder
from ...schemas.refusal import Refused
from ..engine.desk_facts import outcome_of
from ..wire.words import Kind
from . import small_files
from .log_folders import folders, job_files, outcomes
from .log_folders.folders import INTENT_PREFIX
from .log_folders.job_files import JobFile, to_bytes
from .log_folders.outcomes import OutcomeFile

_NOT_READABLE = "how it ended is not known: its outcome file is missing or damaged"
_NEVER_TRIED = "it was accepted but not started before the store was lost; it may have been cancelled, so it is not started"


def folder_names(logs: Path) -> Iterator[tuple[str, FolderName | None]]:
    """Iterate over all names that may belong to a job: the oldest starts first, intents last."""
    try:
        names = os.listdir(logs)  # noqa: PTH208 -- names are wanted, not paths
    except FileNotFoundError:
        return
    known = [(name, parse_folder(name)) for name in names]
    known = [(name, parsed) for name, parsed in known if parsed is not None or name.startswith(INTENT_PREFIX)]
    yield from sorted(known, key=lambda one: (one[1] is None, one[1].started_at_us if one[1] else 0))


def read_jobs(logs: str, left_out: list[str]) -> Iterator[Job]:
    """Iterate over the jobs of all folders. The names of those that cannot be read are added to `left_out`."""
    names = list(folder_names(Path(logs)))
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
            left_out.append(name)
            continue
        yield job


def _earlier(key: JobKey, number: int, path: str) -> Attempt | None:
    """Return an ended attempt that was followed by another one; None if it never had a folder of its own."""
    parsed = parse_folder(Path(path).name)
    if parsed is None:
        return None
    attempt = Attempt(AttemptKey(*key, number), Phase.FINISHED)
    _place_ended(attempt, outcomes.read_outcome(path), parsed)
    # Its folder may not have been renamed.
    attempt.ended_at_us = attempt.ended_at_us or attempt.started_at_us
    return attempt


def _by_job(logs: str, names: list[str]) -> dict[JobKey, dict[int, str]]:
    """Return the folder of each attempt at each job; of several copies, the newest."""
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

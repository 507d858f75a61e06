"""The JSON lines of `--json`: one object a line, to which later versions only add fields.

A job has `id`, `name`, `state` (queued, running, stopping, finished), `argv`, `dir`, `env`, `labels`, `owner` (public key), `owner_name`,
`batch` ({`id`, `name`, `parallel`, `on_failure`} or null), `attempt` (1 for the first), `process` (PID@START or null), `pid` (or null),
`queued_at`, `started_at`, `ended_at` (or null), `time_limit_ms`, `grace_ms`, `output_limit_bytes` (or null), `linger`, `stderr_to_stdout`,
`start_at` and `start_in_ms` (when it is to start, or null), `not_after` and `not_after_ms` (after when it is not to, or null), `cpus`,
`gpus` (how many), `resources` (how much of each name), `only_one` (or null), `may_submit`, `gpu_ids` (those that it was handed out),
`stop_signal`, `retry` ({`max`, `delay_ms`, `backoff`, `on_exit`} or null), `attempts` (all so far, each with `attempt`, `process`, `pid`,
`started_at`, `ended_at` and `outcome`), `starts_in_us` (how long it still waits for its time, or null), `expires_in_us` (for how long it
may still wait before it is cancelled, or null), `memory_bytes`, `nice`, `umask` (in octal digits; each of these three or null), `rlimits`
(as in a batch file), `stdin_bytes` (the size of its standard input, or null), `feed` (whether that came as a stream, which is not kept),
`terminal` ({`rows`, `columns`} at first, or null), `rerun_of` (the id of the job that it runs again, or null), `started_by` (the id of the
job that started it, or null), `lends_slots` (whether it waits for jobs that it started, and has given back its slots meanwhile), `paused`,
`priority`, `held`, `held_by` (the name of who holds it, or null), `waits_for` (why it waits, or null), `starts_at` (while it waits for a
time, or null) and `outcome` (or null).

An outcome has `kind` (exited, signaled, failed_to_start, timed_out, cancelled, over_limit, lost), `exit_status` (as a shell reports it:
128+N for signal N), `signal` (or null), `sentence`, `user_us`, `system_us`, `max_resident_bytes`, `cpu_us`, `peak_memory_bytes`,
`read_bytes`, `written_bytes` (each of these four or null), `stdout_bytes`, `stderr_bytes`, `stdout_problem`, `stderr_problem` (why that log
is not whole, or may not be; else null), `stdin_problem` (why the job did not get the whole of its standard input, else null). Of a job that
is lost, `late_end` is how it really ended (an outcome with `ended_at`), as its worker has signed it when that came back, else null.

An event has `cursor` (for `events --from`), `kind` (queued, started, stopping, finished, adopted, held, released, changed, retrying), `at`,
`id`, `owner`, `name`, `labels`, `batch` (run id or null), `attempt`, `process`, `pid`, `sentence` (or null), `outcome` (in finished and
retrying, else null) and `next_delay_ms` (in retrying, else null).

A run (`show` of one, `list --runs`) has `run` (its id), `name`, `state` (queued, running, ok, failed), `parallel`, `owner`, `owner_name`,
`jobs` (how many), `queued`, `running`, `ok`, `failed`, `queued_at`, `ended_at` (null until all have ended), `lasted_us`, `longest` and
`failures` (ids, of at most three and of at most the first fifty; only of `show`), `on_failure`, and `on_finish` ({`id`, `state`, `outcome`}
of that job, or null before it is queued).

Times are ISO 8601 in UTC with microseconds. Bytes of an argument or path that are not UTF-8 are lone surrogates, as in Python's
surrogateescape, whatever the locale.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ....keys.identity import format_public
from ....schemas.jobs.conditions import After
from ....schemas.jobs.process_limits import format_limits
from ....schemas.jobs.retry import RetryRule
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import EventKind, Outcome, exit_status
from ....schemas.naming import format_id
from ....schemas.wire_codec import outcome_from_wire
from ...batch.octets import to_text
from ...batch.options.option_values import ON_FAILURE
from ...library.options.specs import as_spec
from ...library.values.event import Event
from ...library.values.job_info import AwaitedInfo, JobAttempt, JobInfo
from ...library.values.results import BatchInfo
from ...library.values.run_info import RunInfo
from ..targets.runs import state_of

Record = dict[str, Any]
_ON_FAILURE = {meant: said for said, meant in ON_FAILURE.items()}


def job_record(job: JobInfo) -> Record:
    """Return the record of a job."""
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.name.lower(),
        **_spec_record(job.spec),
        "time_limit_ms": job.time_limit_ms,
        "stdin_bytes": job.stdin_bytes,
        "owner": format_public(job.key.owner),
        "owner_name": job.owner_name,
        "batch": _batch_record(job.batch) if job.batch else None,
        "attempt": job.attempt,
        "attempts": [_attempt_record(attempt) for attempt in job.attempts],
        "starts_in_us": job.starts_in_us,
        "expires_in_us": job.expires_in_us,
        "process": job.process,
        "pid": job.pid,
        "queued_at": time_text(job.queued_at_us),
        "started_at": time_text(job.started_at_us),
        "ended_at": time_text(job.ended_at_us),
        "rerun_of": format_id(job.rerun_of.id) if job.rerun_of is not None else None,
        "started_by": format_id(job.started_by.id) if job.started_by is not None else None,
        "lends_slots": job.lends_slots,
        "paused": job.paused,
        "priority": job.priority,
        "held": job.held,
        "held_by": job.held_by or None,
        "gpu_ids": list(job.gpus),
        "worker": job.worker or None,
        "waits_for": job.waits_for or None,
        "after": [_condition_record(one, job.awaits) for one in job.spec.after],
        "starts_at": time_text(job.starts_at_us),
        "outcome": outcome_record(job.outcome),
        "late_end": _late_end(job),
    }


def _condition_record(after: After, awaits: Sequence[AwaitedInfo]) -> Record:
    """Return the record of a condition; `awaits`: those that do not hold yet."""
    open_one = next((one for one in awaits if one.after == after), None)
    return {
        "when": after.condition.name.lower(),
        "job": format_id(after.job) if after.job else None,
        "run": format_id(after.run) if after.run else None,
        "name": after.name or (open_one.name if open_one is not None else "") or None,
        "waits": open_one is not None,
    }


def planned_record(job_id: bytes, spec: JobSpec, batch: BatchInfo, names: Mapping[bytes, str], layer: int = 0) -> Record:
    """Return the record of a job that is not submitted, with the fields that are known. `names`: of jobs, by their ids.

    What it waits for is written as in a batch file.
    """
    end = None if batch.on_finish is None else [to_text(argument) for argument in as_spec(batch.on_finish).argv]
    of_run = _batch_record(batch) | {"on_finish": end}
    about = {"id": format_id(job_id), "name": spec.name, "state": "planned", "owner": None, "batch": of_run}
    after: dict[str, list[str]] = {}
    for one in spec.after:
        after.setdefault(one.condition.name.lower(), []).append(one.name or names.get(one.job, ""))
    waits = {"after": after, "layer": layer + 1}
    return about | _spec_record(spec) | {"priority": spec.priority, "hold": spec.held} | waits


def _batch_record(batch: BatchInfo) -> Record:
    return {"id": format_id(batch.id), "name": batch.name, "parallel": batch.parallel, "on_failure": _ON_FAILURE[batch.on_failure]}


def _finish_record(batch: BatchInfo) -> Record | None:
    if batch.on_finish_state is None:
        return None
    return {
        "id": format_id(batch.on_finish_id),
        "state": batch.on_finish_state.name.lower(),
        "outcome": outcome_record(batch.on_finish_outcome),
    }


def _spec_record(spec: JobSpec) -> Record:
    return {
        "argv": [to_text(argument) for argument in spec.argv],
        "dir": to_text(spec.directory),
        "env": {to_text(name): to_text(value) for name, value in spec.environment},
        "labels": dict(spec.labels),
        "time_limit_ms": spec.time_limit_ms,
        "grace_ms": spec.grace_ms,
        "output_limit_bytes": spec.output_limit_bytes,
        "linger": spec.linger,
        "stderr_to_stdout": spec.stderr_to_stdout,
        "retry": _retry_record(spec.retry),
        "cpus": spec.cpus or 1,
        "gpus": spec.gpus,
        "resources": dict(spec.resources),
        "only_one": spec.only_one or None,
        "on": list(spec.on),
        "not_on": list(spec.not_on),
        "may_submit": spec.may_submit,
        "start_at": None if spec.start_at_us is None else time_text(spec.start_at_us),
        "start_in_ms": spec.start_in_ms,
        "not_after": None if spec.not_after_us is None else time_text(spec.not_after_us),
        "not_after_ms": spec.not_after_ms,
        "stop_signal": int(spec.stop_signal),
        "memory_bytes": spec.memory_bytes,
        "nice": spec.nice,
        "umask": None if spec.umask is None else f"{spec.umask:03o}",
        "rlimits": dict(limit.split("=") for limit in format_limits(spec.rlimits)),
        "stdin_bytes": None if spec.stdin is None else len(spec.stdin),
        "feed": spec.feed,
        "files": [{"path": to_text(file.path), "sha256": file.digest.hex(), "bytes": file.size} for file in spec.files],
        "get": [to_text(path).replace(":", r"\:") or "." for path in spec.outputs],
        "terminal": spec.terminal._asdict() if spec.terminal is not None else None,
    }


def _attempt_record(attempt: JobAttempt) -> Record:
    return {
        "attempt": attempt.attempt,
        "process": attempt.process,
        "pid": attempt.pid,
        "started_at": time_text(attempt.started_at_us),
        "ended_at": time_text(attempt.ended_at_us),
        "outcome": outcome_record(attempt.outcome),
    }


def _retry_record(retry: RetryRule | None) -> Record | None:
    if retry is None:
        return None
    return {"max": retry.most, "delay_ms": retry.delay_ms, "backoff": retry.backoff, "on_exit": list(retry.on_exit)}


def run_record(run: RunInfo) -> Record:
    """Return the record of a run."""
    return {
        "run": run.id,
        "name": run.batch.name,
        "state": state_of(run),
        "parallel": run.batch.parallel,
        "owner": format_public(run.owner),
        "owner_name": run.owner_name,
        "jobs": run.jobs,
        "queued": run.queued,
        "running": run.running,
        "ok": run.ok,
        "failed": run.failed,
        "queued_at": time_text(run.queued_at_us),
        "ended_at": time_text(run.ended_at_us),
        "lasted_us": run.lasted_us,
        "longest": [job.id for job in run.longest],
        "failures": [failure.job.id for failure in run.failures],
        "on_failure": _ON_FAILURE[run.batch.on_failure],
        "on_finish": _finish_record(run.batch),
    }


def event_record(event: Event) -> Record:
    """Return the record of an event."""
    return {
        "cursor": str(event.cursor),
        "kind": event.kind.name.lower(),
        "at": time_text(event.at_us),
        "id": event.id,
        "owner": format_public(event.key.owner),
        "name": event.name,
        "labels": event.labels,
        "batch": format_id(event.batch) if event.batch else None,
        "attempt": event.attempt,
        "process": event.process,
        "pid": event.pid,
        "sentence": event.sentence or None,
        "outcome": outcome_record(event.outcome),
        "next_delay_ms": event.next_delay_ms if event.kind is EventKind.RETRYING else None,
    }


def _late_end(job: JobInfo) -> Record | None:
    """Return the record of how a lost job really ended, as signed by its worker."""
    if job.outcome is None or not job.outcome.late_end:
        return None
    from ...proofs.ends import read_late  # noqa: PLC0415 -- few jobs have it

    end = read_late(job.outcome.late_end, job.key)
    return None if end is None else {**(outcome_record(outcome_from_wire(end.outcome)) or {}), "ended_at": time_text(end.ended_at_us)}


def outcome_record(outcome: Outcome | None) -> Record | None:
    """Return the record of an outcome."""
    if outcome is None:
        return None
    return {
        "kind": outcome.kind.name.lower(),
        "exit_status": exit_status(outcome.kind, outcome.exit_status, outcome.signal),
        "signal": outcome.signal or None,
        "sentence": outcome.sentence,
        "user_us": outcome.use.user_us,
        "system_us": outcome.use.system_us,
        "max_resident_bytes": outcome.use.max_resident_bytes,
        "cpu_us": outcome.use.cpu_us or None,
        "peak_memory_bytes": outcome.use.peak_memory_bytes or None,
        "read_bytes": outcome.use.read_bytes,
        "written_bytes": outcome.use.written_bytes,
        "stdout_bytes": outcome.stdout_bytes,
        "stderr_bytes": outcome.stderr_bytes,
        "stdout_problem": outcome.stdout_problem or None,
        "stderr_problem": outcome.stderr_problem or None,
        "stdin_problem": outcome.stdin_problem or None,
        "unneeded": outcome.unneeded,
        "expired": outcome.expired,
    }


def time_text(at_us: int) -> str | None:
    """Return a time as `2026-11-24T05:39:51.123456Z`."""
    if not at_us:
        return None
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{micros:06d}Z"

"""How a schedule is displayed: what it starts, the results of its times, and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ....keys.identity import format_public
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import State
from ....schemas.naming import short_id
from ...batch.octets import to_text
from ...batch.options.option_values import ON_FAILURE
from ...library.values.results import BatchInfo
from ...library.values.run_info import RunInfo
from ...library.values.schedule_info import Firing, ScheduleInfo
from ..terminal.screen import local_time
from .json_lines import outcome_record, time_text
from .sentences import command_line, how_it_ended, how_many_jobs

_ON_FAILURE = {meant: said for said, meant in ON_FAILURE.items()}


def came(firing: Firing, *, is_batch: bool) -> str:
    """Return the result of a scheduled time, in words."""
    if not firing.job:
        return firing.note
    note = f" ({firing.note})" if firing.note else ""
    if is_batch:
        return f"run {short_id(firing.job)}: {_run_in_words(firing.run)}{note}"
    state = "forgotten" if firing.state is None else firing.state.name.lower()
    came = how_it_ended(firing.outcome) if firing.outcome is not None else state
    return f"job {short_id(firing.job)}: {came}{note}"


def _run_in_words(run: RunInfo | None) -> str:
    """Return the progress of a run."""
    if run is None:
        return "forgotten"
    if not run.has_ended or run.batch.on_finish_state not in {None, State.FINISHED}:
        waits = f"{run.running} running, {run.queued} queued" if not run.has_ended else "its on_finish runs"
        return f"{waits}, {run.ok} ok, {run.failed} failed"
    return f"{run.failed} of {how_many_jobs(run.jobs)} failed" if run.failed else f"{how_many_jobs(run.jobs)} ok"


def started(info: ScheduleInfo) -> dict[str, str]:
    """Return what a schedule starts, one fact each."""
    if info.spec is not None:
        return {"command": command_line(info.spec.argv), "folder": to_text(info.spec.directory)}
    batch = info.batch or BatchInfo(b"")
    return {
        "batch": f"{batch.name}, {how_many_jobs(info.jobs)}",
        "parallel": f"{batch.parallel} at once" if batch.parallel else "",
        "on failure": _ON_FAILURE[batch.on_failure] if batch.on_failure else "",
        "at the end": command_line(batch.on_finish.argv) if isinstance(batch.on_finish, JobSpec) else "",
    }


def moment(at_us: int, zone: str) -> str:
    """Return a time in the zone of a schedule; in the local one, if this machine does not know the zone."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- only schedules have zones

    try:
        return datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %Z")
    except (OSError, ValueError, LookupError):
        return local_time(at_us)


def record(info: ScheduleInfo) -> dict[str, Any]:
    """Return a schedule as JSON."""
    return {
        "id": info.id,
        "name": info.name,
        "owner": format_public(info.key.owner),
        "owner_name": info.owner_name,
        "argv": [to_text(argument) for argument in info.spec.argv] if info.spec is not None else None,
        "batch": _batch_record(info),
        "cron": info.cron,
        "zone": info.zone,
        "overlap": info.overlap,
        "missed": info.missed,
        "paused": info.paused,
        "next": [time_text(at_us) for at_us in info.next_us],
        "waiting": info.waiting,
        "history": [
            {
                "due": time_text(firing.due_us),
                "job": (firing.job_id or None) if info.batch is None else None,
                "run": (firing.job_id or None) if info.batch is not None else None,
                "counts": _counts_record(firing.run),
                "state": firing.state.name.lower() if firing.state is not None else None,
                "outcome": outcome_record(firing.outcome),
                "note": firing.note or None,
            }
            for firing in info.firings
        ],
    }


def _batch_record(info: ScheduleInfo) -> dict[str, Any] | None:
    if info.batch is None:
        return None
    finish = info.batch.on_finish
    return {
        "name": info.batch.name or None,
        "jobs": info.jobs,
        "parallel": info.batch.parallel,
        "on_failure": _ON_FAILURE[info.batch.on_failure],
        "on_finish": [to_text(argument) for argument in finish.argv] if isinstance(finish, JobSpec) else None,
    }


def _counts_record(run: RunInfo | None) -> dict[str, int] | None:
    return {"queued": run.queued, "running": run.running, "ok": run.ok, "failed": run.failed} if run is not None else None

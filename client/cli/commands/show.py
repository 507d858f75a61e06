"""`jobwire show`: everything about a job, in words."""

from __future__ import annotations

import typer

from ....schemas.naming import format_id, short_id, signal_name
from ....schemas.text.sizes import format_limit, format_size
from ...batch.octets import to_text
from ...library.client import Client
from ...library.results import JobInfo
from ..arguments import JobNames, Json
from ..chosen_context import client
from ..job_names import one_job_info
from ..terminal.json_lines import job_record
from ..terminal.last_lines import last_lines
from ..terminal.screen import duration, local_time, write, write_json
from ..terminal.sentences import command_line, failed, how_it_ended

_LAST_LINES = 10


def show(ctx: typer.Context, names: JobNames, json: Json = False) -> None:
    """Show the details of jobs, including why one is waiting or failed."""
    with client(ctx) as connected:
        for number, name in enumerate(names):
            job = one_job_info(connected, name)
            if json:
                write_json(job_record(job))
            else:
                if number:
                    write("")
                _describe(connected, job)


def _describe(connected: Client, job: JobInfo) -> None:
    write(f"job {job.id}{f' ({job.name})' if job.name else ''}")
    spec = job.spec
    facts = {
        "state": _sentence(job),
        "command": command_line(job.argv),
        "folder": to_text(spec.directory) or "the worker's default",
        "environment": " ".join(to_text(name + b"=" + value) for name, value in spec.environment),
        "labels": " ".join(f"{name}={value}" if value else name for name, value in spec.labels),
        "time limit": "" if spec.time_limit_ms is None else duration(spec.time_limit_ms * 1000),
        "output limit": "" if spec.output_limit_bytes is None else format_limit(spec.output_limit_bytes),
        "stop": _stop(job),
        "linger": "processes that it leaves behind continue" if spec.linger else "",
        "batch": f"{job.batch.name} run {format_id(job.batch.id)}".strip() if job.batch else "",
        "owner": job.owner_name,
        "process": job.process or "",
        "queued": local_time(job.queued_at_us),
        "started": local_time(job.started_at_us) if job.started_at_us else "",
        "ended": f"{local_time(job.ended_at_us)}, after {duration(job.lasted_us)}" if job.ended_at_us else "",
        "used": _use(job),
        "wrote": _written(job),
    }
    for name, fact in facts.items():
        if fact:
            write(f"  {name:<12} {fact}")
    if job.outcome is not None and failed(job.outcome):
        last = last_lines(connected.job_by_key(*job.key).tail("stderr", _LAST_LINES), _LAST_LINES)
        if last:
            write("  last lines of stderr:")
        for line in last:
            write(f"    {line}")


def _sentence(job: JobInfo) -> str:
    if job.outcome is not None:
        return how_it_ended(job.outcome)
    if job.paused:
        return f"paused: all its processes are suspended; jobwire resume {short_id(job.key.id)} continues them"
    return f"{job.state.name.lower()}: {job.waits_for}" if job.waits_for else job.state.name.lower()


def _stop(job: JobInfo) -> str:
    first = signal_name(job.spec.stop_signal)
    if job.spec.grace_ms is not None:
        return f"{first}, and SIGKILL after {duration(job.spec.grace_ms * 1000)}"
    return first if first != "SIGTERM" else ""


def _use(job: JobInfo) -> str:
    if job.outcome is None:
        return ""
    use = job.outcome.use
    if not use.max_resident_bytes:
        return ""
    return f"{duration(use.user_us + use.system_us)} of CPU, {format_size(use.max_resident_bytes)} of memory"


def _written(job: JobInfo) -> str:
    if job.outcome is None:
        return ""
    return f"{format_size(job.outcome.stdout_bytes)} to stdout, {format_size(job.outcome.stderr_bytes)} to stderr"

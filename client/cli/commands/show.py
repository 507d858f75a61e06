"""`jobwire show`: the details of a job, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from ....schemas.jobs.process_limits import format_limits
from ....schemas.jobs.states import OnFailure, Pick
from ....schemas.naming import format_id, short_id, signal_name
from ....schemas.refusal import Refused
from ....schemas.text.sizes import format_limit, format_size
from ....schemas.workers.capacity import GPUS, SLOTS, amount_text
from ....schemas.workers.labels import Where, in_words
from ...batch.octets import to_text
from ...library.client import Client
from ...library.known_jobs import StreamName
from ...library.options.specs import as_spec
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo
from ..arguments import JobNames, Json
from ..chosen_context import client
from ..exit_status import BadInput
from ..files.whole_file import write_file
from ..parser.parameters import Context, Option
from ..shown.attempts import attempt_line, rule_in_words, tried
from ..shown.json_lines import job_record, run_record
from ..shown.last_lines import last_lines
from ..shown.sentences import command_line, failed, how_it_ended, not_limited, owner_of, what_it_used
from ..targets.job_names import checked, one_job_info, run_instead, single_job
from ..targets.runs import Run, counts
from ..terminal.screen import duration, local_time, say, write, write_json, write_text

_LAST_LINES = 10
_ON_FAILURE = {
    OnFailure.CONTINUE: "",
    OnFailure.CANCEL_REST: "the jobs that have not started are cancelled",
    OnFailure.STOP_REST: "the other jobs are stopped or cancelled",
}
# Of a run.
_LONGEST = 3
_MOST_FAILURES = 10
_FAILURES_IN_JSON = 50


def show(
    ctx: Context,
    names: JobNames,
    json: Json = False,
    *,
    proof: Annotated[bool, Option("--proof", help="Write what proves who asked for the job; jobwire verify checks it.")] = False,
    output: Annotated[
        str, Option("-o", "--output", metavar="FILE", help="Where to write the proof. - is standard output.", show_default=False)
    ] = "-",
) -> None:
    """Show the details of jobs, including why one is waiting or failed.

    A run id, or the name of a batch for its newest run, shows how many of its jobs wait, run and failed, the longest, and why jobs failed.
    """
    if proof:
        _write_proof(ctx, names, output)
        return
    if output != "-":
        raise BadInput("--output is only for a proof: add --proof")
    with client(ctx) as connected:
        for number, name in enumerate(names):
            if number and not json:
                write("")
            try:
                job = one_job_info(connected, name)
            except Refused as refused:
                failures = _FAILURES_IN_JSON if json else _MOST_FAILURES
                run = run_instead(connected, name, refused, longest=_LONGEST, failures=failures, tail_lines=0 if json else 1)
                _show_run(run, json=json)
                continue
            if json:
                write_json(job_record(job))
            else:
                _describe(connected, job)


def _write_proof(ctx: Context, names: Sequence[str], output: str) -> None:
    if len(names) > 1:
        raise BadInput(f"a proof is of one job, and {len(names)} are named")
    if not output:
        raise BadInput("--output names no file; - is standard output")
    with client(ctx) as connected:
        text = single_job(connected, names[0], lambda asked, name: asked.proof(checked(name), pick=Pick.NEWEST))
    if output == "-":
        write_text(text)
        return
    write_file(output, text)
    say(f"the proof is in {output}; check it with: jobwire verify {output}")


def _show_run(run: Run, *, json: bool) -> None:
    info = run.info
    if json:
        write_json(run_record(info))
        return
    write(str(run))
    facts = {
        "jobs": f"{info.jobs}: {counts(info)}",
        "parallel": str(info.batch.parallel or ""),
        "on failure": _ON_FAILURE[info.batch.on_failure],
        "on finish": _finish(info),
        "owner": owner_of(info.owner_name, info.owner),
        "queued": local_time(info.queued_at_us),
        "ended": f"{local_time(info.ended_at_us)}, after {duration(info.lasted_us)}" if info.ended_at_us else "",
        "longest": ", ".join(f"{short_id(job.key.id)} {_title(job)} {duration(job.lasted_us)}" for job in info.longest),
    }
    _write_facts(facts)
    if info.failures:
        write("  failed:")
    for job, stderr_tail in info.failures:
        write(f"    {short_id(job.key.id)} {_title(job)}: {how_it_ended(job.outcome) if job.outcome else ''}")
        for line in last_lines(stderr_tail, 1):
            write(f"      {line}")
    if info.failures and (more := info.failed - len(info.failures)) > 0:
        write(f"    and {more} more: jobwire list {run.id} --failed")


def _finish(run: RunInfo) -> str:
    """Return the `on_finish` job of a run, and its state."""
    batch = run.batch
    if batch.on_finish is None:
        return ""
    command = command_line(as_spec(batch.on_finish).argv)
    if batch.on_finish_state is None:
        return command
    how = how_it_ended(batch.on_finish_outcome) if batch.on_finish_outcome is not None else batch.on_finish_state.name.lower()
    return f"{command}: {short_id(batch.on_finish_id)} {how}"


def _title(job: JobInfo) -> str:
    return job.name or command_line(job.argv)


def _write_facts(facts: Mapping[str, str]) -> None:
    for name, fact in facts.items():
        if fact:
            write(f"  {name:<12} {fact}")


def _input(job: JobInfo) -> str:
    if job.spec.feed:
        return "a stream, which is not kept"
    return "" if job.stdin_bytes is None else format_size(job.stdin_bytes)


def _ended(job: JobInfo) -> str:
    if not job.ended_at_us:
        return ""
    # One that could not be started has no duration.
    return local_time(job.ended_at_us) + (f", after {duration(job.lasted_us)}" if job.process else "")


def _describe(connected: Client, job: JobInfo) -> None:
    write(f"job {job.id}{f' ({job.name})' if job.name else ''}")
    spec = job.spec
    facts = {
        "state": _sentence(job),
        "really": _late_end(job),
        "command": command_line(job.argv),
        "folder": to_text(spec.directory) or ("its own" if spec.has_folder else "the worker's default"),
        "input": _input(job),
        "files": ", ".join(f"{to_text(file.path) or '.'} ({format_size(file.size)})" for file in spec.files),
        "get": ", ".join(to_text(path) or "." for path in spec.outputs),
        "terminal": "" if spec.terminal is None else f"{spec.terminal.rows} rows, {spec.terminal.columns} columns at first",
        "environment": " ".join(to_text(name + b"=" + value) for name, value in spec.environment),
        "labels": " ".join(f"{name}={value}" if value else name for name, value in spec.labels),
        "priority": str(job.priority or ""),
        "time limit": "" if job.time_limit_ms is None else duration(job.time_limit_ms * 1000),
        "output limit": "" if spec.output_limit_bytes is None else format_limit(spec.output_limit_bytes),
        "memory": _memory(connected, job),
        "nice": "" if spec.nice is None else str(spec.nice),
        "umask": "" if spec.umask is None else f"{spec.umask:03o}",
        "limits": " ".join(format_limits(spec.rlimits)),
        "stop": _stop(job),
        "linger": "processes that it leaves behind continue" if spec.linger else "",
        "stderr": "goes to stdout" if spec.stderr_to_stdout else "",
        "retry": rule_in_words(spec.retry),
        "takes": _takes(job),
        "only one": spec.only_one,
        "runs on": in_words(Where(spec.on, spec.not_on)),
        "may submit": "jobs, with a key of its own" if spec.may_submit else "",
        "batch": f"{job.batch.name} run {format_id(job.batch.id)}".strip() if job.batch else "",
        "owner": owner_of(job.owner_name, job.key.owner),
        "reruns": f"job {format_id(job.rerun_of.id)}" if job.rerun_of is not None else "",
        "started by": f"job {format_id(job.started_by.id)}" if job.started_by is not None else "",
        "worker": job.worker,
        "process": job.process or "",
        "queued": local_time(job.queued_at_us),
        "starts": f"not before {local_time(job.starts_at_us)}" if job.starts_at_us else "",
        "expires": f"in {duration(job.expires_in_us)}, if it has not started by then" if job.expires_in_us is not None else "",
        "started": local_time(job.started_at_us) if job.process else "",
        "ended": _ended(job),
        "used": "" if job.outcome is None else what_it_used(job.outcome.use),
        "wrote": _written(job),
    }
    _write_facts(facts)
    if job.earlier_attempts:
        write("  attempts before:")
    for attempt in job.earlier_attempts:
        write(f"    {attempt_line(attempt)}")
    if job.outcome is not None and failed(job.outcome):
        try:
            last = last_lines(connected.job_by_key(*job.key).tail(_stream_of(job), _LAST_LINES), _LAST_LINES)
        except Refused as refused:
            # All else is known, and told.
            write(f"  {_stream_of(job):<12} is not shown: {refused.message}")
            last = []
        if last:
            write(f"  last lines of {_stream_of(job)}:")
        for line in last:
            write(f"    {line}")


def _late_end(job: JobInfo) -> str:
    """Return how a lost job really ended, as signed by its worker when it came back."""
    if job.outcome is None or not job.outcome.late_end:
        return ""
    from ...proofs.ends import in_words as end_in_words  # noqa: PLC0415 -- few jobs have it
    from ...proofs.ends import read_late  # noqa: PLC0415 -- as above

    end = read_late(job.outcome.late_end, job.key)
    return (
        ""
        if end is None
        else f"its worker has come back and signed, as the broker says: {end_in_words(end)}, {local_time(end.ended_at_us)}"
    )


def _takes(job: JobInfo) -> str:
    spec = job.spec
    wanted = [amount_text(SLOTS, spec.cpus)] if spec.cpus > 1 else []
    if spec.gpus:
        wanted.append(amount_text(GPUS, spec.gpus) + (f" ({', '.join(job.gpus)})" if job.gpus else ""))
    return ", ".join([*wanted, *(amount_text(name, amount) for name, amount in spec.resources)])


def _stream_of(job: JobInfo) -> StreamName:
    """Return the stream in which a job reports why it failed: all output of a job on a terminal is in stdout."""
    return "stderr" if job.spec.terminal is None else "stdout"


def _sentence(job: JobInfo) -> str:
    if job.outcome is not None:
        return tried(job, job.outcome)
    if job.paused:
        return f"paused: all its processes are suspended; jobwire resume {short_id(job.key.id)} continues them"
    if job.held:
        return f"held: {job.waits_for}; jobwire release {short_id(job.key.id)} lets it start"
    state = job.state.name.lower() + (f" again, attempt {job.attempt}" if job.attempt > 1 else "")
    soon = f"; it is due in {duration(job.starts_in_us)}" if job.starts_in_us else ""
    if job.lends_slots:
        return f"{state}: it waits for jobs that it started, and they may use its slots meanwhile"
    return f"{state}: {job.waits_for}{soon}" if job.waits_for else state


def _stop(job: JobInfo) -> str:
    first = signal_name(job.spec.stop_signal)
    if job.spec.grace_ms is not None:
        return f"{first}, and SIGKILL after {duration(job.spec.grace_ms * 1000)}"
    return first if first != "SIGTERM" else ""


def _memory(connected: Client, job: JobInfo) -> str:
    """Return the memory limit of a job, and why it is not enforced, if so."""
    limit_bytes, outcome = job.spec.memory_bytes, job.outcome
    if limit_bytes is None:
        return ""
    # One that was limited was measured too.
    problem = connected.status().memory_problem if outcome is None or not outcome.use.peak_memory_bytes else None
    return f"{format_limit(limit_bytes)} for all its processes together" + (f"; {not_limited(problem)}" if problem else "")


def _written(job: JobInfo) -> str:
    if job.outcome is None:
        return ""
    return f"{format_size(job.outcome.stdout_bytes)} to stdout, {format_size(job.outcome.stderr_bytes)} to stderr"

"""Submit a run of a batch, all jobs or none, and report each end as it comes, for `batch` and `rerun`.

Ctrl-C ends only the command; the jobs continue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....schemas.frames import LARGEST_MESSAGE
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import State
from ....schemas.naming import JobKey, format_id, short_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import outcome_from_wire
from ...library.batches import demand_same
from ...library.client import Client
from ...library.values.job_info import JobInfo
from ...library.verbs.actions import find_specs, is_large, start_request
from ...protocol.exchange import Exchange, Item
from .. import exit_status
from ..job.path_advice import advise_after
from ..job.submission import explained_refusal
from ..live.progress import TAIL_LINES, Progress
from ..shown.sentences import failed, how_many_jobs, title_of
from ..terminal.screen import say, tell_id
from ..terminal.streams import CannotWrite, ReaderGone
from .finish import await_finish, tell_finish
from .planning.plan import Plan, demand_size
from .planning.repeats import notes_on_run
from .retries import Retries
from .run_messages import detached, not_acknowledged, what_continues, what_failed
from .shown_output import Telling
from .staged import is_staged, stage_run, watch_staged

_HAVE_PROCESS = (State.RUNNING, State.STOPPING)
_TELL_ALL = Telling()


def known_run(connected: Client, run: bytes) -> list[JobInfo]:
    """Return the jobs of a run of this member that were submitted before."""
    found = connected.list(all=True, batch=run, owner=connected.connection.identity.owner)
    return [info for info in found if not info.is_on_finish]


def on_finish_of(connected: Client, found: Sequence[JobInfo] | None) -> JobSpec | None:
    """Return the `on_finish` job of the run of these jobs; None if it has none, or it is no longer known."""
    batch = found[0].batch if found else None
    if batch is None or "on_finish" not in connected.hello().features:
        return None
    if connected.hello().kind == "broker":
        from ...library.requests.reruns import find_finish  # noqa: PLC0415 -- few runs are run again

        return find_finish(connected.connection, batch.id, found[0].key) if found else None
    try:
        spec = connected.batch_run(format_id(batch.id)).info.batch.on_finish
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
        return None
    return spec if isinstance(spec, JobSpec) else None


def submit_run(
    connected: Client, plan: Plan, known: Sequence[JobInfo], *, wait: bool, telling: Telling = _TELL_ALL, context: str | None = None
) -> int:
    """Submit a run and return the exit status of the command. `known`: its jobs that were submitted before.

    `context`: where the jobs run, if they were described in this shell.
    """
    plan = plan._replace(about=plan.about._replace(is_whole=True))
    run = format_id(plan.about.id)
    staged = is_staged(connected, plan)
    if not staged:
        # The parts of one that is staged are compared by the worker.
        demand_same(plan.about.id, plan.specs, {info.key.id for info in known})
    for note in notes_on_run(known, plan):
        say(note)
    before = len(plan.wanted.keys() & {info.key.id for info in known})
    repeated = f", {before if before < len(plan.wanted) else 'all'} of them submitted before" if before else ""
    count = how_many_jobs(len(plan.wanted))
    if not staged:
        most_jobs = connected.connection.hello().limits.jobs_per_start if is_large([*plan.wanted.values()]) else 0
        demand_size(plan, most_jobs, LARGEST_MESSAGE)
    _send_files(connected, plan, run)
    if staged:
        return _submit_staged(connected, plan, known, (count, repeated), wait=wait, telling=telling, context=context)
    again = _find_specs(connected, plan)
    request = start_request([*plan.wanted.values()], [*plan.wanted], batch=plan.about, watch=wait, tail_lines=TAIL_LINES, again=again)
    if wait:
        heading = "" if telling.quiet else f"run {run}: {count}{repeated}"
        return _watch(connected, request, plan, context, known, telling, heading=heading)
    try:
        connected.connection.call(request)
    except KeyboardInterrupt:
        raise not_acknowledged(run) from None
    except Refused as refused:
        raise _about_job(connected, refused, plan) from None
    _tell_submitted(run, plan, count, repeated, quiet=telling.quiet)
    return exit_status.DONE


def _find_specs(connected: Client, plan: Plan) -> Mapping[JobKey, job_pb2.JobSpec]:
    try:
        return find_specs(connected.connection, plan.wanted)
    except Refused as refused:
        raise _about_job(connected, refused, plan) from None


def _submit_staged(
    connected: Client,
    plan: Plan,
    known: Sequence[JobInfo],
    said: tuple[str, str],
    *,
    wait: bool,
    telling: Telling,
    context: str | None,
) -> int:
    run, (count, repeated) = format_id(plan.about.id), said
    try:
        if wait:
            if not telling.quiet:
                say(f"run {run}: {count}{repeated}")
            return watch_staged(connected, plan, context, known, telling)
        stage_run(connected, plan, known)
    except Refused as refused:
        raise _about_job(connected, refused, plan) from None
    _tell_submitted(run, plan, count, repeated, quiet=telling.quiet)
    return exit_status.DONE


def _tell_submitted(run: str, plan: Plan, count: str, repeated: str, *, quiet: bool) -> None:
    tell_id(run, "the batch was submitted")
    if not quiet:
        say(f"{count} submitted{repeated}; jobwire wait {run} waits for {'its' if len(plan.wanted) == 1 else 'their'} end")


def _send_files(connected: Client, plan: Plan, run: str) -> None:
    """Send the files of the jobs that the worker does not have."""
    if any(spec.files for spec in plan.specs.values()):
        from ...files.sending import local_files, send  # noqa: PLC0415 -- few batches bring files

        try:
            send(connected.connection, local_files(plan.wanted.values()))
        except KeyboardInterrupt:
            raise not_acknowledged(run) from None


def _watch(
    connected: Client,
    request: request_pb2.Request,
    plan: Plan,
    context: str | None,
    known: Sequence[JobInfo],
    telling: Telling,
    *,
    heading: str,
) -> int:
    run = format_id(plan.about.id)
    exchange = connected.connection.ask(request)
    failures = 0
    is_advised = context is None
    is_submitted = False
    owner = connected.connection.identity.owner
    with (
        telling.progress(connected, plan.specs) as progress,
        Retries(connected, plan, progress) as retries,
        connected.connection.silence.looks_at(lambda: progress.running(owner)),
    ):
        for info in (one for one in known if one.state in _HAVE_PROCESS and one.key.id in plan.specs):
            progress.runs(info.key.id, title_of(info.spec), info.lasted_us)
        try:
            for answer in _answers(connected, exchange, progress, retries, heading):
                is_submitted = True
                failed_now = _tell_all(progress, answer, plan)
                failures += len(failed_now)
                # Once for a batch.
                is_advised = is_advised or any(_advise(plan.specs[report.key.id], report, context or "") for report in failed_now)
            ended = await_finish(connected, plan, progress) if plan.about.on_finish is not None else None
            progress.tell_end()
            if ended is not None:
                tell_finish(connected, ended, quiet=telling.quiet)
        except KeyboardInterrupt:
            progress.close()
            if is_submitted:
                raise detached(run) from None
            raise not_acknowledged(run) from None
        except (ReaderGone, CannotWrite):
            progress.close()
            say(what_continues(run))
            raise
        except Refused as refused:
            if is_submitted:
                # This member may start nothing any more, for example; the jobs that were started continue.
                raise
            raise _about_job(connected, refused, plan) from None
    if failures:
        say(what_failed(failures, len(plan.specs), run))
    return exit_status.REFUSED if failures else exit_status.DONE


def _answers(connected: Client, exchange: Exchange, progress: Progress, retries: Retries, heading: str) -> Iterator[Item]:
    """Iterate over all replies; the heading is printed with the first one, because a refused run has none."""
    while (answer := _next(connected, exchange, progress, retries)) is not None:
        if heading:
            say(heading)
        heading = ""
        yield answer


def _next(connected: Client, exchange: Exchange, progress: Progress, retries: Retries) -> Item | None:
    """Return the next reply, as `Connection.next` does, and show what has changed meanwhile."""
    while True:
        retries.turn()
        progress.turn()
        try:
            return connected.connection.next(exchange, progress.due)
        except TimeoutError:
            continue


def _advise(spec: JobSpec, report: request_pb2.Report, context: str) -> bool:
    return advise_after(spec, outcome_from_wire(report.outcome), context, lambda: report.stderr_tail)


def _tell_all(progress: Progress, answer: Item, plan: Plan) -> list[request_pb2.Report]:
    """Show reports about jobs, and return those of failed jobs."""
    reports = answer.reports.reports if isinstance(answer, request_pb2.Reply) else ()
    return [report for report in reports if _tell(progress, report, plan.specs[report.key.id])]


def _tell(progress: Progress, report: request_pb2.Report, spec: JobSpec) -> bool:
    """Show a report about a job, and return whether it has failed."""
    job_id = report.key.id
    if report.state != job_pb2.STATE_FINISHED:
        progress.runs(job_id, title_of(spec))
        if report.waits_for:
            say(f"{short_id(job_id)} {title_of(spec)}: {report.waits_for}")
        return False
    outcome = outcome_from_wire(report.outcome)
    # On a terminal, everything is standard output.
    progress.ended(job_id, title_of(spec), outcome, report.stderr_tail if spec.terminal is None else report.stdout_tail)
    return failed(outcome)


def _about_job(connected: Client, refused: Refused, plan: Plan) -> Refused:
    if refused.job_index is None or refused.job_index >= len(plan.specs):
        return refused
    job_id, spec = [*plan.specs.items()][refused.job_index]
    why = explained_refusal(connected, refused, job_id, spec)
    return Refused(why.code, f"job {refused.job_index + 1} ({title_of(spec)}): {why.message}; no job was submitted", why.next_step)

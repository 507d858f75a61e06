"""`jobwire logs`: the output of a job, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from ....schemas.jobs.states import OutcomeKind
from ....schemas.naming import parse_typed, short_id
from ....schemas.refusal import Code, Refused
from ....schemas.text.sizes import parse_size
from ...library.client import Client
from ...library.job import Job
from ...library.streams.output import Reading
from ...library.streams.timed_lines import Wanted
from ..arguments import JobName, parse_count, understood
from ..chosen_context import client
from ..exit_status import BadInput
from ..files.incomplete import Incomplete
from ..files.log_files import LogFolder, file_names
from ..moments import parse_moment
from ..parser.parameters import Context, Option
from ..shown.attempts import AttemptEnds
from ..shown.sentences import how_it_ended
from ..targets.job_names import jobs_named
from ..terminal.copying import Copy, copy_blocks, step
from ..terminal.outlet import Outlet
from ..terminal.screen import is_terminal, say
from ..terminal.streams import STDERR, STDOUT, Readers
from ..terminal.timed_copying import TimedCopy

_Stream = Literal["stdout", "stderr"]
_BLOCK = 256 * 1024
# Ends after which a log is all that the job had to say.
_AS_THE_JOB_WANTED = {OutcomeKind.EXITED, OutcomeKind.SIGNALED}


def logs(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    name: JobName,
    *,
    follow: Annotated[bool, Option("-f", "--follow", help="Follow the output until the job has ended.")] = False,
    tail: Annotated[str | None, Option("--tail", metavar="N", help="Start with the last N lines.")] = None,
    stdout: Annotated[bool, Option("--stdout", help="Only standard output.")] = False,
    stderr: Annotated[bool, Option("--stderr", help="Only standard error.")] = False,
    start: Annotated[str | None, Option("--from", metavar="BYTE", help="Start at this byte, counted from 0.")] = None,
    length: Annotated[str | None, Option("--bytes", metavar="SIZE", help="Print at most this much: 4096, 10K, 1.5M.")] = None,
    merged: Annotated[bool, Option("--merged", help="Print both on standard output, line by line, about in order.")] = False,
    timestamps: Annotated[bool, Option("-t", "--timestamps", help="Begin each line with the time at which it arrived.")] = False,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help="Only lines that arrived from then on: 10m, 2026-11-28, yesterday.")
    ] = None,
    until: Annotated[str | None, Option("--until", metavar="TIME", help="Only lines that arrived until then.")] = None,
    attempt: Annotated[
        str | None,
        Option("--attempt", metavar="N", help="Which attempt at a job that is retried, 1 for the first. Default: the last."),
    ] = None,
    to: Annotated[
        str | None, Option("--to", metavar="DIR", help="Write files instead: DIR/NAME.stdout and DIR/NAME.stderr of each job.")
    ] = None,
    verify: Annotated[bool, Option("--verify", help="Print only what its worker has hashed and signed. The job must have ended.")] = False,
    worker: Annotated[
        list[str] | None,
        Option("--worker", metavar="KEY", help="With --verify: the worker that must have signed it; as for jobwire verify."),
    ] = None,
) -> None:
    """Print the output of a job, byte for byte.

    Its standard output goes to standard output, its standard error to standard error, and nothing is added. --from and --bytes apply to
    each of the two. With --to, each job has two files, named after the job, or after its id if it has no name or shares it. A run id, or
    the name of a batch for its newest run, means all its jobs, one after the other: if the output of one cannot be read, that is reported,
    and the others follow. Ctrl-C ends only this command.

    Of a job that is retried, each attempt has an output of its own: the last one is printed. With --follow, so are those that come after
    it, and standard error says where one ends. PID@START of an attempt means that attempt, as --attempt does.

    With --merged, --timestamps, --since or --until, whole lines are printed, in the order in which the worker noticed their ends: of what
    was written to both streams at about the same time, the order is approximate. It is exact for a job with --stderr-to-stdout. Times are
    in UTC, those of the worker's clock.
    """
    is_timed = merged or timestamps or since is not None or until is not None
    if is_timed and not (start is length is to is None):
        raise BadInput("--merged, --timestamps, --since and --until are about lines; they take no --from, --bytes or --to")
    if merged and (stdout or stderr):
        raise BadInput("--merged prints both streams: leave out --stdout and --stderr, or leave out --merged")
    _check_part(tail, start, length, to)
    _check_verify(verify and (is_timed or follow or to is not None), bool(worker) and not verify)
    lines = understood("--tail", parse_count, tail)
    first = understood("--from", parse_size, start) or 0
    number = understood("--attempt", _parse_attempt, attempt)
    most = understood("--bytes", parse_size, length)
    streams: list[_Stream] = ["stdout"] if stdout and not stderr else ["stderr"] if stderr and not stdout else ["stdout", "stderr"]
    span = understood("--since", parse_moment, since), understood("--until", parse_moment, until)
    with client(ctx) as connected:
        jobs, run = jobs_named(connected, name)
        if number is None and run is None:
            number = _attempt_meant(name, jobs[0])
        wanted = Wanted(tuple(streams), follow, lines, *span, number or 0)
        incomplete = Incomplete(of_several=run is not None)
        if to is not None:
            jobs = list(jobs)
            infos = [job.info() for job in jobs]
            folder = LogFolder(to)
            for job, file_name in zip(jobs, file_names(infos), strict=True):
                with incomplete.unless_read(job):
                    folder.write(job, file_name, streams, follow=follow, attempt=number)
                outcome = job.info().outcome if follow else job.outcome
                incomplete.note(is_whole=outcome is None or outcome.is_whole)
        for job in jobs if to is None else ():
            if run is not None and is_terminal(STDOUT):
                say(f"job {short_id(job.key.id)}:")
            with incomplete.unless_read(job):
                _tell_wait(job, follow=follow)
                if is_timed:
                    is_whole = _show_timed(connected, job, wanted, merged=merged, timestamps=timestamps)
                else:
                    part = Part(streams, first, lines, most, number, follow=follow)
                    is_whole = _show_checked(connected, job, part, worker or ()) if verify else _show(connected, job, part)
                incomplete.note(is_whole=is_whole)
    incomplete.end()


def _check_part(tail: str | None, start: str | None, length: str | None, to: str | None) -> None:
    if tail is not None and start is not None:
        raise BadInput("--tail and --from cannot be combined: each sets where to start")
    if to == "":
        raise BadInput("--to names no folder; . is the current one")
    if to is not None and not (tail is start is length is None):
        raise BadInput("--to writes the whole output; it takes no --tail, --from or --bytes")


def _check_verify(is_combined: bool, is_missing: bool) -> None:  # noqa: FBT001 -- what is wrong
    if is_combined:
        what = "--verify takes no --follow, --merged, --timestamps, --since, --until or --to"
        how = "jobwire show JOB --proof -o FILE, then jobwire verify FILE --logs DIR"
        raise BadInput(f"{what}; to check files that --to has written: {how}")
    if is_missing:
        raise BadInput("--worker says whose signature --verify wants: add --verify")


class Part(NamedTuple):
    """Which part of a job's output is shown."""

    streams: Sequence[_Stream]
    first: int
    lines: int | None
    most: int | None
    attempt: int | None
    follow: bool


def _show(connected: Client, job: Job, part: Part) -> bool:
    """Print the output of one job, and return whether the log is complete."""
    copies = []
    ends = AttemptEnds(job.key, len(part.streams))
    # Of the same one, whichever is the last by then. An older worker, which makes only one, says 0.
    chosen = part.attempt or job.log_size(part.streams[0])[1] or None
    for stream in part.streams:
        size, _ = job.log_size(stream, chosen)
        begin = part.first if part.lines is None else _last_lines(job, stream, part.lines, size, chosen)
        limits = [end for end in (None if part.follow else size, None if part.most is None else begin + part.most) if end is not None]
        upto = min(limits, default=None)
        if upto is None or begin < upto:
            reading = Reading(chosen or 0, goes_on=part.follow and upto is None and part.attempt is None)
            output = job.read_log(stream, begin, reading)
            output.on_next = ends.hear
            copies.append(Copy(output, Outlet(STDOUT if stream == "stdout" else STDERR), upto))
    _write(connected, copies, [copy.outlet for copy in copies])
    return _tell_end(job, follow=part.follow, attempt=part.attempt)


def _show_checked(connected: Client, job: Job, part: Part, workers: Sequence[str]) -> bool:
    """Print the output of one job as far as it matches what its worker signed, and return whether the log is complete."""
    from ..proofs.checked_logs import checked_logs  # noqa: PLC0415 -- who prints a log as it is need not wait for it

    for stream, log in checked_logs(connected, job, part.streams, part.attempt, workers):
        begin = part.first if part.lines is None else _last_lines(job, stream, part.lines, log.size, log.attempt)
        upto = log.size if part.most is None else min(log.size, begin + part.most)
        copy_blocks(STDOUT if stream == "stdout" else STDERR, log.read(begin, upto))
    return _tell_end(job, follow=False, attempt=part.attempt)


def _show_timed(connected: Client, job: Job, wanted: Wanted, *, merged: bool, timestamps: bool) -> bool:
    """Print lines of the output of one job, and return whether the log is complete."""
    stdout = Outlet(STDOUT)
    outlets: dict[_Stream, Outlet] = {"stdout": stdout, "stderr": stdout if merged else Outlet(STDERR)}
    output = job.timed_output(wanted)
    output.on_next = AttemptEnds(job.key, 1).hear
    copy = TimedCopy(output, outlets, timestamps=timestamps)
    _write(connected, [copy], list({id(outlet): outlet for outlet in outlets.values()}.values()))
    return _tell_end(job, follow=wanted.follow, attempt=wanted.attempt or None)


def _tell_wait(job: Job, *, follow: bool) -> None:
    """Report on a terminal why a followed job has no output yet."""
    if follow and is_terminal(STDERR) and (why := job.info().waits_for):
        say(f"job {short_id(job.key.id)} waits: {why}")


def _tell_end(job: Job, *, follow: bool, attempt: int | None) -> bool:
    """Report on stderr why the log is incomplete, if it is, and return whether it is complete."""
    if attempt is not None:
        found = next((one.outcome for one in job.info().attempts if one.attempt == attempt), None)
        if found is not None and not found.is_whole:
            say(f"job {short_id(job.key.id)}, attempt {attempt}: {how_it_ended(found)}")
        return found is None or found.is_whole
    # Known from the query; after following the log, from its end. A job of a run was not queried.
    outcome = job.outcome if job.outcome is not None or (job.state is not None and not follow) else job.info().outcome
    if outcome is not None and not outcome.is_whole:
        say(f"job {short_id(job.key.id)}: {how_it_ended(outcome)}")
        return False
    if outcome is not None and outcome.kind not in _AS_THE_JOB_WANTED and is_terminal(STDERR):
        # Who looks at it would take it for all that the job had to say.
        say(f"job {short_id(job.key.id)}: {how_it_ended(outcome)}")
    return True


def _parse_attempt(said: str) -> int:
    """Return the number of an attempt.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    number = parse_count(said)
    if not number:
        raise Refused(Code.INVALID_ARGUMENT, "attempts are counted from 1", "the first one is --attempt 1")
    return number


def _attempt_meant(name: str, job: Job) -> int | None:
    """Return the attempt that a PID@START stands for; None for any other name."""
    if not parse_typed(name).process[1]:
        return None
    return next((one.attempt for one in job.info().attempts if one.process == name.rpartition("/")[2]), None)


def _write(connected: Client, copies: Sequence[Copy | TimedCopy], outlets: Sequence[Outlet]) -> None:
    readers = Readers([outlet.fd for outlet in outlets])
    try:
        while not all(copy.is_done for copy in copies):
            step(connected, copies, readers)
    finally:
        readers.close()
        for outlet in outlets:
            outlet.close()


def _last_lines(job: Job, stream: _Stream, lines: int, size: int, attempt: int | None) -> int:
    """Return the byte at which the last lines begin. Reads backwards, so that the cost depends on them and not on the log."""
    # The last line need not end with a newline.
    wanted = lines
    end = size
    while end > 0 and lines > 0:
        begin = max(0, end - _BLOCK)
        block, _ = job.read_range(stream, begin, end - begin, attempt=attempt)
        at = len(block) - 1 if end == size and block.endswith(b"\n") else len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            wanted -= 1
            if not wanted:
                return begin + at + 1
        end = begin
    return 0 if lines else size

"""`jobwire list`: the jobs of a worker, or the runs of batches, one per line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, NoReturn

from ....schemas.jobs.states import JobTime, State
from ....schemas.naming import name_problem
from ....schemas.refusal import Code, Refused
from ...library.client import Client
from ...library.values.job_info import JobInfo
from ..arguments import Json, parse_count, understanding, understood
from ..batches.listing import list_runs
from ..chosen_context import client
from ..exit_status import BadInput
from ..parser.parameters import Argument, Context, Option
from ..shown.job_columns import BY_DEFAULT, COLUMNS, JobTable, on_a_terminal
from ..shown.json_lines import job_record
from ..targets.job_names import batch_named, checked, one_job
from ..targets.runs import Run, find_run, no_such_batch
from ..terminal.screen import is_terminal, say, write_json

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_STATES = {state.name.lower(): state for state in State}
_OTHER_STATES = {
    "ended": "it is called finished",
    "done": "it is called finished",
    "failed": "use --failed",
    "paused": "a paused job is running",
    "held": "a held job is queued",
    "waiting": "it is called queued",
    "pending": "it is called queued",
}
_HAVE_PROCESS = (State.RUNNING, State.STOPPING)
_TIMES = {time.name.lower(): time for time in JobTime}


def list_jobs(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    run: Annotated[
        str | None,
        Argument(metavar="BATCH", help="All jobs of the newest run of this batch, or of the run of this id."),
    ] = None,
    *,
    everything: Annotated[bool, Option("-a", "--all", help="Include jobs that have ended.")] = False,
    state: Annotated[
        list[str] | None, Option("--state", metavar="STATE", help="Only queued, running, stopping or finished jobs. Can be repeated.")
    ] = None,
    failed: Annotated[bool, Option("--failed", help="Only jobs that have ended and failed, sorted by their end.")] = False,
    name: Annotated[str | None, Option("-n", "--name", metavar="NAME", help="Only jobs of this name.")] = None,
    label: Annotated[list[str] | None, Option("-l", "--label", metavar="K=V", help="Only jobs with this label. Can be repeated.")] = None,
    batch: Annotated[str | None, Option("--batch", metavar="BATCH", help="Only jobs of this batch, by its name or a run id.")] = None,
    user: Annotated[str | None, Option("--user", metavar="NAME", help="Only jobs of this member.")] = None,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help="Only jobs queued since then: 1d (ago), 2026-11-28, '2026-11-28 14:30'.")
    ] = None,
    until: Annotated[str | None, Option("--until", metavar="TIME", help="Only jobs queued until then.")] = None,
    sort: Annotated[
        str | None,
        Option("--sort", metavar="[-]TIME", help="Sort by queued, started or ended; with -, newest first. Default: queued."),
    ] = None,
    limit: Annotated[str | None, Option("--limit", metavar="N", help="Only the newest N of them.")] = None,
    columns: Annotated[
        str | None, Option("--columns", metavar="NAMES", help=f"Columns to show, with commas: {', '.join(COLUMNS)}.")
    ] = None,
    runs: Annotated[bool, Option("--runs", help="List runs of batches instead of jobs, newest first: 20 of them, with -a all.")] = False,
    watch: Annotated[bool, Option("--watch", help="Show the list on the whole terminal, always up to date, until Ctrl-C.")] = False,
    header: Annotated[bool, Option("--header", help="Print the headings in a pipe too.")] = False,
    json: Json = False,
) -> None:
    """List queued and running jobs, oldest first.

    On a terminal, prints a table; otherwise one line per job, with tabs between ID, NAME, STATE, TIME, OWNER and COMMAND. All options must
    match. With --sort, --since and --until apply to that time, and jobs that have none are left out.
    """
    time, newest_first = _order(sort, failed=failed)
    states = _states(state or [], everything=everything, time=time, ended="--sort ended" if sort else "--failed")
    most = understood("--limit", parse_count, limit)
    chosen = _columns(columns)
    if json and (chosen or header):
        raise BadInput("--json prints every field: it cannot be combined with --columns or --header")
    if name is not None and (problem := name_problem(name)):
        raise BadInput(f"--name: {problem}")
    if watch and (json or not is_terminal(1)):
        raise BadInput("--watch needs a terminal; jobwire events shows what happens in a pipe")
    if run is not None and batch is not None:
        raise BadInput("BATCH and --batch cannot be combined: both choose a batch")
    _check_user(user)
    if runs:
        others = {"--state": state, "--failed": failed, "-n": name, "-l": label, "--since": since, "--until": until}
        _refuse_with_runs(others | {"--sort": sort, "--columns": columns, "--watch": watch})
        named = _batch_typed(run, batch)
        with client(ctx) as connected:
            list_runs(connected, named, user or "", most, everything=everything, header=header, json=json)
        return
    labels, begin, end = _labels(label or []), _moment("--since", since), _moment("--until", until)
    with client(ctx) as connected:
        meant = None if run is None else _run_of(connected, checked(run))

        def find(most: int | None) -> Iterable[JobInfo]:
            jobs = connected.list(
                all=everything or run is not None,
                batch=meant.info.batch.id if meant else None if batch is None else batch_named(batch),
                owner=meant.info.owner if meant else None,
                states=states,
                failed=failed,
                name=name or "",
                labels=labels,
                user=user or "",
                since=begin,
                until=end,
                sorted_by=time,
                newest_first=newest_first or most is not None,
                limit=most,
            )
            return jobs if most is None or newest_first else reversed([*jobs])

        if watch:
            _watch(connected, lambda rows: find(rows if most is None else min(rows, most)), chosen, time)
        some = _write(find(most), chosen, time, header=header, json=json)
        if not some and batch is not None:
            _demand_batch(connected, batch)
    if not some:
        every = bool(everything or states or failed or run)
        _say_none(every=every, is_filtered=any((name, labels, user, since, until)))


def _say_none(*, every: bool, is_filtered: bool) -> None:
    if every:
        say("no matching jobs")
    else:
        which = "matching job" if is_filtered else "job"
        say(f"no {which} is queued or running; jobwire list -a includes those that have ended")


def _batch_typed(run: str | None, batch: str | None) -> str:
    """Return the selected batch, whose runs are listed; empty: all batches."""
    typed = run if run is not None else batch
    return "" if typed is None else checked(typed)


def _refuse_with_runs(options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value:
            raise BadInput(
                f"--runs lists runs of batches, and {option} is for jobs; it can be combined with BATCH, --user, --limit and --all"
            )


def _watch(connected: Client, find: Callable[[int], Iterable[JobInfo]], chosen: list[str], time: JobTime) -> NoReturn:
    """Show a table of as many jobs as fit, even if it is empty, until Ctrl-C."""
    from ..terminal.watching import watch  # noqa: PLC0415 -- most lists are shown once

    shown: list[JobInfo] = []

    def draw(rows: int) -> bool:
        shown[:] = find(rows)
        _write(shown, chosen, time, header=True, json=False)
        # Then what is shown changes with time.
        return any(job.outcome is None for job in shown)

    with connected.connection.silence.looks_at(lambda: [job.key for job in shown if job.state in _HAVE_PROCESS]):
        watch(connected, draw)


def _write(jobs: Iterable[JobInfo], chosen: list[str], time: JobTime, *, header: bool, json: bool) -> bool:
    """Print jobs, and return whether there were any."""
    some = False
    if json:
        for job in jobs:
            some = True
            write_json(job_record(job))
        return some
    table = JobTable(chosen or (on_a_terminal(time) if is_terminal(1) else BY_DEFAULT), header=header)
    for job in jobs:
        some = True
        table.add(job)
    table.write()
    return some


def _demand_batch(connected: Client, typed: str) -> None:
    """Raise Refused(NOT_FOUND) if there is no such batch, as opposed to a batch without matching jobs."""
    if next(connected.list(all=True, batch=batch_named(typed)), None) is None:
        raise _no_such(connected, typed)


def _run_of(connected: Client, typed: str) -> Run:
    """Return the run that is named. Raises Refused: NOT_FOUND if there is none."""
    try:
        return find_run(connected, typed)
    except Refused as refused:
        raise (_no_such(connected, typed) if refused.code is Code.NOT_FOUND else refused) from None


def _no_such(connected: Client, typed: str) -> Refused:
    refused = no_such_batch(typed)
    if not name_problem(typed) and next(connected.list(all=True, name=typed, limit=1), None) is not None:
        refused.next_step = f"a job has that name: jobwire list -a -n {typed} lists all of that name, jobwire show {typed} the newest"
    elif typed in _STATES:
        refused.next_step = f"for jobs in a state: jobwire list --state {typed}"
    elif typed in _OTHER_STATES:
        refused.next_step = f"for jobs in a state, jobwire list --state STATE: {_OTHER_STATES[typed]}"
    elif _is_job(connected, typed):
        refused.next_step = f"it is a job: jobwire show {typed}"
    return refused


def _is_job(connected: Client, typed: str) -> bool:
    try:
        one_job(connected, typed)
    except Refused:
        return False
    return True


def _order(sort: str | None, *, failed: bool) -> tuple[JobTime, bool]:
    """Return the time to sort by, and whether the newest come first."""
    if sort is None:
        return (JobTime.ENDED if failed else JobTime.QUEUED), False
    word = sort.removeprefix("-").lower()
    if word not in _TIMES:
        raise BadInput(f"--sort: {word!r} is not a time of a job; there are {', '.join(_TIMES)}")
    return _TIMES[word], sort.startswith("-")


def _states(typed: list[str], *, everything: bool, time: JobTime, ended: str) -> list[State]:
    """Return the states to list; `ended`: the option that sorts jobs by their end, if one does."""
    words = [word for text in typed for word in _words("--state", text)]
    for word in words:
        if word not in _STATES:
            raise BadInput(f"--state: {word!r} is not a state; {_OTHER_STATES.get(word, f'there are {chr(44).join(_STATES)}')}")
    states = [_STATES[word] for word in dict.fromkeys(words)]
    if time is JobTime.ENDED and states and State.FINISHED not in states:
        raise BadInput(f"{ended} cannot be combined with --state {','.join(words)}: only finished jobs have ended")
    # Who sorts by the end wants to see what has ended.
    return states or ([State.FINISHED] if time is JobTime.ENDED and not everything else [])


def _labels(typed: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BadInput(f"--label: {text!r} is not K=V")
        if labels.setdefault(name, value) != value:
            raise BadInput(f"--label: {name} has two values, and a job has one")
    return labels


def _moment(flag: str, typed: str | None) -> datetime | timedelta | None:
    if typed is None:
        return None
    from ..moments import parse_moment  # noqa: PLC0415 -- most lists know no dates

    with understanding(flag):
        return parse_moment(typed)


def _columns(typed: str | None) -> list[str]:
    names = _words("--columns", typed) if typed is not None else []
    for name in names:
        if name not in COLUMNS:
            raise BadInput(f"--columns: there is no column {name!r}; there are {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise BadInput(f"--columns: {name} is named twice")
    return names


def _words(flag: str, typed: str) -> list[str]:
    """Return the words of a comma-separated list. One extra comma at an end is accepted."""
    words = [word.strip().lower() for word in typed.strip().strip(",").split(",")]
    if not all(words):
        raise BadInput(f"{flag}: a word is missing in {typed!r}")
    return words


def _check_user(user: str | None) -> None:
    if user == "":
        raise BadInput("--user: '' is not the name of a member; leave it out for the jobs of all")

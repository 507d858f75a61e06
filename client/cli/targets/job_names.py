"""The jobs that the arguments of a command name: single jobs, or all jobs of a run of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from ....schemas.jobs.states import Pick
from ....schemas.naming import parse_id, parse_typed, prefix_of
from ....schemas.refusal import Code, Reason, Refused
from ...library.client import Client
from ...library.job import Job
from ...library.values.job_info import JobInfo
from ...library.verbs.actions import surrounding_job
from .runs import Run, find_run, jobs_of

_One = TypeVar("_One")
_Found = TypeVar("_Found", Job, JobInfo)


def one_job(client: Client, name: str) -> Job:
    """Return the job of this name, for a command that only reads; of several, the newest.

    Raises Refused if there is no such job.
    """
    return client.job(checked(name), pick=Pick.NEWEST)


def only_job(client: Client, name: str) -> Job:
    """Return the only job of this name.

    Raises Refused if there is no such job, or several.
    """
    return client.job(checked(name))


def one_job_info(client: Client, name: str) -> JobInfo:
    """Return everything that the worker knows about the job of this name; of several, the newest.

    Raises Refused as `one_job` does.
    """
    return client.info(checked(name), pick=Pick.NEWEST)


def one_unfinished_job(client: Client, name: str) -> Job:
    """Return the job of this name; of several, the one that has not ended.

    Raises Refused if there is no such job, or several.
    """
    try:
        return client.job(checked(name), pick=Pick.ALIVE)
    except Refused as refused:
        if refused.reason is not Reason.AMBIGUOUS or "names" in client.hello().features:
            raise
        # An older worker refuses every name that several jobs have.
        named = [info for info in client.list() if info.name == name]
        if len(named) != 1:
            raise
        return client.job_by_key(*named[0].key)


def single_job(client: Client, name: str, one: Callable[[Client, str], _One]) -> _One:
    """Return the job that a name refers to, or what is asked of it, as `one` does, for a command that takes no run.

    Raises Refused as `one` does; if that names a run, it says so.
    """
    try:
        return one(client, name)
    except Refused as refused:
        run = run_instead(client, name, refused)
        refused.next_step = f"that names {run}; name one of its jobs: jobwire list {name} shows them"
        raise


class Named(NamedTuple):
    """What one argument names: a job, or a run of a batch."""

    job: Job | None
    run: Run | None = None


def named(client: Client, names: Iterable[str], one: Callable[[Client, str], Job] = one_job) -> list[Named]:
    """Return what each of these names refers to: the job, as `one` finds it, or else the run, or the batch's newest run.

    Raises Refused as `one` does.
    """
    return [find_named(client, name, one) for name in names]


def find_named(client: Client, name: str, one: Callable[[Client, str], Job]) -> Named:
    """Return what a name refers to: the job, as `one` finds it, or else the run, or the batch's newest run.

    Raises Refused as `one` does.
    """
    try:
        return Named(one(client, name))
    except Refused as refused:
        return Named(None, run_instead(client, name, refused))


def find_unfinished(client: Client, name: str) -> Named:
    """Return the unended job or run that a name refers to; a job that has ended gives way to an unended run of this name.

    Raises Refused as `one_unfinished_job` does.
    """
    found = find_named(client, name, one_unfinished_job)
    if found.job is None or found.job.outcome is None:
        return found
    try:
        run = find_run(client, name)
    except Refused as refused:
        if refused.code not in (Code.NOT_FOUND, Code.PERMISSION_DENIED):
            raise
        return found
    return Named(None, run) if run.by_name and not run.info.has_ended else found


def jobs_named(client: Client, name: str) -> tuple[list[Job], Run | None]:
    """Return the job of this name; or else all jobs of the run, or of the batch's newest run, and the run.

    Raises Refused as `one_job` does.
    """
    job, run = find_named(client, name, one_job)
    if run is None:
        return [job] if job is not None else [], None
    return [client.job_by_key(*info.key) for info in jobs_of(client, run)], run


def job_or_run(client: Client, name: str, *, every_run: bool = False) -> JobInfo | list[JobInfo]:
    """Return the job of this name, or else the jobs of a run, or of a batch's newest run; of all its runs with `every_run`.

    Raises Refused as `one_job` does.
    """
    try:
        return one_job_info(client, name)
    except Refused as refused:
        run = run_instead(client, name, refused)
    return list(_jobs_of_runs(client, run) if every_run else jobs_of(client, run))


def run_named(client: Client, name: str, *, every_run: bool = False) -> list[JobInfo]:
    """Return the jobs of a run, or of a batch's newest run; of all its runs with `every_run`.

    Raises Refused.
    """
    run = find_run(client, checked(name))
    return list(_jobs_of_runs(client, run) if every_run else jobs_of(client, run))


def _jobs_of_runs(client: Client, run: Run) -> Iterator[JobInfo]:
    """Iterate over the jobs of a run, or if its batch was named, of all runs of this batch."""
    batch = run.info.batch
    return client.list(all=True, batch=batch.name if run.by_name else batch.id, owner=run.info.owner)


def batch_named(typed: str) -> str | bytes:
    """Return a run id, or else the name of a batch."""
    try:
        return parse_id(checked(typed))
    except ValueError:
        return typed


def checked(typed: str) -> str:
    """Return what was typed, if it can name a job or a batch.

    Raises Refused(INVALID_ARGUMENT).
    """
    # Checked here, because text that is not UTF-8 cannot even be sent.
    try:
        parse_typed(typed)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, str(error)) from None
    return typed


def run_instead(client: Client, name: str, refused: Refused, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> Run:
    """Return the run that a name refers to, as `find_run` does. `refused` is the refusal of a job of this name.

    Raises `refused` if there is no such run either, or if it is about something else than an unknown job.
    """
    if refused.code is not Code.NOT_FOUND:
        raise refused
    try:
        return find_run(client, name, longest=longest, failures=failures, tail_lines=tail_lines)
    except Refused as none:
        if none.code not in (Code.NOT_FOUND, Code.PERMISSION_DENIED):
            raise
        if name.isdecimal() and prefix_of(name) is None:
            # As those of pueue, Slurm and tsp.
            refused.next_step = "jobs have no numbers: give a name, 4 or more digits of an id, or last; jobwire list -a shows them"
        raise refused from None


def own_unfinished(client: Client) -> list[JobInfo]:
    """Return all jobs of this member that have not ended, oldest first, except the one in which this command runs.

    It would wait for itself for ever, or be stopped before it has stopped the others.
    """
    around = surrounding_job()
    return [info for info in client.list(owner=client.connection.identity.owner) if info.key.id != around]


def unique(jobs: Iterable[_Found]) -> list[_Found]:
    """Return the jobs without duplicates."""
    return list({job.key: job for job in jobs}.values())

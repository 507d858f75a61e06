"""Which jobs the arguments of a command name: single jobs, or all jobs of a run of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ...schemas.job import Pick, State
from ...schemas.naming import parse_id, parse_typed
from ...schemas.refusal import Code, Reason, Refused
from ..library.client import Client
from ..library.job import Job
from ..library.results import JobInfo

_Found = TypeVar("_Found", Job, JobInfo)


def one_job(client: Client, name: str) -> Job:
    """Return the job of this name, to be read; of several, the newest.

    Raises Refused if there is no such job.
    """
    _check(name)
    return client.job(name, pick=Pick.NEWEST)


def only_job(client: Client, name: str) -> Job:
    """Return the job of this name, of which there must be no other.

    Raises Refused if there is no such job, or several.
    """
    _check(name)
    return client.job(name)


def one_job_info(client: Client, name: str) -> JobInfo:
    """Return everything that the worker knows about the job of this name; of several, the newest.

    Raises Refused as `one_job` does.
    """
    _check(name)
    return client.info(name, pick=Pick.NEWEST)


def one_unfinished_job(client: Client, name: str) -> Job:
    """Return the job of this name; of several, the one that has not ended.

    Raises Refused if there is no such job, or several.
    """
    _check(name)
    try:
        return client.job(name, pick=Pick.ALIVE)
    except Refused as refused:
        if refused.reason is not Reason.AMBIGUOUS or "names" in client.hello().features:
            raise
        # An older worker refuses every name that several jobs have.
        named = [info for info in client.list() if info.name == name]
        if len(named) != 1:
            raise
        return client.job_by_key(*named[0].key)


def chosen_jobs(client: Client, names: Iterable[str], one: Callable[[Client, str], Job] = one_job) -> list[Job]:
    """Return the jobs of these names, as `one` finds them. The name of a batch means all jobs of its newest run, a run id of that run.

    Raises Refused as `one` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one, _newest_run))


def chosen_infos(client: Client, names: Iterable[str]) -> list[JobInfo]:
    """Return everything that the worker knows about the jobs of these names, of each of which there must be one.

    The name of a batch means all jobs of its newest run, a run id all jobs of that run. Raises Refused as `only_job` does.
    """
    return _unique(info for name in names for info in _info_or_batch(client, name))


def unfinished_jobs(client: Client, names: Iterable[str]) -> list[Job]:
    """Return the jobs of these names. The name or run id of a batch means all its jobs that have not ended.

    Raises Refused as `one_unfinished_job` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one_unfinished_job, _unfinished))


def running_jobs(client: Client, names: Iterable[str]) -> list[Job]:
    """Return the jobs of these names. The name or run id of a batch means all its running jobs.

    Raises Refused as `one_job` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one_unfinished_job, _running))


def batch_named(typed: str) -> str | bytes:
    """Return a run id, or else the name of a batch."""
    _check(typed)
    try:
        return parse_id(typed)
    except ValueError:
        return typed


def _check(typed: str) -> None:
    # Checked here, because text that is not UTF-8 cannot even be sent.
    try:
        parse_typed(typed)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, str(error)) from None


def _job_or_batch(
    client: Client, name: str, find: Callable[[Client, str], Job], of_interest: Callable[[list[JobInfo]], list[JobInfo]]
) -> Iterator[Job]:
    try:
        yield find(client, name)
    except Refused as refused:
        yield from (client.job_by_key(*info.key) for info in of_interest(_jobs_of_batch(client, name, refused)))


def _info_or_batch(client: Client, name: str) -> Iterator[JobInfo]:
    _check(name)
    try:
        yield client.info(name)
    except Refused as refused:
        yield from _newest_run(_jobs_of_batch(client, name, refused))


def _jobs_of_batch(client: Client, name: str, refused: Refused) -> list[JobInfo]:
    """Return the jobs of a batch whose name is that of no job.

    Raises `refused`, which says so, if there is no such batch either.
    """
    if refused.code is not Code.NOT_FOUND:
        raise refused
    found = list(client.list(all=True, batch=batch_named(name)))
    if not found:
        raise refused
    return found


def _unfinished(found: list[JobInfo]) -> list[JobInfo]:
    return [info for info in found if info.outcome is None]


def _running(found: list[JobInfo]) -> list[JobInfo]:
    return [info for info in found if info.state is State.RUNNING]


def _newest_run(found: list[JobInfo]) -> list[JobInfo]:
    newest = found[-1].batch
    return [info for info in found if info.batch == newest]


def _unique(jobs: Iterable[_Found]) -> list[_Found]:
    return list({job.key: job for job in jobs}.values())

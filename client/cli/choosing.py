"""Which jobs are meant by what was typed: a job, or where a run of a batch makes sense, all of that run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...schemas.job import State
from ...schemas.naming import parse_id, parse_typed
from ...schemas.refusal import Code, Refused
from ..blocking import Client
from ..job import Job
from ..results import JobInfo


def one_job(client: Client, name: str) -> Job:
    """Find the one job that is named.

    Raises Refused as the daemon does for a job that is not there, or is not the only one.
    """
    _check(name)
    return client.job(name)


def one_unfinished_job(client: Client, name: str) -> Job:
    """Find the one job that is named; of several with that name the one that has not ended.

    Raises Refused as `one_job` does.
    """
    try:
        return one_job(client, name)
    except Refused as refused:
        if refused.code is not Code.INVALID_ARGUMENT:
            raise
        named = [info for info in client.list() if info.name == name]
        if len(named) != 1:
            raise
        return client.job_by_key(*named[0].key)


def chosen_jobs(client: Client, names: Iterable[str]) -> list[Job]:
    """Find jobs by name; the name of a batch stands for all jobs of its newest run, a run id for all of that run.

    Raises Refused as `one_job` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one_job, _newest_run))


def unfinished_jobs(client: Client, names: Iterable[str]) -> list[Job]:
    """Find jobs by name; the name or run id of a batch stands for all its jobs that have not ended.

    Raises Refused as `one_unfinished_job` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one_unfinished_job, _unfinished))


def running_jobs(client: Client, names: Iterable[str]) -> list[Job]:
    """Find jobs by name; the name or run id of a batch stands for all its jobs that run.

    Raises Refused as `one_job` does.
    """
    return _unique(job for name in names for job in _job_or_batch(client, name, one_unfinished_job, _running))


def batch_named(typed: str) -> str | bytes:
    """Take what was typed for a run id, or else for the name of a batch."""
    _check(typed)
    try:
        return parse_id(typed)
    except ValueError:
        return typed


def _check(typed: str) -> None:
    # Here, as what is no text at all cannot even be sent.
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
        if refused.code is not Code.NOT_FOUND:
            raise
        found = list(client.list(all=True, batch=batch_named(name)))
        if not found:
            raise
        yield from (client.job_by_key(*info.key) for info in of_interest(found))


def _unfinished(found: list[JobInfo]) -> list[JobInfo]:
    return [info for info in found if info.outcome is None]


def _running(found: list[JobInfo]) -> list[JobInfo]:
    return [info for info in found if info.state is State.RUNNING]


def _newest_run(found: list[JobInfo]) -> list[JobInfo]:
    newest = found[-1].batch
    return [info for info in found if info.batch == newest]


def _unique(jobs: Iterable[Job]) -> list[Job]:
    return list({job.key: job for job in jobs}.values())

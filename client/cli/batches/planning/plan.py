"""A run of a batch before it is submitted: its jobs, their ids, and which jobs of another run they repeat. Pure: knows no worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .....schemas.frames import LARGEST_WIDTH
from .....schemas.jobs.spec import JobSpec
from .....schemas.naming import JobKey, batch_job_id, format_id
from .....schemas.refusal import Code, Refused
from .....schemas.text.sizes import format_size
from ....library.requests.staged_reruns import specs_again
from ....library.values.job_info import JobInfo
from ....library.values.results import BatchInfo
from ...shown.sentences import failed, how_many_jobs


class Plan(NamedTuple):
    """The jobs of a run by id, in order: what to send (a spec, or the key of a job to run again), and the spec to show.

    `stdin_bytes`: the size of the standard input of reruns, which is not part of these specs.
    """

    about: BatchInfo
    wanted: Mapping[bytes, JobSpec | JobKey]
    specs: Mapping[bytes, JobSpec]
    stdin_bytes: Mapping[bytes, int] = MappingProxyType({})


def demand_size(plan: Plan, most_jobs: int, most_bytes: int) -> None:
    """Refuse a run that is too large for one request, before much time is spent on building it. `most_jobs`: 0 is any number.

    Raises Refused(INVALID_ARGUMENT).
    """
    if most_jobs and (count := len(plan.wanted)) > most_jobs:
        message = f"{count} jobs are too many to submit at once, the limit is {most_jobs}"
        raise Refused(Code.INVALID_ARGUMENT, message, f"divide it into {-(-count // most_jobs)} batches")
    specs = [job for job in plan.wanted.values() if isinstance(job, JobSpec)]
    variables = sum(len(name) + len(value) for spec in specs for name, value in spec.environment)
    size = variables + sum(sum(map(len, spec.argv)) + len(spec.stdin or b"") for spec in specs)
    if size <= most_bytes:
        return
    message = f"{how_many_jobs(len(specs))} with {format_size(size)} are too much for one batch, the limit is {format_size(most_bytes)}"
    if variables > size / 2:
        message += f"; {format_size(variables)} of them are environment variables"
    raise Refused(Code.INVALID_ARGUMENT, message, f"divide it into {-(-size // most_bytes) + 1} batches, or pass on fewer variables")


class Choice(NamedTuple):
    """The jobs to run again, and a note about the others; empty if there is none."""

    jobs: Sequence[JobInfo]
    note: str = ""


def choose(found: Sequence[JobInfo], *, failed_only: bool) -> Choice:
    """Return the jobs to run again: all of these, or the failed ones, that is, all ends except status 0 with complete output.

    Raises Refused if all are wanted and some have not ended: they would run twice at once.
    """
    unfinished = [info for info in found if info.outcome is None]
    if not failed_only:
        if unfinished:
            raise _not_ended(unfinished, len(found))
        return Choice(found)
    failures = [info for info in found if info.outcome is not None and failed(info.outcome)]
    left = f"{_so_many(len(unfinished), len(found))} not ended" if unfinished else ""
    if failures:
        return Choice(failures, f"{left} and {'is' if len(unfinished) == 1 else 'are'} left out" if left else "")
    if len(found) == 1:
        return Choice((), f"the job has not {'ended' if unfinished else 'failed'}; nothing was submitted")
    return Choice((), f"none of {how_many_jobs(len(found))} has failed{f', {left}' if left else ''}; nothing was submitted")


def _not_ended(unfinished: Sequence[JobInfo], total: int) -> Refused:
    first = unfinished[0].id
    if total == 1:
        return Refused(Code.FAILED_PRECONDITION, f"the job {first} has not ended", f"wait for it or stop it: jobwire wait {first}")
    message = f"{_so_many(len(unfinished), total)} not ended, such as {first}"
    return Refused(Code.FAILED_PRECONDITION, message, "wait for them, or use --failed to run only failed ones again")


def _so_many(count: int, total: int) -> str:
    return f"{count} of {how_many_jobs(total)} {'has' if count == 1 else 'have'}"


def plan_rerun(
    found: Sequence[JobInfo] | None,
    known: Sequence[JobInfo],
    run: bytes,
    *,
    failed_only: bool,
    width: int | None = None,
    on_finish: JobSpec | None = None,
) -> tuple[Plan, str]:
    """Return the run that runs jobs of another one again, and a note about those left out.

    `found`: the jobs of that other run, None if they are no longer known. `known`: those of this run, if it was submitted before: then it
    stays as it is, whatever else has failed meanwhile. `on_finish`: that of the other run.

    Raises Refused if a job has not ended, or the id belongs to a run that is no rerun of the other one.
    """
    if known:
        return _plan_as_before(run, known, found, width), ""
    # The new run ends with one of its own.
    choice = choose([info for info in found or () if not info.is_on_finish], failed_only=failed_only)
    before = (choice.jobs[0].batch if choice.jobs else None) or BatchInfo(run)
    # From the job that is run again: whichever are chosen the next time, none of them runs twice in this run.
    jobs = {batch_job_id(run, info.id, 0): info for info in choice.jobs}
    about = BatchInfo(run, before.name, _parallel(before, width), before.on_failure, on_finish)
    plan = Plan(
        about,
        {own: info.key for own, info in jobs.items()},
        specs_again(jobs, run),
        {own: info.stdin_bytes or 0 for own, info in jobs.items()},
    )
    return plan, choice.note


def _plan_as_before(run: bytes, known: Sequence[JobInfo], found: Sequence[JobInfo] | None, width: int | None) -> Plan:
    keys = None if found is None else {info.key for info in found}
    wanted = {info.key.id: info.rerun_of for info in known if info.rerun_of is not None and (keys is None or info.rerun_of in keys)}
    if len(wanted) < len(known):
        what = "not a rerun" if found is None else "not a rerun of that one"
        raise Refused(Code.ALREADY_EXISTS, f"the run {format_id(run)} was submitted before and is {what}", "omit --id, or use another one")
    before = known[0].batch or BatchInfo(run)
    return Plan(before._replace(parallel=_parallel(before, width)), wanted, {info.key.id: info.spec for info in known})


def _parallel(before: BatchInfo, width: int | None) -> int:
    return before.parallel if width is None else min(width, LARGEST_WIDTH)

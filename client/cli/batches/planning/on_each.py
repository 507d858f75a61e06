"""Jobs that run once on each worker: the workers are determined when a run is submitted, and stay the same if it is submitted again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from .....schemas.jobs.spec import JobSpec
from .....schemas.naming import format_id
from .....schemas.refusal import Refused
from ....batch.batch_file import Batch
from ....batch.each import expand, questions
from ....library.batches import demand_same
from ....library.client import Client
from ....library.job import Job
from ....library.values.fitting_workers import FittingWorker
from ....library.values.job_info import JobInfo
from ....library.values.results import BatchInfo
from ...job.job_arguments import id_or_new
from ...terminal.screen import say
from ..run_messages import not_acknowledged
from ..watch import known_run

_MOST_SAID = 8


def on_workers(connected: Client, batch: Batch, known: Sequence[JobInfo]) -> Batch:
    """Return a batch with its jobs on the workers that fit them now. `known`: the jobs of this run, if it was submitted before.

    Reports which workers are left out or make a job wait. Raises Refused, also if no worker fits one of the jobs.
    """
    workers: dict[int, Sequence[str]] = {}
    for position, job, before in questions(batch, [info.spec for info in known]):
        workers[position] = before or _ask(connected, job, is_only=len(batch.jobs) == 1)
    return expand(batch, workers)


def _ask(connected: Client, job: JobSpec, *, is_only: bool) -> Sequence[str]:
    try:
        found = connected.workers.fitting(job)
    except Refused as refused:
        if not is_only:
            refused.message = f"job {job.name or job.argv[0].decode(errors='replace')}: {refused.message}; no job was submitted"
        raise
    _tell("left out", found.left_out)
    _tell("its job waits", [one for one in found.workers if one.waits_for])
    return found.names


def _tell(what: str, workers: Sequence[FittingWorker]) -> None:
    for one in workers[:_MOST_SAID]:
        say(f"{what}: {one.name}, which {one.waits_for}")
    if (more := len(workers) - _MOST_SAID) > 0:
        say(f"{what}: {more} more")


def submit_on_each(connected: Client, spec: JobSpec, typed_id: str | None) -> tuple[str, dict[str, Job]]:
    """Submit a job for each worker, all or none, and return the id of the run and the jobs by worker.

    After Ctrl-C before the reply, says how to find out whether they were submitted. Raises Refused.
    """
    run = id_or_new(typed_id)
    known = known_run(connected, run) if typed_id is not None else []
    batch = on_workers(connected, Batch(spec.name, 0, (spec,), each=frozenset({0})), known)
    specs = batch.specs(run)
    demand_same(run, specs, {info.key.id for info in known})
    try:
        jobs = connected.submit_many(specs.values(), batch=BatchInfo(run, batch.name, is_whole=True), ids=[*specs], tail_lines=0)
    except KeyboardInterrupt:
        raise not_acknowledged(format_id(run)) from None
    except Refused as refused:
        refused.message += "; no job was submitted"
        raise
    if jobs and jobs[0].record.is_repeated:
        say(f"run {format_id(run)} was submitted before; this is its output")
    return format_id(run), dict(zip(map(worker_of, specs.values()), jobs, strict=True))


def worker_of(spec: JobSpec) -> str:
    """Return the worker to which a job is bound."""
    with suppress(IndexError):
        return spec.on[-1].partition("=")[2]
    return ""

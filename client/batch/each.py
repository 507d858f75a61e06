"""Jobs that run once on each worker: one job per worker, which can only run there. Pure: knows only names of workers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ...schemas.jobs.conditions import MOST_CONDITIONS, base_of
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.spec_check import check
from ...schemas.naming import LONGEST_NAME
from ...schemas.refusal import Code, Refused
from ...schemas.workers.labels import WORKER
from .batch_file import Batch
from .conditions import Link, Order
from .octets import to_text

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")


def for_worker(job: JobSpec, worker: str) -> JobSpec:
    """Return the job for one worker, which runs nowhere else. The name of the worker becomes part of its name and its labels.

    Raises `Refused(INVALID_ARGUMENT)` for a job with too many label terms.
    """
    name = job.name or _NOT_IN_NAMES.sub("_", to_text(os.path.basename(job.argv[0])))  # noqa: PTH119 -- bytes
    place = f"[{_NOT_IN_NAMES.sub('_', worker)}]"
    labels = job.labels if WORKER in dict(job.labels) else (*job.labels, (WORKER, worker))
    bound = replace(job, name=name[: LONGEST_NAME - len(place)] + place, labels=labels, on=(*job.on, _term(worker)))
    check(bound)
    return bound


def _term(worker: str) -> str:
    return f"{WORKER}={worker}"


def questions(batch: Batch, known: Sequence[JobSpec] = ()) -> Iterator[tuple[int, JobSpec, tuple[str, ...]]]:
    """Iterate over the jobs that run on each worker: position, job, and the workers for which the run has it already.

    `known`: the jobs of the run, if it was submitted before: the workers were determined then.
    """
    for position in sorted(batch.each):
        job = batch.jobs[position]
        yield position, job, tuple(_workers_before(job, known))


def _workers_before(job: JobSpec, known: Sequence[JobSpec]) -> Iterator[str]:
    for before in known:
        for term in before.on[-1:]:
            worker = term.removeprefix(f"{WORKER}=")
            if worker != term and before.name == for_worker(job, worker).name:
                yield worker


def expand(batch: Batch, workers: Mapping[int, Sequence[str]]) -> Batch:
    """Return a batch in which these jobs are replaced by one job for each of the named workers.

    Jobs that wait for such a job wait for it on all workers. Raises `Refused(INVALID_ARGUMENT)`.
    """
    jobs: list[JobSpec] = []
    # Where the jobs of each position are.
    places: list[list[int]] = []
    for position, job in enumerate(batch.jobs):
        made = [for_worker(job, worker) for worker in workers[position]] if position in batch.each else [job]
        if not made:
            raise Refused(Code.FAILED_PRECONDITION, f"{job.name or 'the job'} can run on no worker")
        places.append([*range(len(jobs), len(jobs) + len(made))])
        jobs += made
    links: dict[int, Sequence[Link]] = {}
    for position, own in batch.order.links.items():
        linked = [*_linked(batch, places, own)]
        if len(linked) > MOST_CONDITIONS:
            what = f"job {batch.jobs[position].name or position + 1} has {len(linked)} conditions, counted on all workers"
            raise Refused(Code.INVALID_ARGUMENT, f"{what}; the limit is {MOST_CONDITIONS}", "submit it after them: jobwire wait RUN")
        links.update(dict.fromkeys(places[position], linked))
    layers = [layer for position, layer in enumerate(batch.order.layers) for _ in places[position]]
    return replace(batch, jobs=tuple(jobs), order=Order(links, layers), each=frozenset())


def _linked(batch: Batch, places: Sequence[Sequence[int]], links: Iterable[Link]) -> Iterator[Link]:
    for link in links:
        about = [link.position] if link.position is not None else _group(batch, link.name)
        if link.position is None and batch.each.isdisjoint(about):
            yield link
        else:
            yield from (Link(link.condition, place) for position in about for place in places[position])


def _group(batch: Batch, name: str) -> list[int]:
    """Return the positions of the jobs of a name, also without an index. With the names of workers, these are no longer a group."""
    return [position for position, job in enumerate(batch.jobs) if name in (job.name, base_of(job.name))]

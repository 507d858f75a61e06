"""Many reruns as one run, as they are staged: their conditions, and whether the run was submitted before. No sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ....schemas.generated import job_pb2
from ....schemas.jobs.conditions import After, base_of
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey
from ....schemas.private_parts.frozen import replace
from ..values.job_info import JobInfo, job_info
from ..values.results import BatchInfo
from .dialogue import Dialogue
from .questions import about
from .staging import Parts, Rerun


def specs_again(jobs: Mapping[bytes, JobInfo], run: bytes) -> dict[bytes, JobSpec]:
    """Return the specs of the reruns of a run, by their new ids, with conditions only on each other.

    A worker does the same with reruns that it gets in one request.
    """
    new = {info.key: own for own, info in jobs.items()}
    names = {"", *(name for info in jobs.values() for name in (info.spec.name, base_of(info.spec.name)))}
    specs: dict[bytes, JobSpec] = {}
    for own, info in jobs.items():
        before = info.batch.id if info.batch is not None else b""
        after: list[After] = []
        for one in info.spec.after:
            if one.job and (target := new.get(JobKey(info.key.owner, one.job))) is not None:
                after.append(one._replace(job=target))
            elif one.run and one.run == before and one.name in names:
                after.append(one._replace(run=run))
        specs[own] = replace(info.spec, after=tuple(after)) if info.spec.after else info.spec
    return specs


def parts_again(
    about: BatchInfo, again: Mapping[bytes, JobKey], known: Mapping[JobKey, JobInfo], signed: Mapping[JobKey, job_pb2.JobSpec]
) -> Parts:
    """Return the parts of a run of reruns, by their new ids. `signed`: their specs, where naming them is not enough."""
    jobs = {own: known[key] for own, key in again.items()}
    reruns = {own: Rerun(key, known[key].stdin_bytes or 0, signed.get(key)) for own, key in again.items()}
    return Parts(about, [*jobs], [*specs_again(jobs, about.id).values()], again=reruns)


def questions_about(wanted: Iterable[JobKey], found: Mapping[JobKey, JobInfo]) -> dict[int, Dialogue[job_pb2.Job]]:
    """Return the queries about the jobs of which only the keys are known, each with the position of its job."""
    return {position: about(key) for position, key in enumerate(wanted) if key not in found}


def all_known(found: Mapping[JobKey, JobInfo], told: Iterable[job_pb2.Job]) -> dict[JobKey, JobInfo]:
    """Return what is known about jobs, including the replies to the queries about the others."""
    return {**found, **{info.key: info for info in map(job_info, told)}}


def is_repeated(wanted: Mapping[bytes, JobKey], known: Sequence[JobInfo]) -> bool:
    """Return whether a run has all these jobs already, by their new ids. Then the jobs they repeat may have been forgotten."""
    return bool(known) and wanted.items() <= {info.key.id: info.rerun_of for info in known}.items()

"""The jobs of a selection at the moment when a request is handled: of a run of a batch, or of all runs of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ....keys.members.rights import Member, Right, demand
from ....schemas.generated import request_pb2
from ....schemas.naming import ID_BYTES, JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...jobs.job import Job, RunKey
from ...jobs.life import WAITING
from ...store.queries import Lookup
from ..checks.delegated import demand_run

# The jobs of each run that have not ended.
Runs = Mapping[RunKey, Mapping[JobKey, Job]]


class Selected(NamedTuple):
    """The owner of the jobs, and the id of a run or the name of a batch; empty for everything."""

    owner: bytes
    run: bytes
    name: str

    def __str__(self) -> str:
        """Return the selection in words."""
        return f"run {format_id(self.run)}" if self.run else f"batch {self.name}"


def read_selection(message: request_pb2.Selection, member: Member, lookup: Lookup) -> Selected:
    """Return a selection, after checking that it exists and that the member may stop its jobs.

    Raises Refused.
    """
    owner = message.owner or member.key
    which = message.WhichOneof("which")
    if which == "batch" and len(message.batch) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the id of a batch's run has {ID_BYTES} bytes, not {len(message.batch)}")
    if member.job:
        if which != "batch":
            raise Refused(Code.PERMISSION_DENIED, f"{member.name} must name jobs and runs by their ids", reason=Reason.ROLE)
        demand_run(member, message.batch, lookup)
    if which == "everything" and message.everything:
        demand(member, Right.STOP, owner)
        return Selected(owner, b"", "")
    if not message.batch and not message.batch_name:
        raise Refused(Code.INVALID_ARGUMENT, "the selection names no run and no batch")
    selected = Selected(owner, message.batch, message.batch_name)
    demand(member, Right.STOP, owner, str(selected))
    if lookup.run(*selected) is None:
        raise no_such_run(str(selected))
    return selected


def has_selection(
    request: request_pb2.Stop | request_pb2.Pause | request_pb2.Resume | request_pb2.Forget | request_pb2.Change, verb: str
) -> bool:
    """Return whether a request has a selection, instead of the keys of jobs.

    Raises Refused(INVALID_ARGUMENT) if it has both, or neither.
    """
    has = request.HasField("selection")
    if has and request.keys:
        raise Refused(Code.INVALID_ARGUMENT, f"the {verb} has a selection, and names jobs by their keys", "set one of the two")
    if not has and not request.keys:
        raise Refused(Code.INVALID_ARGUMENT, f"the {verb} names no job")
    return has


def no_such_run(what: str) -> Refused:
    """Return the refusal for a run that does not exist, or that the member must not know of."""
    return Refused(Code.NOT_FOUND, f"there is no {what}", "list your jobs with their batches", reason=Reason.NO_SUCH_JOB)


def find_selected(selected: Selected, runs: Runs, jobs: list[Job], of: list[RunKey]) -> Iterator[None]:
    """Find the unended jobs of a selection, one per step, and their runs. Waiting jobs come first.

    A stop of all of them ends those first: otherwise each end would start another one.
    """
    others: list[Job] = []
    for run in [RunKey(selected.owner, selected.run)] if selected.run else tuple(runs):
        yield
        if run.owner != selected.owner or run not in runs:
            continue
        of_run = tuple(runs[run].values())
        batch = of_run[0].batch
        if selected.name and (batch is None or batch.name != selected.name):
            continue
        of.append(run)
        for job in of_run:
            (jobs if job.latest.phase in WAITING else others).append(job)
            yield
    jobs += others

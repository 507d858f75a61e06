"""The conditions of a job that do not hold yet, as messages."""

from __future__ import annotations

from collections.abc import Iterator

from ....schemas.generated import job_pb2
from ....schemas.jobs.conditions import After, to_wire
from ....schemas.naming import JobKey
from ....schemas.wire_codec import state_to_wire
from ...desk.view import View
from ...jobs.job import Job


def awaited(job: Job, desk: View) -> Iterator[job_pb2.Awaited]:
    """Iterate over the conditions of a job that do not hold yet."""
    for target, condition in desk.dependencies.open.get(job.key, {}).items():
        if isinstance(target, JobKey):
            other = desk.live.get(target)
            shown = job_pb2.Awaited(after=to_wire(After(condition, job=target.id)))
            if other is not None:
                shown.name, shown.state = other.spec.name, state_to_wire(other.state)
        else:
            group = desk.dependencies.group(target)
            after = to_wire(After(condition, run=target.run, name=target.name))
            shown = job_pb2.Awaited(after=after, left=group.left if group is not None else 0)
        yield shown

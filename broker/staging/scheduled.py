"""The jobs of a run that a schedule has started, made of those that were staged with the schedule. Pure.

The id of each is made of that of the run and that of the job that was staged. So whoever has the signed batch can tell which job is which,
and what is made a second time, after a crash, has the same ids.
"""

from __future__ import annotations

from ...schemas.batches.parts import KeptJob
from ...schemas.generated import job_pb2
from ...schemas.jobs import spec as specs
from ...schemas.naming import scheduled_job_id
from ..desk.inputs import Asked


def job_of_run(job: KeptJob, run: bytes) -> Asked:
    """Return a job of a run: it waits for jobs of the same run, where the one that was staged waits for others that were."""
    message = job_pb2.JobSpec.FromString(job.spec)
    own_id = scheduled_job_id(run, job.id)
    if not message.after:
        return Asked(own_id, specs.from_wire(message), job.digest, job.spec)
    for after in message.after:
        if after.job:
            after.job = scheduled_job_id(run, after.job)
        else:
            after.run = run
    spec = specs.from_wire(message)
    return Asked(own_id, spec, specs.digest(spec), message.SerializeToString())

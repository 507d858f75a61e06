"""The jobs of a run that a schedule started, made from those staged with the schedule. Pure.

The id of each is derived from those of the run and of the staged job. So whoever has the signed batch can tell which job is which, and jobs
made again after a crash have the same ids.
"""

from __future__ import annotations

from ...schemas.batches.parts import KeptJob
from ...schemas.generated import job_pb2
from ...schemas.jobs import spec as specs
from ...schemas.naming import scheduled_job_id
from ..desk.inputs import Asked


def job_of_run(job: KeptJob, run: bytes) -> Asked:
    """Return a job of a run: where the staged job waits for staged jobs, it waits for the jobs of the same run."""
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

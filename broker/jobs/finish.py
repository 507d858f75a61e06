"""The `on_finish` job of a run: until when it waits, and what its environment says about the run. Pure.

How the jobs of the run ended is counted here and, in the commit of each end, in the store: forgotten jobs stay counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...schemas.generated import job_pb2
from ...schemas.jobs import run_ends
from ...schemas.jobs import spec as specs
from ...schemas.jobs.spec import JobSpec
from .ends import Ends
from .job import BatchRun


@dataclass(slots=True, eq=False)
class Finish:
    """A run whose `on_finish` is not queued yet: how its jobs ended, and how many have not."""

    batch: BatchRun
    ends: Ends
    left: int = 0
    # As its jobs: which job started them with its own key, if one did, and how many started each other before.
    started_by: bytes = b""
    depth: int = 0


def finish_spec(batch: BatchRun, ends: Ends) -> JobSpec:
    """Return the spec of the `on_finish` job, with the result of the run; it replaces variables of the same names."""
    spec = specs.from_wire(job_pb2.JobSpec.FromString(batch.on_finish))
    end = run_ends.RunEnd(ends.word, ends.ok, ends.failed, ends.cancelled)
    return run_ends.finish_spec(spec, batch.id, batch.name, end)

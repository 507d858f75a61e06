"""The workers on which a job could run, for a client that wants one on each. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec, to_wire

_PROGRAM = (b"true",)


class FittingWorker(NamedTuple):
    """A worker on which a job could run. `name`: the value for `--on worker=NAME`. `waits_for`: why it would wait there now, if so."""

    name: str
    waits_for: str = ""


class FittingWorkers(NamedTuple):
    """The workers on which a job could run, by name. `left_out`: drained or unknown ones, with the reason."""

    workers: tuple[FittingWorker, ...]
    left_out: tuple[FittingWorker, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(one.name for one in self.workers)


def fitting_request(spec: JobSpec) -> request_pb2.Request:
    """Return the request: only the parts of the job that decide where it may run."""
    where = JobSpec(
        argv=_PROGRAM,
        on=spec.on,
        not_on=spec.not_on,
        cpus=spec.cpus,
        memory_bytes=spec.memory_bytes,
        gpus=spec.gpus,
        resources=spec.resources,
        time_limit_ms=spec.time_limit_ms,
    )
    return request_pb2.Request(find_workers=request_pb2.FindWorkers(spec=to_wire(where)))


def read_fitting(answer: request_pb2.Reply) -> FittingWorkers:
    """Return the workers in the reply."""
    said = answer.find_workers
    return FittingWorkers(
        tuple(FittingWorker(one.name, one.waits_for) for one in said.workers),
        tuple(FittingWorker(one.name, one.why) for one in said.left_out),
    )

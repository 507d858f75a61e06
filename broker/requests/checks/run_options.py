"""The options that a start gives for the run of its jobs: read and checked."""

from __future__ import annotations

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs import spec as specs
from ....schemas.jobs import spec_check
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import OnFailure
from ....schemas.naming import ID_BYTES, name_problem
from ....schemas.refusal import Code, Refused
from ...jobs.job import BatchRun

# It is stored with the run until that is forgotten, and a second time as a job.
_LARGEST_FINISH = 65_536


def read_run(request: request_pb2.Start | request_pb2.Commit) -> BatchRun | None:
    """Return the run that the jobs of a start or a commit belong to; None if they belong to none.

    Raises Refused(INVALID_ARGUMENT).
    """
    return read_batch(request.batch) if request.HasField("batch") else None


def read_batch(batch: job_pb2.Batch) -> BatchRun:
    """Return a run that was sent.

    Raises Refused(INVALID_ARGUMENT).
    """
    if len(batch.id) != ID_BYTES:
        raise _refuse(f"the id of a batch's run has {ID_BYTES} bytes, not {len(batch.id)}")
    if batch.name and (problem := name_problem(batch.name)):
        raise _refuse(problem)
    if batch.on_finish_state or batch.HasField("on_finish_outcome"):
        raise _refuse("the state of the on_finish of a batch is part of replies only")
    try:
        on_failure = OnFailure(batch.on_failure)
    except ValueError:
        raise _refuse(f"the batch sets an `on_failure`, {batch.on_failure}, that this worker does not know") from None
    on_finish = batch.on_finish.SerializeToString() if batch.HasField("on_finish") else b""
    return BatchRun(batch.id, batch.name, batch.parallel, on_failure, on_finish=on_finish, is_whole=batch.is_whole)


def read_finish(on_finish: job_pb2.JobSpec) -> JobSpec:
    """Return the spec of the `on_finish` job of a run.

    Raises Refused: INVALID_ARGUMENT, or UNIMPLEMENTED for a field that this worker does not know.
    """
    if (size := on_finish.ByteSize()) > _LARGEST_FINISH:
        raise _refuse(f"the on_finish of the batch has {size} bytes, the limit is {_LARGEST_FINISH}", "keep large inputs in files")
    try:
        spec = specs.from_wire(on_finish)
        spec_check.check(spec)
    except Refused as refused:
        raise Refused(refused.code, f"the on_finish of the batch: {refused.message}", refused.next_step, reason=refused.reason) from None
    for is_set, what in (
        (spec.stdin is not None or spec.feed or spec.terminal is not None, "no standard input and no terminal"),
        (spec.has_folder, "no files and no folder of its own"),
        (bool(spec.after), "no conditions: it starts when the jobs of the run have ended"),
        (spec.may_submit, "no key of its own"),
        (spec.held or spec.has_times, "no hold and no time of its own"),
    ):
        if is_set:
            raise _refuse(f"the on_finish of a batch has {what}")
    return spec


def _refuse(message: str, next_step: str = "") -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message, next_step)

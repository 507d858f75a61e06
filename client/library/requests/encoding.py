"""Specs and batches as they are sent, and how large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....schemas.generated import job_pb2
from ....schemas.jobs.spec import JobSpec, to_wire
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import on_failure_to_wire
from ..options.specs import as_spec

if TYPE_CHECKING:
    from ..values.results import BatchInfo

# A condition, and a file, beside their names.
_AFTER_BYTES = 48
_FILE_BYTES = 64


def encode(spec: JobSpec) -> job_pb2.JobSpec:
    """Return a spec as it is sent.

    Raises `Refused(INVALID_ARGUMENT)` if a name or label is not Unicode, or a number cannot be encoded.
    """
    try:
        return to_wire(spec)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the job cannot be described: {error}") from None


def encode_batch(batch: BatchInfo) -> job_pb2.Batch:
    """Return the message about the run of a batch.

    Raises `Refused(INVALID_ARGUMENT)` if its name is not Unicode, or its width cannot be encoded.
    """
    try:
        message = job_pb2.Batch(id=batch.id, name=batch.name, parallel=batch.parallel, on_failure=on_failure_to_wire(batch.on_failure))
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the batch cannot be described: {error}") from None
    message.is_whole = batch.is_whole
    if batch.on_finish is not None:
        message.on_finish.CopyFrom(encode(as_spec(batch.on_finish)))
    return message


def size_of(spec: object) -> int:
    """Return about how many bytes a spec takes when it is sent; 0 for the key of a rerun."""
    if not isinstance(spec, JobSpec):
        return 0
    size = sum(map(len, spec.argv)) + sum(len(name) + len(value) for name, value in spec.environment) + len(spec.stdin or b"")
    # Most jobs have none of these.
    if spec.labels or spec.after or spec.files or spec.outputs:
        size += sum(len(name) + len(value) for name, value in spec.labels) + sum(_AFTER_BYTES + len(one.name) for one in spec.after)
        size += sum(_FILE_BYTES + len(one.path) for one in spec.files) + sum(map(len, spec.outputs))
    return size

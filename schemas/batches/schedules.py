"""What a schedule starts, as it follows from what its client has signed: the same for the client, the broker and the worker."""

from __future__ import annotations

import uuid

from ..generated import job_pb2, request_pb2


def id_at(schedule: bytes, due_us: int) -> bytes:
    """Return the id of the job or the run for one of the times of a schedule, which is always the same (UUID version 5)."""
    return uuid.uuid5(uuid.UUID(bytes=schedule), str(due_us)).bytes


def batch_of(schedule: request_pb2.AddSchedule) -> job_pb2.Batch:
    """Return a copy of the batch of a schedule; without a name of its own it has that of the schedule."""
    batch = job_pb2.Batch()
    batch.CopyFrom(schedule.batch)
    batch.name = batch.name or schedule.name
    return batch

"""The ids and batches that a schedule starts, derived from what its client signed: client, broker and worker compute the same."""

from __future__ import annotations

import uuid

from ..generated import job_pb2, request_pb2


def id_at(schedule: bytes, due_us: int) -> bytes:
    """Return the id of the job or run that a schedule starts for one of its times; the same on every call (UUID version 5)."""
    return uuid.uuid5(uuid.UUID(bytes=schedule), str(due_us)).bytes


def batch_of(schedule: request_pb2.AddSchedule) -> job_pb2.Batch:
    """Return a copy of the batch of a schedule; if it has no name, it gets the name of the schedule."""
    batch = job_pb2.Batch()
    batch.CopyFrom(schedule.batch)
    batch.name = batch.name or schedule.name
    return batch

"""Job keys as they stand in requests."""

from __future__ import annotations

from ...keys.rights import Member
from ...schemas.generated import job_pb2
from ...schemas.naming import ID_BYTES, JobKey
from ...schemas.refusal import Code, Refused


def read_key(message: job_pb2.JobKey, member: Member) -> JobKey:
    """Read a key; an owner left out is the member.

    Raises Refused(INVALID_ARGUMENT) if the id is none.
    """
    if len(message.id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a job's id has {ID_BYTES} bytes, not {len(message.id)}")
    return JobKey(message.owner or member.key, message.id)

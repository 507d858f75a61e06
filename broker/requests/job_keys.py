"""Keys of jobs in requests, and the jobs that a member may stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...keys.members.rights import Member, Right, demand
from ...schemas.generated import job_pb2
from ...schemas.naming import ID_BYTES, OWNER_BYTES, JobKey, format_id
from ...schemas.refusal import Code, Refused
from ..jobs.job import Job
from ..store.queries import Lookup


def read_key(message: job_pb2.JobKey, member: Member) -> JobKey:
    """Return a key; a missing owner means the member.

    Raises Refused(INVALID_ARGUMENT) if the owner or the id is invalid.
    """
    if len(message.id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a job's id has {ID_BYTES} bytes, not {len(message.id)}")
    if len(message.owner) not in (0, OWNER_BYTES):
        raise Refused(Code.INVALID_ARGUMENT, f"a job's owner has {OWNER_BYTES} bytes, not {len(message.owner)}")
    return JobKey(message.owner or member.key, message.id)


def read_key_to_stop(message: job_pb2.JobKey, member: Member) -> JobKey:
    """Return the key of a job that the member may stop, if it exists.

    Raises Refused as `read_key` and `demand` do.
    """
    key = read_key(message, member)
    demand(member, Right.STOP, key.owner, format_id(key.id))
    return key


def find_jobs_to_stop(messages: Iterable[job_pb2.JobKey], member: Member, lookup: Lookup, found: list[Job]) -> Iterator[None]:
    """Find all jobs of a request, one per step, before anything is done: a request applies to all of them or to none.

    Raises Refused if one does not exist, or may not be stopped.
    """
    keys = dict.fromkeys(read_key(message, member) for message in messages)
    for key in keys:
        demand(member, Right.STOP, key.owner, format_id(key.id))
        found.append(lookup.visible_job(key, member))
        yield

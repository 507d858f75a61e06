"""Keys of jobs in requests, the jobs that a member may stop, and the jobs of a start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...keys.rights import Member, Right, demand
from ...schemas.generated import job_pb2
from ...schemas.job import Outcome, OutcomeKind
from ...schemas.naming import ID_BYTES, AttemptKey, JobKey, format_id
from ...schemas.refusal import Code, Refused
from ..desk.inputs import Asked
from ..desk.job import FIRST_ATTEMPT, Attempt, Job
from ..desk.life import Phase
from ..store.queries import Lookup


def read_key(message: job_pb2.JobKey, member: Member) -> JobKey:
    """Return a key; a missing owner means the member.

    Raises Refused(INVALID_ARGUMENT) if the id is invalid.
    """
    if len(message.id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a job's id has {ID_BYTES} bytes, not {len(message.id)}")
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


def find_started_jobs(keys: Sequence[JobKey], asked: Sequence[Asked], lookup: Lookup) -> list[Job]:
    """Return the jobs of an accepted start, in its order. One whose id was known, and which was forgotten in the same commit, has ended."""
    return [lookup.job(key) or _forgotten_meanwhile(key, one) for key, one in zip(keys, asked, strict=True)]


def _forgotten_meanwhile(key: JobKey, one: Asked) -> Job:
    outcome = Outcome(OutcomeKind.LOST, sentence="it has ended and was forgotten, including its outcome")
    return Job(0, key, one.spec, one.digest, None, 0, Attempt(AttemptKey(*key, FIRST_ATTEMPT), Phase.FINISHED, outcome=outcome))

"""relay_put and relay_fetch: files that jobs of a broker bring, and what is read of their folders.

A content is kept under its SHA-256 for its owner, and is of no use without a job that its owner has signed with that digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...keys.limits import EVERYBODYS
from ...keys.rights import Right, demand
from ...schemas.generated import job_pb2, request_pb2
from ..requests.call import Call
from .deliveries import Parts, demand_trusted, read_name
from .orders import find_job, for_owner
from .signed import local_id

_MOST_STREAMS = 1_000_000


def relay_put(call: Call, parts: Parts, put: Callable[[Call], None]) -> None:
    """Receive a content for somebody who may run jobs here; `put` is the handler for that."""
    demand(call.member, Right.RELAY, call.member.key)
    sent = call.request.relay_put
    demand_trusted(sent.owner, call.member, parts.member_of)
    owner = parts.member_of(sent.owner)
    limits = replace(owner.limits if owner is not None else EVERYBODYS, streams=_MOST_STREAMS)
    call.member = replace(call.member, key=sent.owner, role="submitter", limits=limits)
    call.request.put.CopyFrom(request_pb2.Put(digest=sent.digest, size=sent.size))
    put(call)


def relay_fetch(call: Call, parts: Parts, fetch: Callable[[Call], None]) -> None:
    """Read something in the folder of a job, as its owner would; `fetch` is the handler for that."""
    demand(call.member, Right.RELAY, call.member.key)
    asked = call.request.relay_fetch
    name = read_name(asked.job)
    job = find_job(call, name, parts)
    wanted = request_pb2.Fetch()
    wanted.CopyFrom(asked.fetch)
    wanted.key.CopyFrom(job_pb2.JobKey(owner=job.key.owner, id=local_id(name.id, name.attempt)))
    call.request.fetch.CopyFrom(wanted)
    call.member = for_owner(call.member, job)
    fetch(call)

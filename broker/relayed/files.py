"""relay_put: contents for jobs of a broker, which they bring or which are put into their folders.

A content is stored under its SHA-256 for its owner, and is of no use without a job that its owner has signed with that digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...keys.members.limits import EVERYBODYS
from ...keys.members.rights import Right, demand
from ...schemas.frames import MOST_MISSING
from ...schemas.generated import request_pb2
from ...schemas.jobs import brought_files
from ...schemas.refusal import Code, Reason, Refused
from ..requests.call import Call
from .deliveries import Parts, demand_trusted

_MOST_STREAMS = 1_000_000


def relay_put(call: Call, parts: Parts, put: Callable[[Call], None]) -> None:
    """Receive a content for a member who may run jobs here; `put` is the handler for that."""
    demand(call.member, Right.RELAY, call.member.key)
    sent = call.request.relay_put
    demand_trusted(sent.owner, call.member, parts.member_of)
    owner = parts.member_of(sent.owner)
    limits = replace(owner.limits if owner is not None else EVERYBODYS, streams=_MOST_STREAMS)
    call.member = replace(call.member, key=sent.owner, role="submitter", limits=limits)
    call.request.put.CopyFrom(request_pb2.Put(digest=sent.digest, size=sent.size))
    put(call)


def demand_contents(place: request_pb2.Place, sender: bytes, parts: Parts) -> None:
    """Check that contents to be put into a folder are here, before the request counts as carried out, which happens once.

    Raises Refused(FILES_MISSING).
    """
    wanted = [brought_files.from_wire(file) for file in place.files] if not place.only_check else []
    if missing := {file.digest: None for file in wanted if not parts.depot.has(sender, file)}:
        message = "the worker does not have the content of these files"
        refused = Refused(Code.FAILED_PRECONDITION, message, "send them, then ask again", reason=Reason.FILES_MISSING)
        refused.missing = tuple(missing)[:MOST_MISSING]
        raise refused

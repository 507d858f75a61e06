"""relay_feed: input for a job of the broker, or typing at its terminal, if its client has signed a request for that.

Without such a request for this very job, a broker can do neither. At the end of an input its sender signs all of it, and a job whose input
was altered counts as failed. What is typed at a terminal is not signed: a broker could alter it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...keys.members.rights import Right, demand
from ...keys.proofs.input_seal import Fed
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.refusal import Code, Refused
from ..requests.call import Call
from .checks.signed import local_id
from .deliveries import Parts, read_name
from .orders import demand_may, find_job, for_owner, read_signed


def relay_feed(call: Call, parts: Parts, feed: Callable[[Call], None]) -> None:
    """Let the broker feed a job in place of its owner; `feed` is the handler for that."""
    demand(call.member, Right.RELAY, call.member.key)
    name, raw = read_name(call.request.relay_feed.job), call.request.relay_feed.request

    def begin() -> None:
        job = find_job(call, name, parts)
        signer, request, _ = read_signed(call, raw, name, parts, {"feed"})
        if job.spec.terminal is not None:
            demand_may(signer, name, parts)
        elif signer != name.owner:
            raise Refused(Code.PERMISSION_DENIED, "only the owner of a job feeds it, and somebody else has signed that")
        key = job_pb2.JobKey(owner=job.key.owner, id=local_id(name.id, name.attempt))
        call.request.feed.CopyFrom(request_pb2.Feed(key=key, token=request.feed.token))
        if request.feed.sealed:
            # Checked with the request: it is the owner, or the key of a job that acts for it.
            call.sealed = Fed(name.job, request.feed.token, request_pb2.Envelope.FromString(raw).proof.signer)
        call.member = replace(for_owner(call.member, job), role="submitter")
        feed(call)

    parts.registry.when_arrived(call.member.key, name, partial(call.guard, begin))

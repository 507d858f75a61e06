"""removed: this worker was removed from its broker while it had jobs. They were reported as lost there, and are stopped here.

A broker cannot have jobs stopped on its own: it shows the request that removed the worker, as signed by an admin of the broker. The key of
the worker is part of what is signed, so the request is useless at another worker. So is the time: jobs that arrive later, after the worker
was added again, continue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ...keys.identity import KEY_BYTES
from ...keys.members.rights import Member, Right, demand
from ...keys.proofs import signature
from ...schemas.frames import read_envelope
from ...schemas.jobs.spec import DEFAULT_GRACE_MS
from ...schemas.jobs.states import State
from ...schemas.naming import AttemptKey, JobKey, short_id
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.requests import bounds
from ..desk.inputs import Stop
from ..jobs.job import Job, StopOrder
from ..requests.call import Call
from .deliveries import Parts
from .orders import demand_may

# As far as the clocks of a worker and of a client may differ before their broker places nothing there.
_CLOCKS_DIFFER_US = 300 * 1_000_000


@dataclass(frozen=True, slots=True)
class RemovalOrder:
    """A signed removal: its signer, and until when this worker got the jobs that it applies to, in microseconds since 1970."""

    signer: bytes
    upto_us: int

    def means(self, job: Job) -> bool:
        """Return whether it applies to an unended job."""
        return job.queued_at_us <= self.upto_us


def read_removal(raw: bytes, relay: bytes, own: bytes, now_us: int) -> RemovalOrder:
    """Return the removal of the worker with the key `own` from the broker with the key `relay`.

    Raises Refused: UNAUTHENTICATED if it was not signed for this broker, PERMISSION_DENIED if it is about something else,
    FAILED_PRECONDITION if it is dated in the future.
    """
    request, envelope = read_envelope(raw)
    signer = signature.check(envelope, relay, None)
    bounds.check(request)
    said = request.remove_worker
    if not request.HasField("remove_worker") or not said.declare_lost:
        raise Refused(Code.PERMISSION_DENIED, "the signed request removes no worker with jobs")
    if len(said.key) != KEY_BYTES or said.key != own:
        raise Refused(Code.PERMISSION_DENIED, f"the signed request removes another worker: that with the key {short_id(said.key)}")
    if (ahead_us := said.asked_at_us - now_us) > _CLOCKS_DIFFER_US:
        # A broker could keep it, and show it once more when the worker was let in again.
        message = f"the removal is dated {ahead_us // 1_000_000} seconds after now, by the clock of this worker"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks", reason=Reason.EXPIRED)
    return RemovalOrder(signer, said.asked_at_us + _CLOCKS_DIFFER_US)


def removed(call: Call, parts: Parts, own: bytes) -> None:
    """Stop what still runs of the broker's jobs; reply when that is durable."""
    demand(call.member, Right.RELAY, call.member.key)
    relay, raw = call.member.key, call.request.removed.request
    if (arriving := parts.registry.arriving(relay)) is not None:
        # Delivered a moment ago, over the connection before.
        parts.registry.when_arrived(relay, arriving, partial(call.guard, partial(removed, call, parts, own)))
        return
    order = read_removal(raw, relay, own, parts.desk.now_us())
    found = {name: job for name, key in parts.registry.of(relay).items() if (job := _live(key, parts)) is not None and order.means(job)}
    kept, refused = _not_allowed(order.signer, found, parts)
    by_whom = _name(parts.member_of(order.signer), order.signer)
    orders = [(job.key, _order(job, by_whom)) for name, job in found.items() if name not in kept and job.state is not State.STOPPING]

    def done() -> None:
        if refused is None:
            call.done(None, len(found))
        else:
            message = f"{len(kept)} of {len(found)} jobs continue: {refused.message}"
            call.done(Refused(refused.code, message, refused.next_step, reason=refused.reason))

    parts.desk.take(Stop(orders, raw, done))


def _live(key: JobKey, parts: Parts) -> Job | None:
    job = parts.desk.live.get(key)
    return job if job is not None and job.state is not State.FINISHED else None


def _not_allowed(signer: bytes, found: Mapping[AttemptKey, Job], parts: Parts) -> tuple[Sequence[AttemptKey], Refused | None]:
    """Return which jobs a signer may not stop here, and why."""
    kept, why = [], None
    for name in found:
        try:
            demand_may(signer, name, parts)
        except Refused as refused:
            kept.append(name)
            why = refused
    return kept, why


def _name(member: Member | None, signer: bytes) -> str:
    return member.name if member is not None else short_id(signer)


def _order(job: Job, by_whom: str) -> StopOrder:
    grace_ms = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
    return StopOrder(job.spec.stop_signal, grace_ms, f"{by_whom}, who has removed this worker")

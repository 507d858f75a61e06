"""deliver, settle, discard: jobs from a broker are accepted as those of the client who signed the start, each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ...keys.digests import sha256
from ...keys.members.rights import ROLES, Member, Right, demand
from ...keys.proofs.delegation import attempt_of
from ...schemas.frames import refusal_message
from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey, JobKey, format_id, short_id
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.capacity import wants_of
from ..depot import Depot
from ..desk.desk import Desk
from ..desk.inputs import Accepted, Asked
from ..requests.call import Call
from ..requests.transfers.files import Missing
from ..retention.forget import Forgetting, Forgotten
from ..store.queries import Lookup
from ..store.rows.fleet import relays
from ..store.store import Store
from ..writes.jobs import Origin
from .checks.job_keys import JobKeys
from .checks.signed import SignedStart, read_start
from .registry import Registry

# Starts that were checked, of which more jobs may be delivered; in all at most so many bytes.
_KEPT_BYTES = 32 * 1024 * 1024
# How many of those run at once that may start jobs, the broker limits, which knows who has started whom. A second limit here, where others
# of them wait already, could keep those from running for which they wait.
_NOT_COUNTED = -1


class Starts:
    """The signed starts of recent deliveries, by their SHA-256; older ones are read from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[bytes, bytes], SignedStart] = OrderedDict()
        self._bytes = 0

    def find(self, relay: bytes, request: request_pb2.Deliver) -> SignedStart:
        """Return the start of a delivery.

        Raises Refused, with START_MISSING if it must be sent with the delivery.
        """
        found = self._kept.get((relay, request.digest))
        if found is not None:
            self._kept.move_to_end((relay, request.digest))
            return self._with_parts(found, request, relay)
        raw = request.start or relays.start_with(self._store.read, request.digest)
        if not raw:
            message = "the start of these jobs was not delivered, or is not kept"
            raise Refused(Code.FAILED_PRECONDITION, message, "deliver it with the jobs", reason=Reason.START_MISSING)
        if sha256(raw) != request.digest:
            raise Refused(Code.INVALID_ARGUMENT, "the digest is not that of the start")
        start = read_start(raw, relay)
        if start.delegation is not None and not request.start:
            # It was checked when the first job of it was accepted.
            start.parents.add(attempt_of(start.delegation))
        self._kept[relay, request.digest] = start
        self._bytes += start.size
        return self._with_parts(start, request, relay)

    def _with_parts(self, start: SignedStart, request: request_pb2.Deliver, relay: bytes) -> SignedStart:
        if request.HasField("parent"):
            # If it is none, or one that this worker does not understand, the jobs are refused, and may be placed on another one.
            with suppress(Refused):
                start.show_parent(request.parent, relay)
        before = start.size if request.hashes else 0
        start.show_parts(request.hashes)
        self._bytes += start.size - before if request.hashes else 0
        while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size
        start.demand_parts(request.jobs)
        return start


def demand_trusted(signer: bytes, relay: Member, member_of: Callable[[bytes], Member | None]) -> None:
    """Check that the signer may run jobs here: by its own role, or by the role up to which the broker may vouch for others.

    Raises Refused(PERMISSION_DENIED).
    """
    member = member_of(signer)
    if member is not None:
        demand(member, Right.SUBMIT, signer)
    elif Right.SUBMIT not in ROLES.get(relay.vouch, ()):
        message = f"the key {short_id(signer)} that has signed it is not on the roster of this worker, and {relay.name} may not vouch"
        raise Refused(Code.PERMISSION_DENIED, message, "add it, or let the relay vouch for submitters", reason=Reason.NOT_ON_ROSTER)


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers of a broker's requests need. `taken(relay, name, key)` is called for each job that is there."""

    desk: Desk
    lookup: Lookup
    store: Store
    registry: Registry
    starts: Starts
    member_of: Callable[[bytes], Member | None]
    depot: Depot
    # The handler for clients.
    place: Callable[[Call], None]
    taken: Callable[[bytes, AttemptKey, JobKey], None]
    # Gives a job another time limit, as a client has signed.
    limit: Callable[[Member, AttemptKey, JobKey, bytes], None]
    keys: JobKeys


def deliver(call: Call, parts: Parts) -> None:
    """Accept jobs, and reply when all of them are durable or refused."""
    demand(call.member, Right.RELAY, call.member.key)
    request = call.request.deliver
    relay = call.member.key
    if request.store != parts.store.id:
        message = "the jobs were placed on another store than that of this worker; there, they may have run"
        raise Refused(Code.FAILED_PRECONDITION, message, "tell their owners that they are lost", reason=Reason.ANOTHER_STORE)
    start = parts.starts.find(relay, request)
    untrusted = _why_untrusted(start, call.member, parts)
    answer = request_pb2.DeliverReply()
    unanswered = len(request.jobs)

    def answered(delivery: request_pb2.Delivery, refused: Refused | None) -> None:
        nonlocal unanswered
        unanswered -= 1
        if refused is not None:
            answer.not_accepted.add(job=delivery, refusal=refusal_message(refused))
        if not unanswered:
            call.reply(request_pb2.Reply(deliver=answer))

    if not request.jobs:
        raise Refused(Code.INVALID_ARGUMENT, "the delivery names no job")
    for delivery in request.jobs:
        try:
            name, asked = start.job(delivery)
        except Refused as refused:
            answered(delivery, refused)
            continue
        origin = Origin(relay, name, start.digest, start.raw, delivery.due_us)
        # If it was delivered before and is being recorded, it is refused only if it is not there after that.
        why_not = untrusted or _not_in_time(start, delivery, parts.desk)
        accepted = partial(answered, delivery)
        if delivery.limit:
            accepted = partial(_limited, partial(parts.limit, call.member, name, JobKey(name.owner, asked.id), delivery.limit), accepted)
        parts.registry.when_arrived(relay, name, partial(_take, parts, origin, asked, why_not, accepted))


def _limited(limit: Callable[[], None], answered: Callable[[Refused | None], None], refused: Refused | None) -> None:
    """Set the time limit of an accepted job while it starts."""
    if refused is None:
        limit()
    answered(refused)


def _not_in_time(start: SignedStart, delivery: request_pb2.Delivery, desk: Desk) -> Refused | None:
    """Return why an attempt may not start now, else None."""
    try:
        start.demand_in_time(delivery, desk.now_us())
    except Refused as refused:
        return refused
    return None


def _why_untrusted(start: SignedStart, relay: Member, parts: Parts) -> Refused | None:
    try:
        if start.delegation is not None:
            parts.keys.demand_known(start.delegation, start.parents)
        demand_trusted(start.owner, relay, parts.member_of)
    except Refused as refused:
        return refused
    return None


def _take(parts: Parts, origin: Origin, asked: Asked, why_not: Refused | None, answered: Callable[[Refused | None], None]) -> None:
    """Accept a job, or refuse it. A job that is there already is never refused: the broker would place it elsewhere."""
    key = JobKey(origin.name.owner, asked.id)
    if why_not is not None and parts.registry.find(origin.relay, origin.name) is None and not parts.lookup.forgotten(key):
        answered(why_not)
        return
    try:
        _accept(parts, origin, asked, answered)
    except Refused as refused:
        answered(refused)


def _accept(parts: Parts, origin: Origin, asked: Asked, answered: Callable[[Refused | None], None]) -> None:
    key = JobKey(origin.name.owner, asked.id)
    if (why := parts.desk.stock.never_fits(wants_of(asked.spec))) and parts.lookup.job(key) is None:
        raise Refused(Code.FAILED_PRECONDITION, f"the job can never start here: {why}")
    if asked.spec.files and parts.lookup.job(key) is None:
        missing = Missing(key.owner, parts.depot)
        missing.look(asked.spec, None)
        missing.demand_none()

    def done(result: Accepted | Refused) -> None:
        refused = result if isinstance(result, Refused) else None
        if refused is None and relays.find(parts.store.read, origin.relay, origin.name) != key:
            message = f"the id {format_id(key.id)} belongs to a job that did not come through this broker"
            refused = Refused(Code.ALREADY_EXISTS, message, "use a new id", reason=Reason.ID_TAKEN)
        if refused is None:
            parts.registry.add(origin.relay, origin.name, key)
            parts.taken(origin.relay, origin.name, key)
        parts.registry.arrived(origin.relay, origin.name)
        answered(refused)

    parts.desk.accept(key.owner, [asked], None, origin.digest, done, depth=_NOT_COUNTED, origin=origin)
    parts.registry.arrives(origin.relay, origin.name)


def settle(call: Call, registry: Registry) -> None:
    """Stop reporting ended jobs."""
    demand(call.member, Right.RELAY, call.member.key)
    names = [read_name(one) for one in call.request.settle.jobs]
    registry.settle(call.member.key, names, lambda: call.done(None))


def discard(call: Call, registry: Registry, forgetting: Forgetting) -> None:
    """Remove ended jobs of the broker, with their logs; it no longer needs them."""
    demand(call.member, Right.RELAY, call.member.key)
    names = [read_name(one) for one in call.request.discard.jobs]
    found = (registry.find(call.member.key, name) for name in names)
    keys = [key for key in found if key is not None]

    def done(result: Forgotten | Refused) -> None:
        call.done(result if isinstance(result, Refused) else None)

    registry.settle(call.member.key, names, lambda: forgetting.forget(keys, done), unwanted=True)


def read_name(message: request_pb2.AttemptName) -> AttemptKey:
    """Return the broker's name for an attempt."""
    return AttemptKey(message.owner, message.id, message.attempt)

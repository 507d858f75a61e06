"""relay, read_log, follow_log, relay_fetch: signed requests of clients about jobs of the broker, and their logs and files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

from ...keys.digests import sha256
from ...keys.members.rights import Member, Right, demand, may
from ...keys.proofs.delegation import attempt_of
from ...schemas.frames import read_envelope
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.spec import DEFAULT_GRACE_MS
from ...schemas.naming import AttemptKey, JobKey, format_id, short_id
from ...schemas.refusal import Code, Reason, Refused
from ..desk.desk import Desk
from ..desk.inputs import Alter, Signal, Stop, Suspend
from ..jobs.job import Job, StopOrder
from ..requests.actions.stop import order_of
from ..requests.call import Call
from ..store.rows.fleet import relays
from ..writes.jobs import CarryOut
from .checks.derived import stops_earlier
from .checks.signed import SignedStart, demand_in_time, local_id, read_order, read_start
from .deliveries import Parts, read_name
from .files import demand_contents

_VERBS = frozenset({"stop", "signal", "pause", "resume", "change", "place"})
_MOST_STREAMS = 1_000_000


@dataclass(slots=True)
class Done:
    """The SHA-256 of signed requests that were carried out, for each unended job: a broker cannot repeat them."""

    by_job: dict[JobKey, set[bytes]] = field(default_factory=dict)

    def is_new(self, key: JobKey, raw: bytes, live: Callable[[JobKey], bool]) -> bool:
        """Note a request; return whether it was not noted before."""
        if key not in self.by_job:
            for other in [one for one in self.by_job if not live(one)]:
                del self.by_job[other]
        known = self.by_job.setdefault(key, set())
        digest = sha256(raw)
        is_new = digest not in known
        known.add(digest)
        return is_new


def relay(call: Call, parts: Parts, done: Done) -> None:
    """Carry out what a client has signed, once the job is recorded."""
    demand(call.member, Right.RELAY, call.member.key)
    name = read_name(call.request.relay.job)
    carry_out = partial(_carry_out, call, name, parts, done)
    parts.registry.when_arrived(call.member.key, name, partial(call.guard, carry_out))


def _carry_out(call: Call, name: AttemptKey, parts: Parts, done: Done) -> None:
    job = find_job(call, name, parts)
    raw = call.request.relay.request
    if not raw:
        _stop_rest(call, name, job, parts)
        return
    if (schedule := _schedule_in(raw)) is not None:
        _stop_earlier(call, name, job, raw, schedule, parts)
        return
    signer, request, until_us = read_signed(call, raw, name, parts, _VERBS)
    member = demand_may(signer, name, parts)
    by_whom = member.name if member is not None else short_id(signer)
    if request.HasField("place"):
        demand_contents(request.place, signer, parts)
        call.member = member or replace(for_owner(call.member, job), role="submitter")
        request.place.key.CopyFrom(job_pb2.JobKey(owner=job.key.owner, id=job.key.id))
    match request.WhichOneof("verb"):
        case "stop":
            order = order_of(request.stop, job, by_whom)
            _stop(call, parts.desk, job, order, raw, only_queued=request.stop.only_queued)
        case _ if until_us:
            demand_in_time(until_us, parts.desk.now_us(), "request")
            record = CarryOut(sha256(raw), until_us, parts.desk.now_us())
            # Recorded first: if this worker ends in between, it is not carried out at all, rather than twice.
            act = partial(_act, call, parts, job, request, by_whom, raw)
            parts.store.submit(record, lambda: call.guard(act) if record.is_new else call.done(None))
        case _ if not done.is_new(job.key, raw, parts.desk.live.__contains__):
            # Sent again, as the answer was lost.
            call.done(None)
        case _:
            _act(call, parts, job, request, by_whom, raw)


def _act(call: Call, parts: Parts, job: Job, request: request_pb2.Request, by_whom: str, raw: bytes) -> None:
    desk = parts.desk
    match request.WhichOneof("verb"):
        case "place":
            call.request.place.CopyFrom(request.place)
            parts.place(call)
        case "signal":
            desk.take(Signal(job.key, request.signal.signal, call.done))
        case "change":
            # Priority and holds are those of the broker's queue.
            desk.take(Alter([job.key], None, None, request.change.time_limit_ms, by_whom, raw, call.done))
        case verb:
            desk.take(Suspend([job.key], verb == "pause", call.done))


def limit_first(by: Member, name: AttemptKey, key: JobKey, raw: bytes, parts: Parts, done: Done) -> None:
    """Set the signed time limit of a job that was just delivered; if that is not permitted, `relay` reports it."""
    job = parts.lookup.job(key)
    if job is None:
        return
    try:
        signer, request, until_us = _read_order(by.key, raw, name, parts, {"change"})
        member = demand_may(signer, name, parts)
    except Refused:
        return
    # What is good until a time is recorded before it is carried out, which `relay` does.
    if not until_us and done.is_new(key, raw, parts.desk.live.__contains__):
        by_whom = member.name if member is not None else short_id(signer)
        parts.desk.take(Alter([key], None, None, request.change.time_limit_ms, by_whom, raw, lambda _: None))


def _stop_rest(call: Call, name: AttemptKey, job: Job, parts: Parts) -> None:
    start, due_us = _start_of(call.member.key, name, parts)
    if not start.stops(name.id, due_us):
        raise Refused(Code.PERMISSION_DENIED, "nobody has signed a stop of this job, and a failure does not stop its run")
    grace_ms = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
    _stop(call, parts.desk, job, StopOrder(job.spec.stop_signal, grace_ms, "jobwire because a job of its run has failed"), start.digest)


def _schedule_in(raw: bytes) -> request_pb2.AddSchedule | None:
    request, _ = read_envelope(raw)
    return request.add_schedule if request.HasField("add_schedule") else None


def _stop_earlier(call: Call, name: AttemptKey, job: Job, raw: bytes, schedule: request_pb2.AddSchedule, parts: Parts) -> None:
    """Stop a job because its schedule starts the next one, if the signer of the schedule wants that."""
    start, _ = _start_of(call.member.key, name, parts)
    if not stops_earlier(schedule) or not start.is_of(read_start(raw, call.member.key)):
        message = f"the job was not started by the schedule {schedule.name}, or that stops no earlier jobs"
        raise Refused(Code.PERMISSION_DENIED, message)
    grace_ms = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
    _stop(call, parts.desk, job, StopOrder(job.spec.stop_signal, grace_ms, f"the schedule {schedule.name}"), raw)


def _start_of(relay: bytes, name: AttemptKey, parts: Parts) -> tuple[SignedStart, int]:
    """Return the start that a job was delivered with, and the time of its schedule."""
    raw, due_us = relays.start_of(parts.store.read, relay, name)
    return read_start(raw, relay), due_us


def _read_order(relay: bytes, raw: bytes, name: AttemptKey, parts: Parts, verbs: Collection[str]) -> tuple[bytes, request_pb2.Request, int]:
    start, due_us = _start_of(relay, name, parts)

    def demand_known(said: request_pb2.Delegation) -> None:
        if said == start.delegation:
            # It was checked when the job came.
            return
        parent, by = start.delegation, JobKey(said.owner, said.job)
        has_started = parent is not None and by == JobKey(parent.owner, parent.job)
        if not has_started and by != name.job:
            message = "it was signed with the key of a job, which is valid only for that job and those that it has started"
            raise Refused(Code.PERMISSION_DENIED, message, reason=Reason.ROLE)
        # Another attempt at that job has another key, of which its owner has signed just as much.
        parts.keys.demand_known(said, {attempt_of(said)} if has_started else ())

    return read_order(raw, relay, name.job, start.run(due_us), verbs, demand_known)


def read_signed(call: Call, raw: bytes, name: AttemptKey, parts: Parts, verbs: Collection[str]) -> tuple[bytes, request_pb2.Request, int]:
    """Return the signer of a request about a job for this broker, the request, which has one of these verbs, and its expiry."""
    return _read_order(call.member.key, raw, name, parts, verbs)


def demand_may(signer: bytes, name: AttemptKey, parts: Parts) -> Member | None:
    """Check that a signer may act on a job: its own, or by its role here. Return the member, if it is on the roster."""
    member = parts.member_of(signer)
    if signer != name.owner and not (member is not None and may(member, Right.STOP, name.owner)):
        message = f"the key {short_id(signer)} has signed it, and may not stop or signal jobs of others at this worker"
        raise Refused(Code.PERMISSION_DENIED, message, "add it to the roster of the worker as an operator")
    return member


def _stop(call: Call, desk: Desk, job: Job, order: StopOrder, proof: bytes, *, only_queued: bool = False) -> None:
    desk.take(Stop([(job.key, order)], proof, lambda: call.done(None), only_queued))


def find_job(call: Call, name: AttemptKey, parts: Parts) -> Job:
    """Return a job that this broker has delivered.

    Raises Refused(NOT_FOUND), even if another job has this id.
    """
    key = parts.registry.find(call.member.key, name)
    job = parts.lookup.job(key) if key is not None else None
    if job is None:
        message = f"attempt {name.attempt} at the job {format_id(name.id)} did not come from this broker, or was forgotten"
        raise Refused(Code.NOT_FOUND, message, reason=Reason.NO_SUCH_JOB)
    return job


def for_owner(relay: Member, job: Job) -> Member:
    """Return a member that acts for the owner of a job over a link. Its streams are not counted: the link serves many."""
    return replace(relay, key=job.key.owner, role="viewer", limits=replace(relay.limits, streams=_MOST_STREAMS))


def read_for(call: Call, parts: Parts, handler: Callable[[Call], None]) -> None:
    """Read a log for the broker that delivered the job, with the rights of its owner."""
    demand(call.member, Right.RELAY, call.member.key)
    request: request_pb2.ReadLog | request_pb2.FollowLog = getattr(call.request, call.request.WhichOneof("verb") or "")
    name = AttemptKey(request.key.owner, request.key.id, request.attempt)
    call.member = for_owner(call.member, find_job(call, name, parts))
    request.key.id = local_id(name.id, name.attempt)
    request.attempt = 0
    handler(call)


def relay_fetch(call: Call, parts: Parts, fetch: Callable[[Call], None]) -> None:
    """Read something in the folder of a job, with the rights of its owner; `fetch` is the handler for that."""
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

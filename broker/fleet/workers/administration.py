"""Requests of operators about the workers of a broker: list, drain, show and remove them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import cast

from ....keys.members.rights import Member, Right, demand
from ....keys.members.roster import RosterFile
from ....keys.members.roster_changes import remove_member
from ....schemas.frames import MOST_KEYS_OF_A_LINK
from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire, labels_to_wire, state_to_wire
from ....schemas.workers.labels import called
from ...pairing.edits import RosterEdits
from ...requests.call import Call
from ...store.queries import Lookup
from ...store.store import Store
from ...writes.growth import Growth, RemovalRow
from ...writes.jobs import Drained
from ..engine import FleetEngine
from . import clocks
from .worker import Worker, WorkerState


def list_workers(call: Call, roster: RosterFile, engine: FleetEngine) -> None:
    """Reply with all workers on the roster, and removed ones that still have jobs or are to be told to stop them."""
    demand(call.member, Right.SEE_OTHERS, b"")
    reply = request_pb2.ListWorkersReply()
    known = engine.workers.all
    listed = {member.key for member in roster.roster.members if member.role == "worker"}
    also = {key for key, one in known.items() if one.carried or (one.is_removed and one.link.is_up)}
    for key in sorted(listed | also, key=engine.workers.name_of):
        _describe(reply.workers.add(name=engine.workers.name_of(key), key=key), known.get(key), engine)
    call.reply(request_pb2.Reply(list_workers=reply))


def _describe(said: request_pb2.WorkerInfo, worker: Worker | None, engine: FleetEngine) -> None:
    if worker is None or (not worker.store and worker.state is WorkerState.UNREACHABLE):
        said.state = request_pb2.WORKER_STATE_NEVER_SEEN
        said.drained = worker is not None and worker.drained
        return
    said.state = cast("request_pb2.WorkerState", int(WorkerState.REMOVED if worker.is_removed else worker.state))
    said.host, said.software = worker.host, worker.software
    said.slots = worker.capacity.slots if worker.capacity is not None else 0
    said.jobs, said.used_slots = len(worker.carried), engine.stock.used_on(worker.machine)
    said.stocks.extend(worker.stocks)
    said.labels.extend(labels_to_wire(called(worker.capacity.labels, said.name) if worker.capacity is not None else ()))
    said.since_us = max(0, engine.workers.now_us() - worker.since_us)
    said.drained = worker.drained
    said.stopped = worker.stopped and worker.state is WorkerState.UNREACHABLE
    said.clock_ahead_us = worker.clock_ahead_us


def change_worker(call: Call, roster: RosterFile, store: Store, engine: FleetEngine) -> None:
    """Drain or undrain a worker; reply when that is durable."""
    demand(call.member, Right.SET_SLOTS, call.member.key)
    request = call.request.change_worker
    member = roster.named(request.name)
    if member is None or member.role != "worker":
        raise Refused(Code.NOT_FOUND, f"there is no worker {request.name!r} on the roster of this broker")

    def done() -> None:
        engine.drains.drain(member.key, drained=request.drained)
        call.done(None)

    store.submit(Drained(member.key, request.drained), done)


def query_worker(call: Call, roster: RosterFile, lookup: Lookup, engine: FleetEngine) -> None:
    """Reply with everything about one worker, and its jobs."""
    demand(call.member, Right.SEE_OTHERS, b"")
    name = call.request.query_worker.name
    key = _key_of(name, roster, engine)
    worker = engine.workers.all.get(key)
    reply = request_pb2.QueryWorkerReply(worker=request_pb2.WorkerInfo(name=engine.workers.name_of(key), key=key))
    _describe(reply.worker, worker, engine)
    if worker is not None:
        reply.store = worker.store
        for one in itertools.islice(worker.carried.values(), MOST_KEYS_OF_A_LINK):
            said = reply.jobs.add(key=key_to_wire(one.key.job), attempt=one.key.attempt, accepted=one.accepted)
            owner, job = roster.member(one.key.owner), lookup.job(one.key.job)
            said.owner_name = owner.name if owner is not None else ""
            if job is not None:
                said.name, said.state = job.spec.name, state_to_wire(job.state)
    call.reply(request_pb2.Reply(query_worker=reply))


def remove_worker(call: Call, roster: RosterFile, edits: RosterEdits, store: Store, engine: FleetEngine) -> None:
    """Remove a worker from the roster, and declare its jobs lost if requested; reply when all of it is durable.

    First the roster: from then on, its reports are ignored. If the broker is killed before the ends are durable, the jobs are still shown
    on a worker that is no longer on the roster, and can be declared lost by repeating the request. A worker that comes back is shown the
    request, see removals.py.
    """
    demand(call.member, Right.ADMINISTER, b"")
    request = call.request.remove_worker
    key = _key_of(request.name, roster, engine)
    if request.key not in (b"", key):
        message = f"{request.name} is now another worker than the one that the signed removal names"
        raise Refused(Code.FAILED_PRECONDITION, message, "list the workers, and remove the one that is meant")
    if request.key:
        demand_dated_now(request.asked_at_us, engine.workers.now_us())
    name, member = engine.workers.name_of(key), roster.member(key)
    worker = engine.workers.all.get(key)
    if refused := why_not(name, worker, declare_lost=request.declare_lost):
        raise refused

    def gone(result: Callable[[], object]) -> None:
        result()
        now_us = engine.workers.now_us()
        removals = []
        if request.key and worker is not None and any(one.sent for one in worker.carried.values()):
            # It may come back.
            removals.append(RemovalRow(key, name, call.proof, now_us))
            engine.removals.add(removals[0])
        store.submit(Growth(departed=[(key, name, now_us)], removals=removals), _nothing)
        lost = engine.remove(key, name, f"worker {name} was removed by {call.member.name}, who declared its jobs lost")
        # Writes are in order: when this one is durable, the ends are.
        store.submit(Drained(key, drained=False), lambda: call.done(None, lost))

    def take_off(file: Path) -> None:
        if member is not None:
            remove_member(file, member.name)

    edits.edit(take_off, lambda result: call.guard(gone, result))


def demand_dated_now(asked_at_us: int, now_us: int) -> None:
    """Check that the date in a removal is right: a worker that comes back stops the jobs it got before that date, and no others.

    Raises Refused.
    """
    ahead_us = asked_at_us - now_us
    if clocks.is_too_far(ahead_us):
        message = f"the removal is from a client that {clocks.in_words(ahead_us)}, and the worker relies on its date"
        raise Refused(Code.FAILED_PRECONDITION, message, "set the clocks of client and broker")


def why_not(name: str, worker: Worker | None, *, declare_lost: bool) -> Refused | None:
    """Return why a worker cannot be removed now; None if it can."""
    if worker is None or declare_lost:
        return None
    if worker.carried:
        count = len(worker.carried)
        jobs = "a job that has" if count == 1 else f"{count} jobs that have"
        message = f"worker {name} has {jobs} not ended"
        return Refused(Code.FAILED_PRECONDITION, message, "drain it and wait until it is empty, or declare its jobs lost")
    if worker.takes_jobs and not worker.drained:
        return Refused(Code.FAILED_PRECONDITION, f"worker {name} is not drained, so it may get jobs at any moment", "drain it first")
    return None


def _nothing() -> None:
    """Do nothing once it is durable: a later write is waited for."""


def _key_of(name: str, roster: RosterFile, engine: FleetEngine) -> bytes:
    """Return the key of a worker by its name in the list: it is on the roster, or was removed and still has jobs."""
    member: Member | None = roster.named(name)
    if member is not None and member.role == "worker":
        return member.key
    for key, worker in engine.workers.all.items():
        if worker.carried and engine.workers.name_of(key) == name:
            return key
    raise Refused(Code.NOT_FOUND, f"there is no worker {name!r} on the roster of this broker", "list the workers")

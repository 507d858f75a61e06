"""The workers of a broker on which a job could run, for a client that wants one on each of them.

Each is named by its value of the label `worker`, for which the client signs a job. A worker that is not connected is included if it was
connected since the broker started: its job waits for it. A drained worker is left out.
"""

from __future__ import annotations

from ....keys.members.rights import Member
from ....keys.members.roster import RosterFile
from ....schemas.generated import request_pb2
from ....schemas.workers.capacity import Wants, wants_of
from ....schemas.workers.labels import ANYWHERE
from ...requests.call import Call
from ...requests.reads.fitting import asked_job, no_worker
from ..engine import FleetEngine
from .standing import takes_none, why_closed

_NEVER_SEEN = "has not been connected since the broker was started"


def find_workers(call: Call, roster: RosterFile, engine: FleetEngine) -> None:
    """Reply with the workers on which such a job can run, and with those that are left out although they may fit."""
    spec = asked_job(call)
    wants = engine.stock.timed(wants_of(spec), spec.time_limit_ms)
    reply = request_pb2.FindWorkersReply()
    members = [one for one in roster.roster.members if one.role == "worker"]
    for member in sorted(members, key=lambda one: one.name):
        _sort(reply, member, wants, engine)
    if not reply.workers:
        raise no_worker(_why_none(reply, wants, engine))
    call.reply(request_pb2.Reply(find_workers=reply))


def _sort(reply: request_pb2.FindWorkersReply, member: Member, wants: Wants, engine: FleetEngine) -> None:
    """Add a worker to those that fit, or to those that are left out; to neither if it does not fit."""
    worker = engine.workers.all.get(member.key)
    if worker is None or worker.capacity is None:
        reply.left_out.add(name=member.name, why=_NEVER_SEEN if worker is None else why_closed(worker))
    elif not engine.stock.could_fit_on(worker.machine, wants):
        return
    elif takes_none(worker):
        reply.left_out.add(name=member.name, why=why_closed(worker))
    else:
        reply.workers.add(name=member.name, waits_for=why_closed(worker))


def _why_none(reply: request_pb2.FindWorkersReply, wants: Wants, engine: FleetEngine) -> str:
    stock = engine.stock
    why = stock.never_fits(wants) or (stock.why_closed() if wants.where is ANYWHERE else stock.why_nowhere(wants))
    left_out = "; ".join(f"{one.name} {one.why}" for one in reply.left_out)
    return "; ".join(filter(None, (why, left_out))) or "there is no worker"

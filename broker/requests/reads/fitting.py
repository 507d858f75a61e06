"""On which workers a job could run, for a client that wants one on each; a worker answers with itself."""

from __future__ import annotations

from dataclasses import replace

from ....keys.members.rights import Right, demand
from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec, from_wire
from ....schemas.jobs.spec_check import check
from ....schemas.refusal import Code, Refused
from ....schemas.workers.capacity import Wants, shortage, wants_of
from ....schemas.workers.labels import WORKER
from ...desk.queue.stock import Stock
from ..call import Call

# Where a job may run does not depend on what it does.
_PROGRAM = (b"true",)


def asked_job(call: Call) -> JobSpec:
    """Return the parts of a job that decide where it may run.

    Raises `Refused` if they are not valid, or the sender may not start jobs.
    """
    demand(call.member, Right.SUBMIT, call.member.key)
    spec = replace(from_wire(call.request.find_workers.spec), argv=_PROGRAM)
    check(spec)
    return spec


def no_worker(why: str) -> Refused:
    """Return the refusal to run a job on each worker if it fits on none."""
    return Refused(Code.FAILED_PRECONDITION, f"the job can run on no worker: {why}", "ask for less, or for other labels")


def find_workers(call: Call, stock: Stock) -> None:
    """Reply with the name of this worker, if such a job can run here."""
    wants: Wants = wants_of(asked_job(call))
    if why := shortage(wants, stock.capacity):
        raise no_worker(why)
    reply = request_pb2.FindWorkersReply()
    reply.workers.add(name=dict(stock.capacity.labels).get(WORKER, ""))
    call.reply(request_pb2.Reply(find_workers=reply))

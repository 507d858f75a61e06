"""set_slots: changes the capacity for jobs, now and for later runs of the worker; answered when that is durable."""

from __future__ import annotations

from collections.abc import Callable

from ...keys.members.rights import Right, demand
from ...schemas.generated import request_pb2
from ...schemas.jobs.claims import resource_problem
from ...schemas.refusal import Code, Refused
from ...schemas.workers.capacity import Settings, capacity_problem
from ...schemas.workers.labels import label_problem
from ..desk.desk import Desk
from ..desk.inputs import SetCapacity
from ..health.condition import describe_stock
from .call import Call


def set_slots(call: Call, desk: Desk, changed: Callable[[], object]) -> None:
    """Change what the request names; the rest stays as it is. `changed` is called when the change is durable."""
    demand(call.member, Right.SET_SLOTS, call.member.key)
    request, stock = call.request.set_slots, desk.stock
    if not request.reset and not any(field.name != "reset" for field, _ in request.ListFields()):
        raise Refused(Code.INVALID_ARGUMENT, "the request sets nothing")
    if len({one.name for one in request.resources}) != len(request.resources):
        raise Refused(Code.INVALID_ARGUMENT, "a resource is named twice")
    settings = Settings(
        request.slots if request.HasField("slots") else None,
        request.memory_bytes if request.HasField("memory_bytes") else None,
        tuple(request.gpus.ids) if request.HasField("gpus") else None,
        tuple((one.name, one.amount) for one in request.resources),
        (*((one.name, one.value) for one in request.labels), *((name, None) for name in request.removed_labels)),
    )
    if len(dict(settings.labels)) != len(settings.labels):
        raise Refused(Code.INVALID_ARGUMENT, "a label is named twice")
    # That of a resource which is taken away has no amount, and is not part of what there is then; it must have a name all the same.
    named = next(filter(None, (resource_problem(one.name, one.amount or 1) for one in request.resources)), "")
    labels = (label_problem(name, value or "") for name, value in settings.labels)
    if problem := named or next(filter(None, labels), "") or capacity_problem(settings.over(stock.capacity)):
        raise Refused(Code.INVALID_ARGUMENT, problem)

    def done() -> None:
        changed()
        call.reply(request_pb2.Reply(slots=request_pb2.SlotsReply(slots=stock.capacity.slots, stocks=describe_stock(stock))))

    desk.take(SetCapacity(settings, request.reset, call.proof, done))

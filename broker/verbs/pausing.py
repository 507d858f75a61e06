"""pause and resume: let jobs stand still, and go on; answered when they do."""

from __future__ import annotations

from ...keys.rights import Right, demand
from ...schemas.generated import request_pb2
from ...schemas.naming import format_id
from ...schemas.refusal import Code, Refused
from ..call import Call
from ..desk import Desk
from ..life import Job
from .keys import read_key


def pause(call: Call, desk: Desk) -> None:
    """Let jobs stand still."""
    _ask(call, desk, call.request.pause, paused=True)


def resume(call: Call, desk: Desk) -> None:
    """Let jobs go on."""
    _ask(call, desk, call.request.resume, paused=False)


def _ask(call: Call, desk: Desk, request: request_pb2.Pause | request_pb2.Resume, *, paused: bool) -> None:
    # All are looked at first, so that it is done to all of them or to none.
    if not request.keys:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no job")
    jobs: list[Job] = []
    for wire_key in request.keys:
        key = read_key(wire_key, call.member)
        demand(call.member, Right.STOP, key.owner, format_id(key.id))
        job = desk.lookup.visible_job(key, call.member)
        if job not in jobs:
            jobs.append(job)
    desk.pauses.ask(jobs, lambda: _done(call), paused=paused)


def _done(call: Call) -> None:
    call.reply(request_pb2.Reply(done=request_pb2.Done()))

"""pause and resume: let jobs stand still, and go on; answered when they do."""

from __future__ import annotations

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..call import Call
from ..desk import Desk
from ..life import Job
from .keys import find_jobs_to_stop


def pause(call: Call, desk: Desk) -> None:
    """Let jobs stand still."""
    _ask(call, desk, call.request.pause, paused=True)


def resume(call: Call, desk: Desk) -> None:
    """Let jobs go on."""
    _ask(call, desk, call.request.resume, paused=False)


def _ask(call: Call, desk: Desk, request: request_pb2.Pause | request_pb2.Resume, *, paused: bool) -> None:
    if not request.keys:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no job")
    jobs: list[Job] = []
    steps = find_jobs_to_stop(request.keys, call.member, desk, jobs)
    call.in_slices(steps, lambda: desk.pauses.ask(jobs, lambda refused: _answer(call, refused), paused=paused))


def _answer(call: Call, refused: Refused | None) -> None:
    if refused is not None:
        call.refuse(refused)
        return
    call.reply(request_pb2.Reply(done=request_pb2.Done()))

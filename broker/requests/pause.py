"""pause and resume: suspend jobs or let them continue; answered when they do."""

from __future__ import annotations

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..desk.desk import Desk
from ..desk.inputs import Suspend
from ..desk.job import Job
from ..store.queries import Lookup
from .call import Call
from .job_keys import find_jobs_to_stop


def pause(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Suspend jobs."""
    _ask(call, desk, lookup, call.request.pause, paused=True)


def resume(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Let jobs continue."""
    _ask(call, desk, lookup, call.request.resume, paused=False)


def _ask(call: Call, desk: Desk, lookup: Lookup, request: request_pb2.Pause | request_pb2.Resume, *, paused: bool) -> None:
    if not request.keys:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no job")
    jobs: list[Job] = []
    steps = find_jobs_to_stop(request.keys, call.member, lookup, jobs)
    call.in_slices(steps, lambda: desk.take(Suspend([job.key for job in jobs], paused, call.done)))

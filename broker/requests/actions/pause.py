"""pause and resume: suspend jobs or let them continue; answered when they are suspended or running."""

from __future__ import annotations

from functools import partial

from ....schemas.generated import request_pb2
from ...desk.desk import Desk
from ...desk.inputs import Suspend
from ...jobs.job import Job
from ...jobs.life import SUSPENDABLE
from ...store.queries import Lookup
from ..call import Call
from ..job_keys import find_jobs_to_stop
from .selected import find_selected, has_selection, read_selection


def pause(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Suspend jobs."""
    _ask(call, desk, lookup, call.request.pause, paused=True)


def resume(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Let jobs continue."""
    _ask(call, desk, lookup, call.request.resume, paused=False)


def _ask(call: Call, desk: Desk, lookup: Lookup, request: request_pb2.Pause | request_pb2.Resume, *, paused: bool) -> None:
    jobs: list[Job] = []
    if not has_selection(request, "request"):
        steps = find_jobs_to_stop(request.keys, call.member, lookup, jobs)
        call.in_slices(steps, lambda: desk.take(Suspend([job.key for job in jobs], paused, call.done, call.proof)))
        return

    def suspend() -> None:
        # There are no more of them than slots. Others may have ended or started during the search.
        keys = [job.key for job in jobs if job.attempt.phase in SUSPENDABLE]
        if keys:
            desk.take(Suspend(keys, paused, partial(call.done, jobs=len(keys)), call.proof))
        else:
            call.done(None)

    call.in_slices(find_selected(read_selection(request.selection, call.member, lookup), desk.runs, jobs, []), suspend)

"""signal: sends one signal to all processes of a job, or of each job of a selection, without stopping it."""

from __future__ import annotations

import signal as signals
from collections.abc import Iterator

from ....schemas.refusal import Code, Reason, Refused
from ...desk.desk import Desk
from ...desk.inputs import Signal
from ...jobs.job import Job
from ...jobs.life import SIGNALED
from ...store.queries import Lookup
from ..call import Call
from ..job_keys import read_key_to_stop
from .selected import find_selected, read_selection


def signal(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Send the signal at once; `done` means that every process received it, whatever it did about it."""
    request = call.request.signal
    if request.HasField("selection") and request.HasField("key"):
        raise Refused(Code.INVALID_ARGUMENT, "the signal has a selection, and names a job by its key", "set one of the two")
    key = None if request.HasField("selection") else read_key_to_stop(request.key, call.member)
    if not 1 <= request.signal < signals.NSIG:
        raise Refused(Code.INVALID_ARGUMENT, f"{request.signal} is not the number of a signal")
    if key is not None:
        desk.take(Signal(lookup.visible_job(key, call.member).key, request.signal, call.done, call.proof))
        return
    jobs: list[Job] = []
    steps = find_selected(read_selection(request.selection, call.member, lookup), desk.runs, jobs, [])
    call.in_slices(steps, lambda: _send(call, desk, [job for job in jobs if job.attempt.phase in SIGNALED]))


def _send(call: Call, desk: Desk, jobs: list[Job]) -> None:
    """Send the signal to all of these jobs, and reply when each has received it, or has ended."""
    unanswered = len(jobs)
    received = 0
    why_not: Refused | None = None

    def answered(refused: Refused | None) -> None:
        nonlocal unanswered, received, why_not
        unanswered -= 1
        if refused is None:
            received += 1
        elif refused.reason is not Reason.ENDED:
            why_not = why_not or refused
        if not unanswered:
            call.done(why_not, received)

    def send() -> Iterator[None]:
        for job in jobs:
            desk.take(Signal(job.key, call.request.signal.signal, answered, call.proof))
            yield

    if jobs:
        call.in_slices(send(), lambda: None, to_the_end=True)
    else:
        call.done(None)

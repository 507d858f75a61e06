"""change: holds and releases jobs that wait, sets their priority, time limits, and the width of runs; answered when that is durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....schemas.frames import LARGEST_WIDTH
from ....schemas.generated import request_pb2
from ....schemas.jobs.spec_check import LONGEST_DURATION_MS, check_priority
from ....schemas.refusal import Code, Refused
from ...desk.desk import Desk
from ...desk.inputs import Alter, SetWidth
from ...jobs.job import Job, RunKey
from ...store.queries import Lookup
from ..call import Call
from ..job_keys import find_jobs_to_stop
from .request_parts import Parts
from .selected import find_selected, has_selection, read_selection

# What a key takes in the request, and all the rest: it is stored for each of its jobs.
_KEY_BYTES = 64
_CHANGE_BYTES = 1024


def change(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Change all jobs that are named, or none; of a selection, those that wait at this moment."""
    request = call.request.change
    selects = has_selection(request, "change")
    _check(call, request, selects=selects)
    jobs: list[Job] = []
    runs: list[RunKey] = []
    if not selects:
        steps = find_jobs_to_stop(request.keys, call.member, lookup, jobs)
        call.in_slices(steps, lambda: desk.take(_alter(call, jobs, call.done)))
        return

    def alter() -> None:
        if not any(map(request.HasField, ("held", "priority", "time_limit_ms"))):
            call.done(None, len(jobs))
            return
        # A time limit is also that of jobs that run.
        meant = jobs if request.HasField("time_limit_ms") else [job for job in jobs if not job.attempt.started_at_us]
        Parts(call, meant, record, lambda: call.done(None, len(meant))).begin()

    def record(part: Sequence[Job], recorded: Callable[[], None]) -> None:
        desk.take(_alter(call, part, lambda _: recorded(), skips=True))

    def begin() -> None:
        if request.HasField("parallel") and runs:
            desk.take(SetWidth(runs, request.parallel, call.proof, alter))
        else:
            alter()

    call.in_slices(find_selected(read_selection(request.selection, call.member, lookup), desk.runs, jobs, runs), begin)


def _alter(call: Call, jobs: Sequence[Job], done: Callable[[Refused | None], None], *, skips: bool = False) -> Alter:
    request = call.request.change
    return Alter(
        [job.key for job in jobs],
        request.held if request.HasField("held") else None,
        request.priority if request.HasField("priority") else None,
        request.time_limit_ms if request.HasField("time_limit_ms") else None,
        call.member.name,
        call.proof,
        done,
        skips,
    )


def _check(call: Call, request: request_pb2.Change, *, selects: bool) -> None:
    if not any(map(request.HasField, ("held", "priority", "time_limit_ms", "parallel"))):
        raise Refused(Code.INVALID_ARGUMENT, "the request changes nothing")
    if request.HasField("priority"):
        check_priority(request.priority)
        if request.priority > (highest := call.member.limits.highest_priority):
            message = f"the priority is {request.priority}, but the roster allows this member at most {highest}"
            raise Refused(Code.PERMISSION_DENIED, message, "set a lower one")
    if request.time_limit_ms > LONGEST_DURATION_MS:
        raise Refused(Code.INVALID_ARGUMENT, "the time limit is longer than 1000 days")
    if request.HasField("parallel"):
        if not selects:
            raise Refused(Code.INVALID_ARGUMENT, "how many jobs run at once is set for the run of a batch, not for single jobs")
        if request.parallel > LARGEST_WIDTH:
            raise Refused(Code.INVALID_ARGUMENT, f"{request.parallel} is not a number of jobs")
    if len(call.proof) > _CHANGE_BYTES + _KEY_BYTES * len(request.keys):
        message = f"the request has {len(call.proof)} bytes, too many for {len(request.keys)} jobs"
        raise Refused(Code.INVALID_ARGUMENT, message, "send nothing else in it")

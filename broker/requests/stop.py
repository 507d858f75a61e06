"""stop: ends jobs with all their processes; acknowledges when the request is durable, then reports when nothing of a job is left."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from ...schemas.generated import event_pb2, request_pb2
from ...schemas.refusal import Code, Refused
from ...schemas.spec import DEFAULT_GRACE_MS, LONGEST_DURATION_MS
from ..desk.desk import Desk
from ..desk.inputs import Stop
from ..desk.job import Job, StopOrder
from ..engine import Engine
from ..fairness.turns import Turns
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from .call import Call
from .job_keys import find_jobs_to_stop
from .streams import watch

# Jobs that are recorded together: a few milliseconds of work for the desk and its store.
_JOBS_A_PART = 100


def stop(call: Call, desk: Desk, lookup: Lookup, watchers: Watchers, engine: Engine, store: Store, turns: Turns) -> None:
    """Check all jobs first, so that a stop of several is carried out for all or for none."""
    request = call.request.stop
    call.demand_stream()
    if not request.keys:
        raise Refused(Code.INVALID_ARGUMENT, "the stop names no job")
    if request.signal >= signal.NSIG:
        raise Refused(Code.INVALID_ARGUMENT, f"{request.signal} is not the number of a signal")
    if request.grace_ms > LONGEST_DURATION_MS:
        raise Refused(Code.INVALID_ARGUMENT, "the grace is longer than 1000 days")
    jobs: list[Job] = []

    def done() -> None:
        cursor = event_pb2.Cursor(store=store.id, seq=store.head)
        if call.reply(request_pb2.Reply(acknowledged=request_pb2.Acknowledged(cursor=cursor)), last=False):
            watch(call, watchers, engine, turns, jobs, request)

    open_parts = 0

    def part_done() -> None:
        nonlocal open_parts
        open_parts -= 1
        if not open_parts:
            done()

    def stop_some() -> Iterator[None]:
        nonlocal open_parts
        parts = [jobs[at : at + _JOBS_A_PART] for at in range(0, len(jobs), _JOBS_A_PART)]
        open_parts = len(parts)
        for part in parts:
            orders = [(job.key, _order(request, job, call.member.name)) for job in part]
            desk.take(Stop(orders, call.proof, part_done, request.only_queued))
            yield

    call.in_slices(
        find_jobs_to_stop(request.keys, call.member, lookup, jobs), lambda: call.in_slices(stop_some(), _nothing, to_the_end=True)
    )


def _nothing() -> None:
    """Do nothing: the parts that were begun reply."""


def _order(request: request_pb2.Stop, job: Job, asked_by: str) -> StopOrder:
    grace_ms = job.spec.grace_ms if job.spec.grace_ms is not None else DEFAULT_GRACE_MS
    if request.HasField("grace_ms"):
        grace_ms = request.grace_ms
    return StopOrder(request.signal or job.spec.stop_signal, grace_ms, asked_by)

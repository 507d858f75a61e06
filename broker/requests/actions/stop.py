"""stop: ends jobs with all their processes; acknowledged when the request is durable, then reported when nothing of a job is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from ....schemas.generated import event_pb2, request_pb2
from ....schemas.jobs.spec import DEFAULT_GRACE_MS
from ....schemas.jobs.spec_check import LONGEST_DURATION_MS
from ....schemas.refusal import Code, Refused
from ...desk.desk import Desk
from ...desk.inputs import Stop
from ...engine import Engine
from ...jobs.job import Job, RunKey, StopOrder
from ...store.queries import Lookup
from ...store.store import Store
from ...streams.watchers import Watchers
from ..call import Call
from ..job_keys import find_jobs_to_stop
from ..streams import watch, watch_ends
from .request_parts import Parts
from .selected import find_selected, has_selection, read_selection


def stop(call: Call, desk: Desk, lookup: Lookup, watchers: Watchers, engine: Engine, store: Store) -> None:
    """Check all jobs first, so that a stop of several is carried out for all or for none.

    Of a selection, the jobs are those that have not ended at this moment; one reply says that none of them is left.
    """
    request = call.request.stop
    call.demand_stream()
    selects = has_selection(request, "stop")
    _check(request)
    jobs: list[Job] = []
    runs: list[RunKey] = []
    if selects:
        steps = find_selected(read_selection(request.selection, call.member, lookup), desk.runs, jobs, runs)
    else:
        steps = find_jobs_to_stop(request.keys, call.member, lookup, jobs)

    def done() -> None:
        cursor = event_pb2.Cursor(store=store.id, seq=store.head)
        acknowledged = request_pb2.Acknowledged(cursor=cursor, jobs=len(jobs) if selects else 0)
        if not call.reply(request_pb2.Reply(acknowledged=acknowledged), last=False):
            return
        if selects:
            watch_ends(call, watchers, jobs, runs, request.credit_messages, desk)
        else:
            watch(call, watchers, engine, jobs, request, desk)

    def record(part: Sequence[Job], recorded: Callable[[], None]) -> None:
        orders = [(job.key, order_of(request, job, call.member.name)) for job in part]
        desk.take(Stop(orders, call.proof, recorded, request.only_queued))

    call.in_slices(steps, Parts(call, jobs, record, done).begin)


def _check(request: request_pb2.Stop) -> None:
    if request.signal >= signal.NSIG:
        raise Refused(Code.INVALID_ARGUMENT, f"{request.signal} is not the number of a signal")
    if request.grace_ms > LONGEST_DURATION_MS:
        raise Refused(Code.INVALID_ARGUMENT, "the grace is longer than 1000 days")


def order_of(request: request_pb2.Stop, job: Job, asked_by: str) -> StopOrder:
    """Return how to stop a job: as the request says, or else as its spec says."""
    grace_ms = job.spec.grace_ms if job.spec.grace_ms is not None else DEFAULT_GRACE_MS
    if request.HasField("grace_ms"):
        grace_ms = request.grace_ms
    return StopOrder(request.signal or job.spec.stop_signal, grace_ms, asked_by)

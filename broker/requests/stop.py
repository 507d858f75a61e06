"""stop: ends jobs with all their processes; acknowledges when the request is durable, then reports when nothing of a job is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ...schemas.generated import event_pb2, request_pb2
from ...schemas.refusal import Code, Refused
from ...schemas.spec import DEFAULT_GRACE_MS, LONGEST_DURATION_MS
from ..desk.desk import Desk
from ..desk.inputs import Stop
from ..desk.job import Job, RunKey, StopOrder
from ..engine import Engine
from ..fairness.turns import Turns
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from .call import Call
from .job_keys import find_jobs_to_stop
from .selected import find_selected, has_selection, read_selection
from .streams import watch, watch_ends

# Jobs that are recorded together: a few milliseconds of work for the desk and its store.
_JOBS_A_PART = 100
# Few: everything that is submitted during a commit goes into the next one, in one piece for which everybody waits.
_PARTS_AT_ONCE = 2


def stop(call: Call, desk: Desk, lookup: Lookup, watchers: Watchers, engine: Engine, store: Store, turns: Turns) -> None:
    """Check all jobs first, so that a stop of several is carried out for all or for none.

    Of a selection, the jobs are those that have not ended at this moment; when none of them is left, that is said in one reply.
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
            watch_ends(call, watchers, jobs, runs, request.credit_messages)
        else:
            watch(call, watchers, engine, turns, jobs, request)

    call.in_slices(steps, _Parts(call, desk, jobs, done).begin)


class _Parts:
    """The jobs of a stop, recorded in parts; `done` is called when all of them are durable."""

    def __init__(self, call: Call, desk: Desk, jobs: Sequence[Job], done: Callable[[], None]) -> None:
        self._call = call
        self._desk = desk
        self._jobs = jobs
        self._done = done
        self._waiting: Iterator[Sequence[Job]] = iter(())
        self._unrecorded = 0

    def begin(self) -> None:
        """Record the first parts; the others follow, whether or not the client is still there."""
        parts = [self._jobs[at : at + _JOBS_A_PART] for at in range(0, len(self._jobs), _JOBS_A_PART)]
        self._waiting = iter(parts)
        self._unrecorded = len(parts)
        if not parts:
            self._done()
        for _ in range(_PARTS_AT_ONCE):
            self._stop_next()

    def _stop_next(self) -> None:
        request = self._call.request.stop
        for part in islice(self._waiting, 1):
            orders = [(job.key, _order(request, job, self._call.member.name)) for job in part]
            self._desk.take(Stop(orders, self._call.proof, self._recorded, request.only_queued))

    def _recorded(self) -> None:
        self._unrecorded -= 1
        if self._unrecorded:
            self._call.later(self._stop_next)
        else:
            self._done()


def _check(request: request_pb2.Stop) -> None:
    if request.signal >= signal.NSIG:
        raise Refused(Code.INVALID_ARGUMENT, f"{request.signal} is not the number of a signal")
    if request.grace_ms > LONGEST_DURATION_MS:
        raise Refused(Code.INVALID_ARGUMENT, "the grace is longer than 1000 days")


def _order(request: request_pb2.Stop, job: Job, asked_by: str) -> StopOrder:
    grace_ms = job.spec.grace_ms if job.spec.grace_ms is not None else DEFAULT_GRACE_MS
    if request.HasField("grace_ms"):
        grace_ms = request.grace_ms
    return StopOrder(request.signal or job.spec.stop_signal, grace_ms, asked_by)

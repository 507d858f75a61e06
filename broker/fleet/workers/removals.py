"""Workers that were removed while they had jobs. These were reported as lost, which is final; a worker that comes back must stop them.

For that, it may connect although it is no longer on the roster, and gets no jobs. It is shown the signed request that removed it, and
checks it itself. How the jobs really ended is recorded beside what was reported. When no job is left, the worker is forgotten. It may
connect for 90 days after the removal, and no longer. Nothing is deleted at that time, so a clock that is set wrong does no lasting harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ....keys.identity import curve_public_of
from ....keys.members.rights import Member
from ....schemas.generated import request_pb2
from ....schemas.refusal import Refused
from ...store.rows.fleet import growth_rows
from ...store.store import Store
from ...writes.growth import Growth, RemovalRow
from .registry import Workers
from .worker import Worker

_log = logging.getLogger(__name__)

CallLater = Callable[[float, Callable[[], None]], object]

OPEN_US = 90 * 86_400 * 1_000_000


class Removals:
    """Removed workers that are still to be told. `depart(worker, name)` is called when one is forgotten; `call_later` takes seconds."""

    def __init__(self, workers: Workers, store: Store, depart: Callable[[Worker, str], None], call_later: CallLater) -> None:
        """Take over from the store what an earlier run has left."""
        self._workers = workers
        self._store = store
        self._call_later = call_later
        # Those whose time is followed by a timer.
        self._timed: set[Worker] = set()
        # Those that came too late, which is said once.
        self._late: set[bytes] = set()
        self._depart = depart
        self._open: dict[bytes, RemovalRow] = {}
        self._by_curve: dict[bytes, bytes] = {}
        for row in growth_rows.read_removals(store.read):
            self.add(row)

    def add(self, row: RemovalRow) -> None:
        """Note that a worker was removed, which is told so if it comes back; the caller records it."""
        self._open.pop(row.key, None)
        self._open[row.key] = row
        self._by_curve[curve_public_of(row.key)] = row.key
        self._late.discard(row.key)
        while len(self._open) > growth_rows.MOST_REMOVALS:
            oldest = next(iter(self._open))
            del self._open[oldest], self._by_curve[curve_public_of(oldest)]

    def member(self, key: bytes) -> Member | None:
        """Return a removed worker that is still to be told as a member, which may enlist and nothing else."""
        row = self._open.get(key)
        if row is None:
            return None
        if self._left_us(row) > 0:
            return Member(row.name, key, "worker")
        if key not in self._late:
            self._late.add(key)
            _log.warning(
                "worker %s comes back more than %d days after it was removed, and is not admitted; its jobs may continue there",
                *(row.name, OPEN_US // 86_400_000_000),
            )
        return None

    def _left_us(self, row: RemovalRow) -> int:
        """Return for how many microseconds a removed worker may still connect."""
        return row.removed_at_us + OPEN_US - self._workers.now_us()

    def by_curve(self, curve_public: bytes) -> Member | None:
        """Return the same by the CurveZMQ key."""
        key = self._by_curve.get(curve_public)
        return self.member(key) if key is not None else None

    def greeted(self, worker: Worker) -> None:
        """Note that a worker has connected; if it was removed, show it the request before it is asked anything else."""
        row = self._open.get(worker.key)
        worker.is_told_of_removal, worker.stops_not = row is None, ""
        worker.is_removed = row is not None and not self._workers.is_member(worker.key)
        if row is not None:
            removed = request_pb2.Request(removed=request_pb2.Removed(request=row.proof))
            worker.link.ask(removed, partial(self._told, worker))
            if worker.is_removed and worker not in self._timed:
                self._end_in_time(worker)

    def _end_in_time(self, worker: Worker) -> None:
        """Forget a removed worker, now or later, if it has not ended its jobs in time."""
        self._timed.discard(worker)
        row = self._open.get(worker.key)
        if row is None or not (worker.is_removed and worker.link.is_up):
            return
        if (left_us := self._left_us(row)) > 0:
            self._timed.add(worker)
            self._call_later(left_us / 1e6, partial(self._end_in_time, worker))
        else:
            worker.link.drop("was removed, and has not ended its jobs in time")

    def _told(self, worker: Worker, answer: request_pb2.Reply | Refused) -> None:
        name = self._workers.name_of(worker.key)
        worker.is_told_of_removal = True
        if isinstance(answer, Refused):
            worker.stops_not = str(answer)
            _log.warning("worker %s was removed, and does not stop its jobs: %s", name, answer)
        else:
            _log.info("worker %s, which was removed, stops the jobs that it had", name)
            if not worker.is_removed:
                # It was let in again. Shown once more, over the next link, it would stop what it has got since.
                self._forget(worker)
        self.look(worker)

    def look(self, worker: Worker) -> None:
        """Forget a removed worker that has no jobs left: it has reported all ends, and knows that they are recorded."""
        row = self._open.get(worker.key)
        if row is None or not (worker.takes_jobs and worker.is_told_of_removal):
            return
        lingers = any(key not in worker.carried for key in worker.reported)
        if lingers or worker.to_settle or worker.unsettled:
            return
        _log.info("nothing is left of the jobs of worker %s, which was removed", row.name)
        self._forget(worker)
        if worker.is_removed:
            worker.link.drop("was removed, and nothing of its jobs is left")
            self._depart(worker, row.name)

    def _forget(self, worker: Worker) -> None:
        if self._open.pop(worker.key, None) is not None:
            del self._by_curve[curve_public_of(worker.key)]
            self._store.submit(Growth(told_removals=[worker.key]), _nothing)


def _nothing() -> None:
    """Do nothing once it is durable: if it is not, the worker is told once more."""
